"""A study: the one place where tuner, training program and record meet.

Ask the tuner, run the program, append to the record, tell the tuner. The journal's first line is
the study's identity, then comes a line for each training and decision, then the end. Everything in
it is a function of that identity.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from jaxmeta import engine, keys, score, tasks
from jaxmeta.engine import Engine, Event, Job, Recipe
from jaxmeta.engine.supply import AUTO, Scoreboard, Supply, job
from jaxmeta.record import checkpoint, environment, lines, schema
from jaxmeta.record.cache import Cache
from jaxmeta.record.journal import FIRST_PREV, FORMAT, Journal, JournalError, Line
from jaxmeta.replay import compare, replay
from jaxmeta.tasks import Task
from jaxmeta.training.lanes import Lanes, lanes_here
from jaxmeta.training.program import Training
from jaxmeta.training.progress import Result
from jaxmeta.tuning import (
    KEYS,
    Chains,
    Name,
    ThreeWay,
    Tuner,
    Turn,
    from_record,
    to_record,
)

SCORED_ON = ("validation", "test")


class Watcher(Protocol):
    """Who looks on while a study runs; nothing that it does reaches the study."""

    def asked(self, turn: Turn, board: Scoreboard) -> None: ...

    def epoch(self, name: Name, result: Result) -> None: ...

    def told(self, line: Line) -> None: ...

    def ended(self, line: Line) -> None: ...


class Nobody:
    """The watcher of a silent study."""

    def asked(self, turn: Turn, board: Scoreboard) -> None: ...

    def epoch(self, name: Name, result: Result) -> None: ...

    def told(self, line: Line) -> None: ...

    def ended(self, line: Line) -> None: ...


@dataclass(frozen=True)
class Study:
    """What is tuned, by whom, how long each training lasts, and from which seed.

    Attributes:
      task: what is trained.
      tuner: who chooses the next training.
      training: epochs, patience and batches of each training.
      seed: an integer in [0, 2**32); all that is random in the study comes from it.
      scored_on: the split that the tuner's scores are taken on: "validation", or "test", the
        poster's own choice (the test set is then no longer unseen, and the record says so).
      chains: so many walks of the tuner, each with keys of its own.
      replicates: so many trainings for each decision, their scores added.
      keys: of the trainings: "independent" (the poster's; another key in every iteration) or
        "paired" (one key for all iterations, so that a learning rate is trained once in a chain);
        None: as the tuner likes it best.
      lanes: trainings in one compiled program; None: by the kind of device, `lanes_here`.
    """

    task: Task
    tuner: Tuner = field(default_factory=ThreeWay)
    training: Training = field(default_factory=Training)
    seed: int = 0
    scored_on: str = "validation"
    chains: int = 1
    replicates: int = 1
    keys: str | None = None
    lanes: Lanes | None = None

    def __post_init__(self) -> None:
        if self.keys is None:
            object.__setattr__(self, "keys", self.tuner.keys)
        for name, allowed in (("scored_on", SCORED_ON), ("keys", KEYS)):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}; "
                    "choose one"
                )
        for name in ("chains", "replicates"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}; raise it")
        examples = len(getattr(self.task.data, self.scored_on).x)
        if self.replicates * examples >= 2**31:
            raise ValueError(
                f"replicates times examples must stay below 2**31, got {self.replicates} times "
                f"{examples}; take fewer replicates"
            )
        self.training.steps(len(self.task.data.train.x))
        keys.root(self.seed)  # says what is wrong with it
        schema.configuration(self.configuration())

    def recipe(self, folder: Path | str = "") -> Recipe:
        """What an engine needs to run this study's trainings, saving those in progress there."""
        lanes = self.lanes or lanes_here()
        return Recipe(self.task, self.training, self.scored_on, lanes, str(folder))

    def configuration(self) -> dict[str, Any]:
        """What was asked for, as JSON."""
        data = self.task.data
        return {
            "task": {"name": self.task.name, **self.task.options},
            "tuner": to_record(self.tuner),
            "training": asdict(self.training),
            "seed": self.seed,
            "scored_on": self.scored_on,
            "chains": self.chains,
            "replicates": self.replicates,
            "keys": self.keys,
            "lanes": asdict(self.lanes or lanes_here()),
            "score": self.task.score,
            "data": {
                "name": data.name,
                "digest": data.digest,
                "train": len(data.train.x),
                "validation": len(data.validation.x),
                "test": len(data.test.x),
            },
        }


def from_line(first: Line, task: Task | str | None = None, allow_download: bool = False) -> Study:
    """The study that a journal's first line names, which has the form of one (`schema.check`).

    Args:
      task: where it was made in Python; or the user's own words for it, see `tasks.from_record`.
      allow_download: whether data that are not on this machine may be downloaded.

    Raises:
      Mismatch: the study comes out otherwise than the record says.
      JournalError: the task cannot be made here.
    """
    if not isinstance(task, Task):
        try:
            task = tasks.from_record(first["task"], task, allow_download)
        except ValueError as error:
            raise JournalError(
                f"{error}; or where the task is made in Python, go on there: "
                "jaxmeta.resume(folder, task)"
            ) from error
    study = Study(
        task,
        from_record(first["tuner"]),
        Training(**first["training"]),
        lanes=Lanes(**first["lanes"]),
        **{name: first[name] for name in ("seed", "scored_on", "chains", "replicates", "keys")},
    )
    rest = {name: first.get(name) for name in ("line", "format", "environment")}
    compare(1, first, {**rest, **study.configuration()})
    return study


def run(
    study: Study,
    folder: Path | str,
    watcher: Watcher | None = None,
    workers: int = 0,
    lookahead: int | None = AUTO,
) -> Line:
    """Run `study` into the new folder `folder`; the journal's last line.

    Args:
      watcher: who looks on.
      workers: train in so many processes; 0: in this one, on all its devices.
      lookahead: run trainings that may be needed at most so many iterations ahead, in lanes that
        would idle; 0: none, AUTO: as far as it takes to fill them. Changes nothing but the time.

    Raises:
      JournalError: the folder is not new or empty, or the disk did not take a line.
    """
    _check(workers, lookahead)
    with (
        Journal.create(Path(folder)) as journal,
        engine.start(study.recipe(folder), workers) as runner,
    ):
        spoken = {**study.configuration(), "environment": runner.surroundings()}
        first = {"prev": FIRST_PREV, "line": "study", "format": FORMAT, **spoken}
        schema.check([first])
        journal.append(first)
        end = _go_on(study, runner, journal, watcher or Nobody(), lookahead)
    checkpoint.forget(Path(folder))  # by now nobody saves any more
    return end


def resume(
    folder: Path | str,
    task: Task | str | None = None,
    watcher: Watcher | None = None,
    accept_environment: bool = False,
    workers: int = 0,
    lookahead: int | None = AUTO,
    allow_download: bool = False,
) -> Line:
    """Go on with the study in `folder`, to the journal that it would have had uninterrupted.

    Args:
      folder: of a study that `run` began.
      task: the task, where it was made in Python; "module:function" to trust the record's own;
        None: by the name in the record, which must be one of this package's.
      accept_environment: go on although versions, flags or device are not those of the record; a
        line of the journal says so.
      watcher, workers, lookahead: as for `run`, and free to be others than before.
      allow_download: whether data that are not on this machine may be downloaded.

    Raises:
      JournalError: the journal does not fit, is in use, or was written in another environment.
    """
    _check(workers, lookahead)
    with Journal.open(Path(folder)) as journal:
        if not journal.lines:
            raise JournalError(
                f"{folder} must hold a study that began, and its first line was never written; "
                "start it again: jaxmeta tune"
            )
        schema.check(journal.lines)
        study = from_line(journal.lines[0], task, allow_download)
        replay(journal.lines)
        if journal.lines[-1]["line"] == "end":
            return journal.lines[-1]
        with engine.start(study.recipe(folder), workers) as runner:
            here = runner.surroundings()
            changes = environment.differences(environment_of(journal.lines), here)
            if changes and not accept_environment:
                raise JournalError(
                    "the environment must be that of the record, and differs ("
                    + "; ".join(changes)
                    + "); restore it, or go on with --accept-environment, which the record will "
                    "show"
                )
            if changes:
                checkpoint.forget(Path(folder))  # no training in two environments
                journal.append({"line": "environment", "environment": here})
            end = _go_on(study, runner, journal, watcher or Nobody(), lookahead)
    checkpoint.forget(Path(folder))  # by now nobody saves any more
    return end


def environment_of(journal: list[Line]) -> dict[str, Any]:
    """The environment in force after the last of these lines."""
    return [line["environment"] for line in journal if "environment" in line][-1]


def _check(workers: int, lookahead: int | None) -> None:
    if workers < 0:
        raise ValueError(f"workers must be 0 or more, got {workers}; 0 trains in this process")
    if lookahead is not None and lookahead < 0:
        raise ValueError(f"lookahead must be auto, 0 or more, got {lookahead}; 0 looks at nothing")


def _go_on(
    study: Study, runner: Engine, journal: Journal, watcher: Watcher, lookahead: int | None
) -> Line:
    """From an open journal to its end."""
    first, chains = journal.lines[0], replay(journal.lines)
    cache = Cache(journal.folder, journal.lines, Result)
    supply = Supply(runner, chains, cache, journal.folder, lookahead, watcher.epoch)
    while (turn := chains.turn()) is not None:
        watcher.asked(turn, supply.board)
        trained = supply.fetch(turn)
        line = lines.decision_line(first, turn, trained, *chains.tell(turn))
        watcher.told(journal.append(line))
        seconds = supply.used(turn)
        journal.note_time(
            chain=turn.chain,
            i=turn.wanted.i,
            seconds=round(seconds, 3),
            **supply.board.totals(),
        )
    jobs = test_jobs(chains, journal.lines)
    test = test_of(chains, journal.lines, supply.run(jobs))
    end = journal.append(lines.end_line(first, journal.lines, chains.recommended, test))
    watcher.ended(end)
    return end


def test_jobs(chains: Chains, journal: list[Line]) -> list[Job]:
    """The only look at the test set: by the weights of λ_best at their best epochs, one job for
    each replicate. None where one of them diverged."""
    best, entries = _at_best(chains, journal)
    if not all(entry["best_epoch"] for entry in entries):
        return []
    i = 0 if chains.paired else best["i"]
    return [
        job(chains, Name(best["chain"], i, best["k"], entry["r"]))._replace(
            name=_test_name(entry), epochs=entry["best_epoch"], test=True
        )
        for entry in entries
    ]


def test_of(chains: Chains, journal: list[Line], events: dict[str, Event]) -> dict[str, Any]:
    """What came of `test_jobs`, for the last line. These trainings are run once more, and must give
    the weights that the record names."""
    first, (best, entries) = journal[0], _at_best(chains, journal)
    of = first["data"]["test"] * len(entries)
    if not events:
        return {"score": "diverged", "of": of, "trainings": []}
    shown, points = [], []
    for entry in entries:
        event = events[_test_name(entry)]
        if event.test is None or event.result.digests != entry["digests"][: entry["best_epoch"]]:
            raise JournalError(
                f"training {best['i']} must give the weights of its line in the journal when it is "
                "run again, and gives others; this machine does not repeat its own arithmetic: "
                "look at its memory and its flags"
            )
        points.append(event.test)
        score_shown = lines.show(first["score"], event.test)
        weights = event.result.digests[-1]
        shown.append({"r": entry["r"], "score": score_shown, "weights": weights})
    total = score.total(points, chains.exact)
    return {"score": lines.show(first["score"], total), "of": of, "trainings": shown}


def _at_best(chains: Chains, journal: list[Line]) -> tuple[Line, list[Line]]:
    """The decision whose weights meet the test set, and its trainings."""
    best = lines.at_best(journal[0]["score"], journal, chains.recommended)
    return best, lines.trainings_of(journal, best)


def _test_name(entry: Line) -> str:
    return f"test.{entry['r']}"
