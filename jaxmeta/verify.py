"""Is a record true? Its chain, its decisions, and its trainings run again.

identical    every line came out again, bit for bit
consistent   chain and decisions hold; the trainings cannot be compared, or were not all run
different    the first line, field and epoch that came out otherwise
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxmeta import engine
from jaxmeta.engine import Engine
from jaxmeta.engine.supply import job, run_all
from jaxmeta.record import environment, lines
from jaxmeta.record.journal import NAME, JournalError, Line, read
from jaxmeta.replay import Mismatch, replay, same
from jaxmeta.study import environment_of, from_line, test_jobs, test_of
from jaxmeta.tasks import Task
from jaxmeta.tuning import Chains, Name

IDENTICAL, CONSISTENT, DIFFERENT = "identical", "consistent", "different"


@dataclass
class Verdict:
    """What `verify` found.

    Attributes:
      answer: IDENTICAL, CONSISTENT or DIFFERENT.
      checked: indices of the decisions whose trainings were run again.
      of: how many decisions the record has.
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


def verify(
    folder: Path | str, choice: str = "all", task: Task | None = None, workers: int = 0
) -> Verdict:
    """Check the record in `folder`.

    Args:
      choice: which decisions' trainings to run again: "all", a number N (a sample of N, see
        `sample`), or indices such as "0,3,7" ("3," for one).
      task: the task, where it was made in Python.
      workers: train in so many processes; 0: in this one.

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
    chosen = sample(choice, len(lines.decisions(journal)), (folder / NAME).read_bytes())
    study = from_line(journal[0], task)
    with engine.start(study.recipe(), workers) as runner:
        return train_again(journal, chosen, runner)


def train_again(journal: list[Line], chosen: set[int], runner: Engine) -> Verdict:
    """Run the trainings of the `chosen` decisions of a journal that replays once more; its test
    where all were. `runner` is an engine of its study, running."""
    chains, here = replay(journal), runner.surroundings()
    changes = environment.differences(environment_of(journal), here)
    verdict = Verdict(of=len(lines.decisions(journal)), environment=changes)
    comparable = [
        (number, line)
        for number, line in enumerate(journal, 1)
        if environment_of(journal[:number]) == here
    ]
    mine = {id(line): n for n, line in enumerate(lines.decisions(journal))}
    again = [(number, line) for number, line in comparable if mine.get(id(line)) in chosen]
    jobs = {
        (number, entry["r"]): job(chains, _name(chains, line, entry))
        for number, line in again
        for entry in line["trainings"]
    }
    events = run_all(runner, list(jobs.values()))
    for number, line in again:
        for entry in line["trainings"]:
            result = events[jobs[number, entry["r"]].name].result
            trained = lines.training_entry(journal[0]["score"], entry["r"], result)
            if found := _first_difference(number, entry, trained):
                return found
        verdict.checked.append(mine[id(line)])
    number, last = len(journal), journal[-1]
    if last["line"] == "end" and len(verdict.checked) == verdict.of and not verdict.environment:
        test = test_of(chains, journal, run_all(runner, test_jobs(chains, journal)))
        if not same(last["test"], test):
            return _different(number, "test", last["test"], test)
    return _sum_up(verdict)


def _name(chains: Chains, line: Line, entry: Line) -> Name:
    return Name(line["chain"], 0 if chains.paired else line["i"], line["k"], entry["r"])


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
        verdict.sentence = (
            f"all {verdict.of} decisions and their trainings came out again, bit for bit"
        )
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


def _first_difference(number: int, entry: Line, again: Line) -> Verdict | None:
    """The earliest epoch at which they part, then anything else."""
    for epoch, _ in enumerate(entry["curve"]):
        for name in ("digests", "losses", "curve"):
            recorded, here = (_at(entries[name], epoch) for entries in (entry, again))
            if not same(recorded, here):
                return _different(number, name, recorded, here, epoch=epoch + 1)
    for name in again:
        if not same(entry[name], again[name]):
            return _different(number, name, entry[name], again[name])
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
