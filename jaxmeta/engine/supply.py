"""The supply of results: what the next decision needs, and ahead of need what later ones may.

Look-ahead changes when a training runs, never what comes of it or what is decided: so it is chosen
anew in every process, and leaves no trace in the journal. Results that no decision has taken yet
are kept beside it (`record.cache`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import jax
import numpy as np

from jaxmeta.engine.protocol import Engine, Event, Job
from jaxmeta.record import checkpoint
from jaxmeta.record.cache import Cache
from jaxmeta.training.progress import Result
from jaxmeta.tuning import Chains, Name, Turn

AUTO = None  # look-ahead as far as it takes to fill the lanes


@dataclass
class Scoreboard:
    """How well the lanes were used since this process took the study up; for people alone.

    Attributes:
      lanes: trainings that can run side by side.
      busy: trainings that run now.
      trainings: that came to their end.
      hits: trainings begun ahead of need, and needed.
      misses: trainings begun ahead of need and given up, or not needed in the end.
      needed_seconds: that trainings which decisions rest on took, each by itself.
      busy_seconds: the same of all trainings, needed or not.
      seconds: since it began.
    """

    lanes: int
    busy: int = 0
    trainings: int = 0
    hits: int = 0
    misses: int = 0
    needed_seconds: float = 0.0
    busy_seconds: float = 0.0
    _began: float = field(default_factory=time.monotonic, repr=False)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def speed_up(self) -> float:
        """Over the needed trainings one at a time, if each took as long as it took here."""
        return self.needed_seconds / self.seconds

    def totals(self) -> dict[str, float]:
        """For `times.jsonl`."""
        return {
            "lanes": self.lanes,
            "trainings": self.trainings,
            "hits": self.hits,
            "misses": self.misses,
            "needed_seconds": round(self.needed_seconds, 3),
            "busy_seconds": round(self.busy_seconds, 3),
            "elapsed": round(self.seconds, 3),
        }


class Supply:
    """Results by name for one study's decisions.

    Args:
      engine: runs the trainings; it is running.
      chains: the study's decisions so far; learns every score that comes in.
      cache: keeps what no decision has taken yet.
      folder: the study's.
      depth: look no further ahead than so many iterations: 0, not at all; AUTO, to fill the lanes.
      on_epoch: is told of the end of every epoch of a training.
    """

    def __init__(
        self,
        engine: Engine,
        chains: Chains,
        cache: Cache,
        folder: Path,
        depth: int | None = AUTO,
        on_epoch: Callable[[Name, Result], None] = lambda name, result: None,
    ) -> None:
        self._engine, self._chains, self._cache, self._folder = engine, chains, cache, folder
        self._depth, self._on_epoch = depth, on_epoch
        self.board = Scoreboard(engine.lanes)
        self._running: dict[Name, bool] = {}  # what the engine was told; whether ahead of need
        self._early: set[Name] = set()  # had ahead of need, and not needed yet
        self._seconds: dict[Name, float] = {}
        self._results: dict[Name, Result] = {}
        for text, result in cache.load().items():
            self._take(parse(text), result)

    def fetch(self, turn: Turn) -> list[Result]:
        """What came of the trainings of `turn`, run if they have not been; none if it revisits."""
        news = True
        while self._chains.missing(turn):
            if news:
                self._order(turn)
            events = self._engine.next()
            news = any(event.done for event in events)
            for event in events:
                self._on_epoch(parse(event.name), event.result)
            done = [event for event in events if event.done]
            for event in done:
                self._finished(parse(event.name), event)
            complete = not self._chains.missing(turn)
            for event in done:
                if not complete or parse(event.name) not in turn.trainings:
                    self._cache.put(event.name, event.result)
        if turn.revisits is not None:
            return []
        return [self._results[name] for name in turn.trainings]

    def used(self, turn: Turn) -> float:
        """The decision of `turn` is on record; the seconds that its new trainings took."""
        seconds = 0.0
        for name in turn.trainings:
            self._results.pop(name, None)
            seconds += self._seconds.pop(name, 0.0)
            self.board.hits += name in self._early
            self._early.discard(name)
            checkpoint.forget(self._folder, str(name))
        self.board.needed_seconds += seconds
        # With independent keys what this iteration did not need, nobody will.
        stale = {n for n in self._early if (n.chain, n.i) == (turn.chain, turn.wanted.i)}
        self._miss(set() if self._chains.paired else stale)
        return seconds

    def run(self, jobs: list[Job]) -> dict[str, Event]:
        """The last event of each of `jobs`, which are run now, and nothing else."""
        self._miss(self._early | {name for name, early in self._running.items() if early})
        return run_all(self._engine, jobs)

    def _order(self, turn: Turn) -> None:
        """Tell the engine what is wanted: what is certain, what runs and may be needed, and what
        may be needed most probably."""
        lanes = self._engine.lanes
        ahead = self._chains.ahead(lanes, self._depth)
        certain = dict.fromkeys(self._chains.missing(turn), 1.0)
        chances = certain | {n: chance for n, chance in ahead.items() if n not in certain}

        def urgency(name: Name) -> tuple[bool, bool, float]:
            return chances[name] < 1, name not in self._running, -chances[name]

        wanted = sorted(chances, key=urgency)[:lanes]  # stable: `certain` first
        given_up = self._running.keys() - set(wanted)
        self._miss({name for name in given_up if self._running[name]})
        due = self._chains.due()
        self._running = {n: self._running.get(n, n not in due) for n in wanted}
        self.board.busy, self.board.lanes = len(wanted), lanes
        self._engine.want([job(self._chains, name) for name in wanted])

    def _finished(self, name: Name, event: Event) -> None:
        if self._running.pop(name, False):
            self._early.add(name)
        self.board.trainings += 1
        self.board.busy = len(self._running)
        self.board.busy_seconds += event.seconds
        self._seconds[name] = event.seconds
        self._take(name, event.result)

    def _take(self, name: Name, result: Result) -> None:
        self._results[name] = result
        self._chains.learn(name, result.score)

    def _miss(self, names: set[Name]) -> None:
        self.board.misses += len(names)
        self._early -= names
        for name in names:
            self._running.pop(name, None)


def parse(text: str) -> Name:
    """The name of a training from its text."""
    return Name(*map(int, text.split(".")))


def job(chains: Chains, name: Name) -> Job:
    """The training called `name`, to be run."""
    first, second = np.asarray(jax.random.key_data(chains.training_key(name))).tolist()
    return Job(str(name), (first, second), chains.tuner.values(name.k))


def run_all(engine: Engine, jobs: list[Job]) -> dict[str, Event]:
    """Run `jobs` to their ends, as many side by side as there are lanes; their last events."""
    done: dict[str, Event] = {}
    names = {job.name for job in jobs}
    while len(done) < len(jobs):
        left = [job for job in jobs if job.name not in done]
        engine.want(left[: engine.lanes])
        done |= {e.name: e for e in engine.next() if e.done and e.name in names}
    engine.want([])
    return done
