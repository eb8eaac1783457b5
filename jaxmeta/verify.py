"""Is a record true? Its chain, its decisions, and its trainings run again.

identical    the study is complete, and every line came out again, bit for bit
unfinished   the same of all that is there, and the study has not come to its end
consistent   what was checked holds; not all could be, or was
different    the first line, field and epoch that came out otherwise
"""

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxmeta import engine, testing
from jaxmeta.engine import Engine
from jaxmeta.engine.scheduler import job, run_all
from jaxmeta.record import environment, lines, schema
from jaxmeta.record.error import JournalError, Mismatch, shown
from jaxmeta.record.journal import Line, read_content
from jaxmeta.replay import replay, same
from jaxmeta.running import surroundings
from jaxmeta.study import from_line
from jaxmeta.training import Trainable

IDENTICAL, UNFINISHED = "identical", "unfinished"
CONSISTENT, DIFFERENT = "consistent", "different"
SHOWN = 5  # indices of decisions in a sentence


@dataclass
class Verdict:
    """What `verify` found.

    Attributes:
      answer: IDENTICAL, UNFINISHED, CONSISTENT or DIFFERENT.
      checked: indices of the decisions whose trainings were run again, or that have none.
      of: how many decisions the record has.
      unchecked: what was not checked, and why: in words; nothing where all was.
      environment: what differs from the environment of the record.
      difference: where the record first differs: line, field, epoch, recorded, here.
      sentence: the reason, for a person.
      sample_seed: what a sample was drawn with; None where none was.
    """

    answer: str = IDENTICAL
    checked: list[int] = field(default_factory=list)
    of: int = 0
    unchecked: list[str] = field(default_factory=list)
    environment: list[str] = field(default_factory=list)
    difference: dict[str, Any] | None = None
    sentence: str = ""
    sample_seed: int | None = None


def verify(
    folder: Path | str,
    choice: str = "all",
    task: Trainable | str | None = None,
    workers: int = 0,
    sample_seed: int | None = None,
    allow_download: bool = False,
) -> Verdict:
    """Check the record in `folder`, which may be a stranger's.

    Args:
      choice: which decisions' trainings to run again: "all", a number N (a sample of N, see
        `sample`), or indices such as "0,3,7" ("3," for one).
      task: the task, where it was made in Python, or "module:function" to trust the record's own.
      workers: train in so many processes; 0: in this one.
      sample_seed: draws a sample of N once more; None: another one each time.
      allow_download: whether data that are not on this machine may be downloaded.

    Raises:
      JournalError: there is no record that can be read, or no task to train.
      ValueError: a choice that is none; or a tuner that this version has not.
    """
    try:
        content = read_content(Path(folder))
        journal = content.lines
        schema.check(journal)
        replay(journal)
    except Mismatch as error:
        return _different(error.number, error.field, error.recorded, error.expected, str(error))
    except JournalError as error:
        if error.number in (None, 1):  # it is not known of which study it would be the record
            raise
        return Verdict(DIFFERENT, sentence=str(error))
    if sample_seed is None:
        sample_seed = secrets.randbits(32)
    drawn = choice.isdecimal()
    chosen = sample(choice, lines.decisions(journal), sample_seed)
    try:
        study = from_line(journal[0], task, allow_download)
    except Mismatch as error:
        return _different(error.number, error.field, error.recorded, error.expected, str(error))
    with engine.start([study.recipe()], workers) as runner:
        verdict = train_again(journal, chosen, runner, content.torn)
    verdict.sample_seed = sample_seed if drawn else None
    return verdict


def train_again(journal: list[Line], chosen: set[int], runner: Engine, torn: int = 0) -> Verdict:
    """Run the trainings of the `chosen` decisions of a journal that replays once more; its test
    where all were. `runner` is an engine of its study, running; `torn` bytes follow the journal."""
    chains = replay(journal)
    here = surroundings(runner, chains.tuner)
    verdict = Verdict(of=len(lines.decisions(journal)))
    again, elsewhere, left_out = [], [], []
    changes: list[str] = []
    for n, number, line, changed in _decisions(journal, here):
        changes = changes or changed
        if not line["trainings"]:
            verdict.checked.append(n)  # it rests on earlier ones, as `replay` has seen
        elif changed:
            elsewhere.append(n)
        elif n in chosen:
            again.append((n, number, line))
        else:
            left_out.append(n)
    jobs = {
        # No longer than the record has it, whose own curve says that it ends there.
        (number, entry["r"]): job(chains, lines.trial_of(journal[0], line, entry))._replace(
            epochs=len(entry["curve"])
        )
        for _, number, line in again
        for entry in line["trainings"]
    }
    events = run_all(runner, list(jobs.values()))
    for n, number, line in again:
        for entry in line["trainings"]:
            result = events[jobs[number, entry["r"]].name].result
            if result.compiled != entry["compiled"]:
                variant = lines.variant_of(line["values"]) or "all values"
                changes += [
                    f"compiled program at {variant}: recorded {entry['compiled']}, "
                    f"here {result.compiled}"
                ]
                elsewhere.append(n)
                break
            trained = lines.training_entry(lines.kind_of(journal[0]), entry["r"], result)
            if found := _first_difference(number, entry, trained):
                return found
        else:
            verdict.checked.append(n)
    verdict.checked.sort()
    changes = list(dict.fromkeys(changes))
    last_changes = environment.differences(lines.environments(journal)[-1], here)
    verdict.environment = changes or last_changes
    if elsewhere:
        verdict.unchecked.append(f"{_trainings(elsewhere)}: made in another environment")
    if left_out:
        verdict.unchecked.append(f"{_trainings(left_out)}: not chosen")
    ended = journal[-1]["line"] == "end"
    if ended and last_changes:
        verdict.unchecked.append("the test: made in another environment")
    elif ended and (elsewhere or left_out):
        verdict.unchecked.append("the test: it is run where all trainings are")
    elif ended:
        try:
            test = testing.outcome(chains, journal, run_all(runner, testing.jobs(chains, journal)))
        except JournalError as error:
            return Verdict(DIFFERENT, sentence=str(error))
        if not same(journal[-1]["test"], test):
            return _different(len(journal), "test", journal[-1]["test"], test)
    return _sum_up(verdict, ended, torn)


def _decisions(journal: list[Line], here: Line) -> Iterator[tuple[int, int, Line, list[str]]]:
    """Index, number and line of each decision, and what its environment has that is not `here`."""
    n, changed = 0, []
    news: dict[str, Any] | None = None
    for number, line in enumerate(journal, 1):
        news = line.get("environment", news)
        if line["line"] == "decision":
            if news is not None:  # looked at once a decision, however many lines say it
                changed, news = environment.differences(news, here), None
            yield n, number, line, changed
            n += 1


def _trainings(of: list[int]) -> str:
    more = f" and {len(of) - SHOWN} more" if len(of) > SHOWN else ""
    return f"the trainings of decisions {', '.join(map(str, of[:SHOWN]))}{more}"


def sample(choice: str, decisions: list[Line], seed: int) -> set[int]:
    """The indices of `decisions` that `choice` means.

    A sample of N is of those that have trainings of their own: the N decisions n with the lowest
    SHA-256 of (`seed`, n). The seed is the verifier's, so that nobody who writes a record knows
    which of it will be looked at.
    """
    of = len(decisions)
    try:
        if choice == "all":
            return set(range(of))
        if "," in choice:
            chosen = {int(i) for i in choice.split(",") if i.strip()}
            if all(0 <= i < of for i in chosen):
                return chosen
        elif 0 <= int(choice):
            own = [n for n, line in enumerate(decisions) if line["trainings"]]
            order = sorted(own, key=lambda n: hashlib.sha256(f"{seed} {n}".encode()).digest())
            return set(order[: int(choice)])
    except ValueError:
        pass
    raise ValueError(
        f"trainings must be all, a number, or indices from 0 to {of - 1} such as 0,2, "
        f"got {choice!r}; choose one of these"
    )


def _sum_up(verdict: Verdict, ended: bool, torn: int) -> Verdict:
    partly = bool(verdict.unchecked or verdict.environment)
    if torn:
        verdict.unchecked.append(f"the last line, of which there are {torn} bytes only")
    if not ended:
        verdict.unchecked.append("the rest of the study: the record has no end, and no test")
    all_of = f"all {verdict.of} decisions and their trainings came out again, bit for bit"
    if not verdict.of:
        all_of = "the record has no decision"
    if partly:
        verdict.answer = CONSISTENT
        verdict.sentence = (
            f"the chain and all decisions hold; the trainings of {len(verdict.checked)} of "
            f"{verdict.of} came out again, bit for bit; not checked: {'; '.join(verdict.unchecked)}"
        )
    elif not ended:
        verdict.answer = UNFINISHED
        verdict.sentence = f"{all_of}; not checked: {'; '.join(verdict.unchecked)}"
    else:
        verdict.sentence = all_of
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
    recorded, here = _hexadecimal(recorded), _hexadecimal(here)
    found = {"line": number, "field": name, "epoch": epoch, "recorded": recorded, "here": here}
    return Verdict(
        DIFFERENT,
        difference=found,
        sentence=sentence or f"{where}: recorded {shown(recorded)}, trained again {shown(here)}",
    )


def _hexadecimal(value: Any) -> Any:
    """Integers as hexadecimal text; floats and digests are that already."""
    return hex(value) if isinstance(value, int) and not isinstance(value, bool) else value
