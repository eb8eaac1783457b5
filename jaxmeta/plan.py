"""How long a study takes on so many workers, before the hours are spent: its look-ahead simulated.

The scheduler, the chains and the tuner are the study's own; only the trainings are not run: each
takes the time, and has the score, that the record has of it, or of one at the nearest position; or
where nothing was run yet a time that is given and a score drawn by lot. Not simulated: the start of
workers, compilation, and the epoch that a training may take to be given up.
"""

import hashlib
import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jaxmeta.engine import Event, Job
from jaxmeta.engine.scheduler import AUTO, Scheduler, job
from jaxmeta.engine.together import Course, together
from jaxmeta.record import lines as record
from jaxmeta.record import times
from jaxmeta.record.cache import Cache
from jaxmeta.record.error import JournalError
from jaxmeta.record.schema import Line
from jaxmeta.score import FLOAT, to_rank
from jaxmeta.trial import Position, Result, Trial, parse
from jaxmeta.tuning import Chains

LONGEST = 1e9  # seconds of a training: thirty years
ENOUGH = 1.02  # times the shortest: what takes no longer is as good


class Measured(NamedTuple):
    """What is known of a training: its score, and the seconds that it took."""

    score: int
    seconds: float


Training = Callable[[int, Trial], Measured]  # of study number so and so


@dataclass(frozen=True)
class Plan:
    """What so many workers would bring.

    Attributes:
      workers: each trains one at a time.
      seconds: from the first training to the end of the last study.
      useful: of the workers' time, the part that went into trainings that decisions rest on.
      trainings: that were run to their ends.
      speed_up: over one worker that runs the needed trainings alone.
    """

    workers: int
    seconds: float
    useful: float
    trainings: int
    speed_up: float


def plan(
    chains: Callable[[], Sequence[Chains]],
    training: Training,
    workers: int,
    lookahead: int | None = AUTO,
    epochs: int = 1,
) -> Plan:
    """Studies on `workers` that they share, from their beginning to their end.

    Args:
      chains: makes the studies, none of whose decisions was made.
      training: what came of a training, and how long it took.
      lookahead: see `running.Means`.
      epochs: so often each training says how far it is; that changes no time.
    """
    engine, needed = _Clock(workers, training, epochs), [0.0]
    studies: dict[str, tuple[Scheduler, Course]] = {}
    for n, one in enumerate(chains()):
        scheduler = Scheduler(workers, one, _Nowhere(), None, lookahead, name=str(n))
        studies[str(n)] = scheduler, _course(one, scheduler, needed)
    together(engine, studies)
    seconds = engine.now
    useful = needed[0] / (workers * seconds) if seconds else 1.0
    return Plan(workers, seconds, useful, engine.ended, needed[0] / seconds if seconds else 1.0)


def by_lot(seconds: float, kinds: Sequence[str]) -> Training:
    """Nothing was run yet: each takes so many seconds, and scores, of each study's kind, are drawn
    by lot.

    Raises:
      ValueError: no training takes so long.
    """
    if not 0 < seconds <= LONGEST:
        raise ValueError(
            f"a training must take more than 0 seconds and at most {LONGEST:g}, got {seconds:g}; "
            "mend it"
        )

    def training(study: int, trial: Trial) -> Measured:
        drawn = int.from_bytes(hashlib.sha256(f"{study} {trial}".encode()).digest()[:2], "big")
        return Measured(to_rank(drawn / 2**16) if kinds[study] == FLOAT else drawn, seconds)

    return training


def of_records(records: Sequence[tuple[list[Line], Path]]) -> Training:
    """Studies that have begun, each by the lines of its journal and its folder. A training that was
    not run, or of a further study, is taken for one of those at the nearest position.

    Raises:
      JournalError: nothing is known of how long they took.
    """
    known: list[dict[Trial, Measured]] = []
    for lines, folder in records:
        first, took = lines[0], times.seconds(folder)
        known.append({})
        for line in record.decisions(lines):
            at = line["chain"], line["i"]
            for entry in line["trainings"] if at in took else ():
                rank = record.rank(record.kind_of(first), entry["score"])
                seconds = took[at] / len(line["trainings"])
                known[-1][record.trial_of(first, line, entry)] = Measured(rank, seconds)
    places: dict[Position, list[Measured]] = {}
    for trial, measured in (pair for one in known for pair in one.items()):
        places.setdefault(trial.position, []).append(measured)
    if not places:
        raise JournalError(
            "a plan needs the times of trainings that were run, and times.jsonl has none; say "
            "--seconds-per-training"
        )

    @cache
    def nearest(position: Position) -> list[Measured]:
        def distance(other: Position) -> int:
            return sum(abs(a - b) for a, b in zip(position, other, strict=True))

        return places[min(places, key=distance)]

    def training(study: int, trial: Trial) -> Measured:
        if study < len(known) and trial in known[study]:
            return known[study][trial]
        near = nearest(trial.position)
        return near[hashlib.sha256(f"{study} {trial}".encode()).digest()[0] % len(near)]

    return training


def enough(plans: Iterable[Plan]) -> int:
    """The least number of workers of which more bring nothing."""
    known = list(plans)
    best = min(one.seconds for one in known)
    return min(one.workers for one in known if one.seconds <= ENOUGH * best)


def _course(chains: Chains, scheduler: Scheduler, needed: list[float]) -> Course:
    """A study without a record; at its end what is recommended is trained once more, for the
    test."""
    at: dict[tuple[int, Position], tuple[Trial, ...]] = {}
    while (decision := chains.next()) is not None:
        yield from scheduler.fetch(decision)
        chains.tell(decision)
        needed[0] += scheduler.used(decision)
        at[decision.chain, decision.suggestion.position] = decision.trials
    best = at[0, chains.recommended[0]]
    ends = yield from scheduler.run([job(chains, trial) for trial in best])
    needed[0] += sum(event.seconds for event in ends.values())


class _Nowhere(Cache):
    """Nothing is kept."""

    def __init__(self) -> None: ...

    def put(self, name: str, result: Any) -> None: ...

    def load(self) -> dict[str, Any]:
        return {}


class _Clock:
    """An engine whose trainings take time on a clock of its own; see `engine.Engine`."""

    def __init__(self, lanes: int, training: Training, epochs: int) -> None:
        self.lanes, self.now, self.ended = lanes, 0.0, 0
        self._training, self._epochs = training, epochs
        self._began: dict[str, float] = {}  # of what runs
        self._happens: list[tuple[float, str, float, int]] = []  # a heap: when, what, begun, epoch

    def surroundings(self, recipe: int = 0) -> dict[str, Any]:
        return {}

    def want(self, jobs: Sequence[Job]) -> None:
        before, self._began = self._began, {}
        for one in jobs:
            self._began[one.name] = before.get(one.name, self.now)
            if one.name not in before:
                self._await(one.name, 1)

    def next(self) -> list[Event]:
        """All that happens next, at one time."""
        events: list[Event] = []
        while self._happens and (not events or self._happens[0][0] == self.now):
            when, name, began, epoch = heapq.heappop(self._happens)
            if self._began.get(name) != began:
                continue  # it was given up
            self.now, measured, done = when, self._of(name), epoch == self._epochs
            shown = [measured.score] * epoch
            result = Result(measured.score, 1, epoch, shown, [0.0] * epoch, [""], False, "")
            events.append(Event(name, result, done, measured.seconds))
            if done:
                self.ended += 1
                del self._began[name]
            else:
                self._await(name, epoch + 1)
        return events

    def _await(self, name: str, epoch: int) -> None:
        began = self._began[name]
        when = began + self._of(name).seconds * epoch / self._epochs
        heapq.heappush(self._happens, (when, name, began, epoch))

    def _of(self, name: str) -> Measured:
        study, _, trial = name.partition(".")
        return self._training(int(study), parse(trial))

    def __enter__(self) -> "_Clock":
        return self

    def __exit__(self, *_: object) -> None: ...
