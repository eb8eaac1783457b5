"""Is a record true? Its chain, its decisions, and its trainings run again.

identical    every line came out again, bit for bit
consistent   chain and decisions hold; the trainings cannot be compared, or were not all run
different    the first line, field and epoch that came out otherwise
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxmeta.record import environment, lines
from jaxmeta.record.journal import NAME, JournalError, Line, read
from jaxmeta.replay import Mismatch, replay, same
from jaxmeta.study import Study, environment_of, from_line, surroundings, test_of
from jaxmeta.tasks import Task
from jaxmeta.training.program import Program
from jaxmeta.tuning import Wanted

IDENTICAL, CONSISTENT, DIFFERENT = "identical", "consistent", "different"


@dataclass
class Verdict:
    """What `verify` found.

    Attributes:
      answer: IDENTICAL, CONSISTENT or DIFFERENT.
      checked: indices of the trainings that were run again.
      of: how many trainings the record has.
      environment: what differs from the environment of the record.
      difference: where the record first differs: line, field, epoch, recorded, here.
      sentence: the reason, for a person.
    """

    answer: str = IDENTICAL
    checked: list[int] = field(default_factory=list)
    of: int = 0
    environment: list[str] = field(default_factory=list)
    difference: dict[str, Any] | None = None
    sentence: str = ""


def verify(folder: Path | str, choice: str = "all", task: Task | None = None) -> Verdict:
    """Check the record in `folder`.

    Args:
      choice: which trainings to run again: "all", a number N (a sample of N, see `sample`), or
        indices such as "0,3,7" ("3," for one).
      task: the task, where it was made in Python.

    Raises:
      JournalError: there is no record that can be read, or no task to train.
      ValueError: a choice that is none.
    """
    folder = Path(folder)
    if not (folder / NAME).is_file():
        read(folder)  # says what is missing
    try:
        journal = read(folder)
        replay(journal)
    except Mismatch as error:
        return _different(error.number, error.field, error.recorded, error.expected, str(error))
    except JournalError as error:
        return Verdict(DIFFERENT, sentence=str(error))
    chosen = sample(choice, len(lines.trainings(journal)), (folder / NAME).read_bytes())
    study = from_line(journal[0], task)
    return train_again(journal, chosen, study, study.program())


def train_again(journal: list[Line], chosen: set[int], study: Study, program: Program) -> Verdict:
    """Run the `chosen` trainings of a journal that replays once more; its test where all were."""
    walk = replay(journal)
    here = surroundings(program)
    changes = environment.differences(environment_of(journal), here)
    verdict = Verdict(of=walk.i, environment=changes)
    for number, line in enumerate(journal, 1):
        if environment_of(journal[:number]) != here:
            continue
        if line["line"] == "training" and line["i"] in chosen:
            values = {name: float.fromhex(value) for name, value in line["values"].items()}
            result, _ = program.train(walk.training_key(line["i"]), values)
            wanted = Wanted(line["i"], line["k"], values, line["asked"])
            again = lines.training_line(journal[0], wanted, result, line["told"])
            if found := _first_difference(number, line, again):
                return found
            verdict.checked.append(line["i"])
        if line["line"] == "end" and len(verdict.checked) == verdict.of:
            test = test_of(study, program, walk, journal)
            if not same(line["test"], test):
                return _different(number, "test", line["test"], test)
    return _sum_up(verdict)


def sample(choice: str, trainings: int, content: bytes) -> set[int]:
    """The indices that `choice` means. A sample of N follows from the journal's own bytes: the N
    trainings i with the lowest SHA-256 of (SHA-256 of the journal, i), so that nobody who writes a
    record knows which of it will be looked at."""
    try:
        if choice == "all":
            return set(range(trainings))
        if "," in choice:
            chosen = {int(i) for i in choice.split(",") if i.strip()}
            if all(0 <= i < trainings for i in chosen):
                return chosen
        elif 0 <= int(choice):
            head = hashlib.sha256(content).hexdigest()
            order = sorted(
                range(trainings), key=lambda i: hashlib.sha256(f"{head} {i}".encode()).digest()
            )
            return set(order[: int(choice)])
    except ValueError:
        pass
    raise ValueError(
        f"trainings must be all, a number, or indices from 0 to {trainings - 1} such as 0,2, "
        f"got {choice!r}; choose one of these"
    )


def _sum_up(verdict: Verdict) -> Verdict:
    ran = len(verdict.checked)
    if ran == verdict.of:
        verdict.sentence = f"all {verdict.of} trainings and decisions came out again, bit for bit"
        return verdict
    verdict.answer = CONSISTENT
    rest = (
        "the others were made in another environment and cannot be compared"
        if verdict.environment
        else "the others were not run"
    )
    verdict.sentence = (
        f"the chain and all decisions hold; {ran} of {verdict.of} trainings were run again and "
        f"came out the same, bit for bit; {rest}"
    )
    return verdict


def _first_difference(number: int, line: Line, again: Line) -> Verdict | None:
    """The earliest epoch at which they part, then anything else."""
    for epoch, _ in enumerate(line["curve"]):
        for name in ("digests", "losses", "curve"):
            recorded, here = (_at(entries[name], epoch) for entries in (line, again))
            if not same(recorded, here):
                return _different(number, name, recorded, here, epoch=epoch + 1)
    for name in again:
        if not same(line[name], again[name]):
            return _different(number, name, line[name], again[name])
    return None


def _at(entries: list[Any], epoch: int) -> Any:
    return entries[epoch] if epoch < len(entries) else None


def _different(
    number: int, name: str, recorded: Any, here: Any, sentence: str = "", epoch: int | None = None
) -> Verdict:
    where = f"line {number}, {name}" + (f", epoch {epoch}" if epoch else "")
    return Verdict(
        DIFFERENT,
        difference={
            "line": number,
            "field": name,
            "epoch": epoch,
            "recorded": _hexadecimal(recorded),
            "here": _hexadecimal(here),
        },
        sentence=sentence
        or f"{where}: recorded {_hexadecimal(recorded)}, trained again {_hexadecimal(here)}",
    )


def _hexadecimal(value: Any) -> Any:
    """Integers as hexadecimal text; floats and digests are that already."""
    return hex(value) if isinstance(value, int) and not isinstance(value, bool) else value
