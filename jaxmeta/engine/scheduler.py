"""Which trials run when: those that the next decision needs, and ahead of need what later ones may.

Look-ahead changes when a trial runs, never what comes of it or what is decided: so it is chosen
anew in every process, and leaves no trace in the journal. Results that no decision has taken yet
are kept beside it (`record.cache`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from jaxmeta.engine.protocol import Engine, Event, Job
from jaxmeta.record import checkpoint
from jaxmeta.record.cache import Cache
from jaxmeta.trial import Decision, Result, Trial, parse
from jaxmeta.tuning import Chains

AUTO = None  # look-ahead as far as it takes to fill the lanes


@dataclass
class Utilization:
    """How well the lanes were used since this process took the study up; for people alone.

    Attributes:
      lanes: trials that can run side by side.
      busy: trials that run now.
      trials: that came to their end.
      programs: variants that were compiled, in the engine that compiled most.
      hits: trials begun ahead of need, and needed.
      misses: trials begun ahead of need and given up, or not needed in the end.
      needed_seconds: that trials which decisions rest on took, each by itself.
      busy_seconds: the same of all trials, needed or not.
      seconds: since it began.
    """

    lanes: int
    busy: int = 0
    trials: int = 0
    programs: int = 0
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
        """Over the needed trials one at a time, if each took as long as it took here."""
        return self.needed_seconds / self.seconds

    def totals(self) -> dict[str, float]:
        """For `times.jsonl`."""
        return {
            "lanes": self.lanes,
            "trials": self.trials,
            "hits": self.hits,
            "misses": self.misses,
            "needed_seconds": round(self.needed_seconds, 3),
            "busy_seconds": round(self.busy_seconds, 3),
            "elapsed": round(self.seconds, 3),
        }


class Scheduler:
    """Results of trials for one study's decisions.

    Args:
      engine: runs the trials; it is running.
      chains: the study's decisions so far; learns every score that comes in.
      cache: keeps what no decision has taken yet.
      folder: the study's.
      depth: look no further ahead than so many iterations: 0, not at all; AUTO, to fill the lanes.
      on_epoch: is told of the end of every epoch of a trial.
    """

    def __init__(
        self,
        engine: Engine,
        chains: Chains,
        cache: Cache,
        folder: Path,
        depth: int | None = AUTO,
        on_epoch: Callable[[Trial, Result], None] = lambda trial, result: None,
    ) -> None:
        self._engine, self._chains, self._cache, self._folder = engine, chains, cache, folder
        self._depth, self._on_epoch = depth, on_epoch
        self.use = Utilization(engine.lanes)
        self._running: dict[Trial, bool] = {}  # what the engine was told; whether ahead of need
        self._early: set[Trial] = set()  # had ahead of need, and not needed yet
        self._seconds: dict[Trial, float] = {}
        self._results: dict[Trial, Result] = {}
        for text, result in cache.load().items():
            self._take(parse(text), result)

    def fetch(self, decision: Decision) -> list[Result]:
        """What came of the trials of `decision`, run if they have not been; none if it revisits."""
        news = True
        while self._chains.missing(decision):
            if news:
                self._order(decision)
            events = self._engine.next()
            news = any(event.done for event in events)
            for event in events:
                self.use.programs = max(self.use.programs, event.programs)
                self._on_epoch(parse(event.name), event.result)
            done = [event for event in events if event.done]
            for event in done:
                self._finished(parse(event.name), event)
            complete = not self._chains.missing(decision)
            for event in done:
                if not complete or parse(event.name) not in decision.trials:
                    self._cache.put(event.name, event.result)
        if decision.revisits is not None:
            return []
        return [self._results[trial] for trial in decision.trials]

    def used(self, decision: Decision) -> float:
        """`decision` is on record; the seconds that its new trials took."""
        seconds = 0.0
        for trial in decision.trials:
            self._results.pop(trial, None)
            seconds += self._seconds.pop(trial, 0.0)
            self.use.hits += trial in self._early
            self._early.discard(trial)
            checkpoint.forget(self._folder, str(trial))
        self.use.needed_seconds += seconds
        # With independent keys what this iteration did not need, nobody will.
        at = decision.chain, decision.suggestion.i
        stale = {trial for trial in self._early if (trial.chain, trial.i) == at}
        self._miss(set() if self._chains.paired else stale)
        return seconds

    def run(self, jobs: list[Job]) -> dict[str, Event]:
        """The last event of each of `jobs`, which are run now, and nothing else."""
        self._miss(self._early | {trial for trial, early in self._running.items() if early})
        return run_all(self._engine, jobs)

    def _order(self, decision: Decision) -> None:
        """Tell the engine what is wanted: what is certain, what runs and may be needed, and what
        may be needed most probably."""
        lanes = self._engine.lanes
        ahead = self._chains.ahead(lanes, self._depth)
        certain = dict.fromkeys(self._chains.missing(decision), 1.0)
        chances = certain | {trial: p for trial, p in ahead.items() if trial not in certain}

        def urgency(trial: Trial) -> tuple[bool, bool, float]:
            return chances[trial] < 1, trial not in self._running, -chances[trial]

        wanted = sorted(chances, key=urgency)[:lanes]  # stable: `certain` first
        given_up = self._running.keys() - set(wanted)
        self._miss({trial for trial in given_up if self._running[trial]})
        due = self._chains.due()
        self._running = {trial: self._running.get(trial, trial not in due) for trial in wanted}
        self.use.busy, self.use.lanes = len(wanted), lanes
        self._engine.want([job(self._chains, trial) for trial in wanted])

    def _finished(self, trial: Trial, event: Event) -> None:
        if self._running.pop(trial, False):
            self._early.add(trial)
        self.use.trials += 1
        self.use.busy = len(self._running)
        self.use.busy_seconds += event.seconds
        self._seconds[trial] = event.seconds
        self._take(trial, event.result)

    def _take(self, trial: Trial, result: Result) -> None:
        self._results[trial] = result
        self._chains.learn(trial, result.score)

    def _miss(self, trials: set[Trial]) -> None:
        self.use.misses += len(trials)
        self._early -= trials
        for trial in trials:
            self._running.pop(trial, None)


def job(chains: Chains, trial: Trial) -> Job:
    """`trial`, to be run."""
    values = chains.tuner.space.values(trial.position)
    return Job(str(trial), chains.training_key(trial), values)


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
