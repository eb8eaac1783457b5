"""Which trials of a study run when: those that the next decision needs, and ahead of need what
later ones may.

Look-ahead changes when a trial runs, never what comes of it or what is decided: so it is chosen
anew in every process, and leaves no trace in the journal. Results that no decision has taken yet
are kept beside it (`record.cache`). What several studies on one engine want is put together by
`together`.
"""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import NamedTuple

from jaxmeta.engine.protocol import Engine, Event, Job
from jaxmeta.engine.utilization import Utilization
from jaxmeta.record import checkpoint
from jaxmeta.record.cache import Cache
from jaxmeta.trial import Decision, Result, Trial, parse
from jaxmeta.tuning import Chains

AUTO = None  # look-ahead as far as it takes to fill the lanes


class Urgency(NamedTuple):
    """How much a trial is wanted; the least comes first."""

    uncertain: bool  # whether it may turn out not to be needed
    idle: bool  # whether it does not run yet
    rarity: float  # minus the probability that it is needed


CERTAIN = Urgency(False, False, -1.0)


class Scheduler:
    """Results of trials for one study's decisions.

    `fetch` and `run` are generators: each `yield` is a wait until trials have been `heard`.

    Args:
      lanes: of the engine, for a start.
      chains: the study's decisions so far; learns every score that comes in.
      cache: keeps what no decision has taken yet.
      saves: where the study's trials in progress are saved; None: nowhere.
      depth: look no further ahead than so many iterations: 0, not at all; AUTO, to fill the lanes.
      on_epoch: is told of the end of every epoch of a trial.
      name: of the study, where several share an engine.
      recipe: the number of its own among the engine's.
    """

    def __init__(
        self,
        lanes: int,
        chains: Chains,
        cache: Cache,
        saves: Path | None,
        depth: int | None = AUTO,
        on_epoch: Callable[[Trial, Result], None] = lambda trial, result: None,
        name: str = "",
        recipe: int = 0,
    ) -> None:
        self._chains, self._cache, self._saves = chains, cache, saves
        self._depth, self._on_epoch, self._prefix = depth, on_epoch, name and f"{name}."
        self._recipe = recipe
        self.use = Utilization(lanes)
        self._decision: Decision | None = None  # that is waited for
        self._jobs: dict[str, Job] = {}  # that `run` is to run
        self._ends: dict[str, Event] = {}  # of those
        self._told: dict[str, Job] = {}  # that the engine was told to run
        self._running: dict[Trial, bool] = {}  # what the engine was told; whether ahead of need
        self._early: set[Trial] = set()  # had ahead of need, and not needed yet
        self._seconds: dict[Trial, float] = {}
        self._results: dict[Trial, Result] = {}
        self._so_far: dict[Trial, Event] = {}  # the latest of what runs, where a rule may stop it
        self._wanted: tuple[int, list[tuple[Urgency, str]]] | None = None  # until there is news
        for text, result in cache.load().items():
            self._take(parse(text), result)

    def fetch(self, decision: Decision) -> Generator[None, None, list[Result]]:
        """What came of the trials of `decision`, run if they have not been; none if it revisits."""
        self._decision, self._wanted = decision, None
        self._stop()
        while self._chains.missing(decision):
            yield
        if decision.revisits is not None:
            return []
        # What ran ahead of need may have gone on for longer than the record is to have it.
        results = [
            self._chains.cut(trial, self._results[trial], not self._results[trial].stopped)
            for trial in decision.trials
        ]
        self._chains.take(decision, results)
        return results

    def used(self, decision: Decision) -> float:
        """`decision` is on record; the seconds that its new trials took."""
        seconds = 0.0
        for trial in decision.trials:
            self._results.pop(trial, None)
            seconds += self._seconds.pop(trial, 0.0)
            self.use.hits += trial in self._early
            self._early.discard(trial)
            if self._saves:
                checkpoint.forget(self._saves, self._prefix + str(trial))
        self.use.needed_seconds += seconds
        # With independent keys what this iteration did not need, nobody will.
        at = decision.chain, decision.suggestion.i
        stale = {trial for trial in self._early if (trial.chain, trial.i) == at}
        self._miss(set() if self._chains.paired else stale)
        return seconds

    def run(self, jobs: list[Job]) -> Generator[None, None, dict[str, Event]]:
        """The last event of each of `jobs`, which are run now, and nothing else."""
        self._miss(self._early | {trial for trial, early in self._running.items() if early})
        self._decision, self._wanted = None, None
        self._jobs = {job.name: job for job in jobs}
        while len(self._ends) < len(jobs):
            yield
        return self._ends

    def wanted(self, lanes: int) -> list[tuple[Urgency, str]]:
        """What it could use `lanes` for, the most urgent first, by names: what is certain, what
        runs and may be needed, and what may be needed most probably."""
        if self._wanted is None or self._wanted[0] < lanes:  # for more of them it holds as well
            self._wanted = lanes, sorted(self._wants(lanes), key=lambda want: want[0])
        return self._wanted[1]

    def _wants(self, lanes: int) -> list[tuple[Urgency, str]]:
        if self._decision is None:
            return [(CERTAIN, name) for name in self._jobs if name not in self._ends]
        ahead = self._chains.ahead(lanes, self._depth)
        certain = dict.fromkeys(self._chains.missing(self._decision), 1.0)
        chances = certain | {trial: p for trial, p in ahead.items() if trial not in certain}
        return [
            (Urgency(p < 1, trial not in self._running, -p), str(trial))
            for trial, p in chances.items()
        ]

    def runs(self, names: list[str], lanes: int) -> list[Job]:
        """The jobs of those, of what was wanted, that the engine, of so many lanes, is told to
        run, under names that no other study has."""
        self.use.busy, self.use.lanes = len(names), lanes
        if self._decision is not None and self._told.keys() != set(names):
            trials = [parse(name) for name in names]
            given_up = self._running.keys() - set(trials)
            self._miss({trial for trial in given_up if self._running[trial]})
            due = self._chains.due()
            self._running = {trial: self._running.get(trial, trial not in due) for trial in trials}
            self._wanted = None  # what runs comes before what is as probable
        self._told = {name: self._told.get(name) or self._job(name) for name in names}
        return list(self._told.values())

    def _job(self, name: str) -> Job:
        one = self._jobs.get(name) or job(self._chains, parse(name))
        return one._replace(name=self._prefix + name, recipe=self._recipe)

    def heard(self, events: list[Event]) -> bool:
        """What came of its jobs; whether one has come to its end."""
        events = [event._replace(name=event.name[len(self._prefix) :]) for event in events]
        if self._decision is None:
            self._ends |= {e.name: e for e in events if e.done and e.name in self._jobs}
            self._wanted = None
            return any(event.done for event in events)
        for event in events:
            self.use.programs = max(self.use.programs, event.programs)
            self._on_epoch(parse(event.name), event.result)
        done = [event for event in events if event.done]
        for event in done:
            self._finished(parse(event.name), event)
            self._wanted = None
        if self._chains.rule is not None:
            self._so_far |= {parse(e.name): e for e in events if not e.done}
            done += self._stop()
        complete = not self._chains.missing(self._decision)
        for event in done:
            if not complete or parse(event.name) not in self._decision.trials:
                self._cache.put(event.name, event.result)
        return bool(done)

    def _stop(self) -> list[Event]:
        """End what runs and the rule stops, of what the next decisions rest on: its last events."""
        stopped = []
        for trial in self._so_far.keys() & (self._chains.due() if self._so_far else set()):
            event = self._so_far[trial]
            result = self._chains.cut(trial, event.result, ended=False)
            if result.stopped and trial in self._running:
                stopped.append(event._replace(result=result, done=True))
                self._finished(trial, stopped[-1])
        return stopped

    def _finished(self, trial: Trial, event: Event) -> None:
        self._so_far.pop(trial, None)
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
            self._so_far.pop(trial, None)


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
