"""A study: the one place where tuner, training program and record meet.

Ask the tuner, run the program, append to the record, tell the tuner. The journal's first line is
the study's identity, then comes a line for each training and decision, then the end. Everything in
it is a function of that identity.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from operator import index
from pathlib import Path
from typing import Any, Protocol

from jaxmeta import engine, keys, tasks, testing
from jaxmeta.engine import Engine, Place, Recipe
from jaxmeta.engine.place import LOCAL
from jaxmeta.engine.scheduler import AUTO, Scheduler, Utilization
from jaxmeta.record import checkpoint, environment, lines, schema, weights
from jaxmeta.record.cache import Cache
from jaxmeta.record.journal import FIRST_PREV, FORMAT, Journal, JournalError, Line
from jaxmeta.replay import compare, replay
from jaxmeta.space import Axis, Space
from jaxmeta.training import Lanes, Programs, Trainable, Training, admit, lanes_here
from jaxmeta.trial import Decision, Result, Trial, Values
from jaxmeta.tuning import KEYS, Chains, ThreeWay, Tuner, from_record, to_record

SCORED_ON = ("validation", "test")


class Watcher(Protocol):
    """Who looks on while a study runs; nothing that it does reaches the study."""

    def asked(self, decision: Decision, use: Utilization) -> None: ...

    def epoch(self, trial: Trial, result: Result) -> None: ...

    def told(self, line: Line) -> None: ...

    def ended(self, line: Line) -> None: ...


class Nobody:
    """The watcher of a silent study."""

    def asked(self, decision: Decision, use: Utilization) -> None: ...

    def epoch(self, trial: Trial, result: Result) -> None: ...

    def told(self, line: Line) -> None: ...

    def ended(self, line: Line) -> None: ...


@dataclass(frozen=True)
class Study:
    """What is tuned, by whom, how long each training lasts, and from which seed.

    Attributes:
      task: what is trained: a `Task`, or any other `training.Trainable`.
      tuner: who chooses the next trial, and in which space; None: `ThreeWay` on the first axis of
        the task.
      training: epochs and patience of each training; None: the task's own.
      seed: an integer in [0, 2**32); all that is random in the study comes from it.
      scored_on: the split that the tuner's scores are taken on: "validation", or "test", the
        poster's own choice (the test set is then no longer unseen, and the record says so).
      chains: so many walks of the tuner, each with keys of its own.
      replicates: so many trials for each decision, their scores added.
      keys: of the trials: "independent" (the poster's; another key in every iteration) or
        "paired" (one key for all iterations, so that a position is tried once in a chain);
        None: as the tuner likes it best.
      lanes: trials in one compiled program; None: by the device and its memory, `lanes_here`.
      fixed: values of hyperparameters that are not tuned, where the task's own are not wanted.
    """

    task: Trainable
    tuner: Tuner = None  # pyright: ignore[reportAssignmentType]: set below
    training: Training = None  # pyright: ignore[reportAssignmentType]: set below
    seed: int = 0
    scored_on: str = "validation"
    chains: int = 1
    replicates: int = 1
    keys: str | None = None
    lanes: Lanes | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.tuner is None:
            object.__setattr__(self, "tuner", ThreeWay(_first(self.task.axes)))
        if self.training is None:
            object.__setattr__(self, "training", self.task.training)
        if self.keys is None:
            object.__setattr__(self, "keys", self.tuner.keys)
        object.__setattr__(self, "seed", index(self.seed))
        for name, allowed in (("scored_on", SCORED_ON), ("keys", KEYS)):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}; "
                    "choose one"
                )
        for name in ("chains", "replicates"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}; raise it")
        examples = self.task.of(self.scored_on) or 1
        if self.replicates * examples >= 2**31:
            raise ValueError(
                f"replicates times examples must stay below 2**31, got {self.replicates} times "
                f"{examples}; take fewer replicates"
            )
        keys.root(self.seed)  # says what is wrong with it
        admit(self.task, self.tuner.space, dict(self.fixed))
        schema.configuration(self.configuration())

    @property
    def constants(self) -> Values:
        """The hyperparameters that are the same in all trials: what is set, or else the task's."""
        tuned = self.tuner.space.names
        return {n: v for n, v in {**self.task.defaults, **self.fixed}.items() if n not in tuned}

    @cached_property
    def _lanes(self) -> Lanes:
        def memory_of(lanes: Lanes) -> int:
            programs = Programs(self.task, self.training, self.constants, self.scored_on, lanes)
            return programs.of(self.tuner.space.values(self.tuner.space.start)).go_on.memory

        return self.lanes or lanes_here(memory_of=memory_of)

    def recipe(self, folder: Path | str | None = "") -> Recipe:
        """What an engine needs to run this study's trials, saving those in progress there."""
        space = self.tuner.space
        return Recipe(
            self.task,
            self.training,
            self.constants,
            space.values(space.start),
            self.scored_on,
            self._lanes,
            str(folder or ""),
        )

    def configuration(self) -> dict[str, Any]:
        """What was asked for, as JSON."""
        task = self.task
        return {
            "task": {"name": task.name, **task.options},
            "space": self.tuner.space.to_record(),
            "fixed": self.constants,
            "tuner": to_record(self.tuner),
            "training": asdict(self.training),
            "seed": self.seed,
            "scored_on": self.scored_on,
            "chains": self.chains,
            "replicates": self.replicates,
            "keys": self.keys,
            "lanes": asdict(self._lanes),
            "score": {
                "kind": task.kind,
                "meaning": task.meaning,
                "of": {split: task.of(split) for split in SCORED_ON if split in task.held_out},
            },
            "promises": task.promises,
            "data": task.data_record(),
        }


def space_of(task: Trainable, axes: Mapping[str, Axis | None], preset: str | None = None) -> Space:
    """The search space that somebody asks for by names.

    Args:
      axes: an axis by name, or None for the task's own; none at all for the task's first.
      preset: of a tuner; where the task has axes for it, they come before its others.

    Raises:
      ValueError: the task has no axis of that name.
    """
    own = {**task.axes, **task.preset_axes.get(preset or "", {})}
    for name, axis in axes.items():
        if axis is None and name not in own:
            raise ValueError(
                f"{task.name} has axes of its own for {', '.join(own) or 'nothing'}, and none for "
                f"{name}; write one, as in {name}=0:0.8:0.1 or {name}=16,32,64"
            )
    return Space(**{n: axis or own[n] for n, axis in axes.items()}) if axes else _first(own)


def _first(axes: Mapping[str, Axis]) -> Space:
    if not axes:
        raise ValueError("a task without axes of its own must be told what is tuned; name an axis")
    name = next(iter(axes))
    return Space(**{name: axes[name]})


def from_line(
    first: Line, task: Trainable | str | None = None, allow_download: bool = False
) -> Study:
    """The study that a journal's first line names, which has the form of one (`schema.check`).

    Args:
      task: where it was made in Python; or the user's own words for it, see `tasks.from_record`.
      allow_download: whether data that are not on this machine may be downloaded.

    Raises:
      Mismatch: the study comes out otherwise than the record says.
      JournalError: the task cannot be made here.
    """
    if task is None or isinstance(task, str):
        try:
            task = tasks.from_record(first["task"], task, allow_download)
        except ValueError as error:
            raise JournalError(
                f"{error}; or where the task is made in Python, go on there: "
                "jaxmeta.resume(folder, task)"
            ) from error
    study = Study(
        task,
        from_record(first["tuner"], Space.from_record(first["space"])),
        Training(**first["training"]),
        lanes=Lanes(**first["lanes"]),
        fixed=first["fixed"],
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
    keep_weights: bool = True,
    place: Place = LOCAL,
) -> Line:
    """Run `study` into the new folder `folder`; the journal's last line.

    Args:
      watcher: who looks on.
      workers: train in so many processes; 0: in this one, on all its devices.
      lookahead: run trials that may be needed at most so many iterations ahead, in lanes that
        would idle; 0: none, AUTO: as far as it takes to fill them. Changes nothing but the time.
      keep_weights: keep those of the recommended trial in the folder, as an Orbax checkpoint.
      place: the machines; on a cluster 0 workers are as many as it has room for.

    Raises:
      JournalError: the folder is not new or empty, or the disk did not take a line.
    """
    _check(workers, lookahead)
    saves = place.saves(folder)
    keep = Path(folder) / weights.FOLDER if keep_weights else None
    with (
        Journal.create(Path(folder)) as journal,
        engine.start(study.recipe(saves), workers, place) as runner,
    ):
        spoken = {**study.configuration(), "environment": surroundings(runner, study.tuner)}
        first = {"prev": FIRST_PREV, "line": "study", "format": FORMAT, **spoken}
        schema.check([first])
        journal.append(first)
        chains = replay(journal.lines, checked=True)
        end = _go_on(runner, journal, chains, watcher or Nobody(), lookahead, keep)
    if saves:
        checkpoint.forget(saves)  # by now nobody saves any more
    return end


def resume(
    folder: Path | str,
    task: Trainable | str | None = None,
    watcher: Watcher | None = None,
    accept_environment: bool = False,
    workers: int = 0,
    lookahead: int | None = AUTO,
    allow_download: bool = False,
    keep_weights: bool = True,
    place: Place = LOCAL,
) -> Line:
    """Go on with the study in `folder`, to the journal that it would have had uninterrupted.

    Args:
      folder: of a study that `run` began.
      task: the task, where it was made in Python; "module:function" to trust the record's own;
        None: by the name in the record, which must be one of this package's.
      accept_environment: go on although versions, flags or device are not those of the record; a
        line of the journal says so.
      watcher, workers, lookahead, keep_weights, place: as for `run`, and free to be others than
        before.
      allow_download: whether data that are not on this machine may be downloaded.

    Raises:
      JournalError: the journal does not fit, is in use, or was written in another environment.
    """
    _check(workers, lookahead)
    saves = place.saves(folder)
    keep = Path(folder) / weights.FOLDER if keep_weights else None
    with Journal.open(Path(folder)) as journal:
        if not journal.lines:
            raise JournalError(
                f"{folder} must hold a study that began, and its first line was never written; "
                "start it again: jaxmeta tune"
            )
        schema.check(journal.lines)
        study = from_line(journal.lines[0], task, allow_download)
        chains = replay(journal.lines, checked=True)
        if journal.lines[-1]["line"] == "end":
            return journal.lines[-1]
        with engine.start(study.recipe(saves), workers, place) as runner:
            here = surroundings(runner, study.tuner)
            changes = environment.differences(lines.environments(journal.lines)[-1], here)
            if changes and not accept_environment:
                raise JournalError(
                    "the environment must be that of the record, and differs ("
                    + "; ".join(changes)
                    + "); restore it, or go on with --accept-environment, which the record will "
                    "show"
                )
            if changes:
                checkpoint.forget(saves or Path(folder))  # no training in two environments
                journal.append({"line": "environment", "environment": here})
            end = _go_on(runner, journal, chains, watcher or Nobody(), lookahead, keep)
    if saves:
        checkpoint.forget(saves)  # by now nobody saves any more
    return end


def surroundings(runner: Engine, tuner: Tuner) -> dict[str, Any]:
    """The fingerprint of the environment that trials run in and that decisions are made in."""
    return {**runner.surroundings(), **environment.versions(getattr(tuner, "packages", ()))}


def _check(workers: int, lookahead: int | None) -> None:
    if workers < 0:
        raise ValueError(f"workers must be 0 or more, got {workers}; 0 trains in this process")
    if lookahead is not None and lookahead < 0:
        raise ValueError(f"lookahead must be auto, 0 or more, got {lookahead}; 0 looks at nothing")


def _go_on(
    runner: Engine,
    journal: Journal,
    chains: Chains,
    watcher: Watcher,
    lookahead: int | None,
    keep: Path | None,
) -> Line:
    """From an open journal, whose decisions `chains` has made, to its end."""
    first = journal.lines[0]
    cache = Cache(journal.folder, journal.lines, Result)
    scheduler = Scheduler(runner, chains, cache, journal.folder, lookahead, watcher.epoch)
    programs = lines.programs(journal.lines)
    while (decision := chains.next()) is not None:
        watcher.asked(decision, scheduler.use)
        results = scheduler.fetch(decision)
        _same_program(programs, decision, results)
        line = lines.decision_line(first, decision, results, *chains.tell(decision))
        watcher.told(journal.append(line))
        seconds = scheduler.used(decision)
        journal.note_time(
            chain=decision.chain,
            i=decision.suggestion.i,
            seconds=round(seconds, 3),
            **scheduler.use.totals(),
        )
    events = scheduler.run(testing.jobs(chains, journal.lines, keep))
    test = testing.outcome(chains, journal.lines, events)
    end = journal.append(lines.end_line(first, journal.lines, chains.recommended, test))
    watcher.ended(end)
    return end


def _same_program(programs: dict[str, str], decision: Decision, results: list[Result]) -> None:
    """In one environment a variant is one compiled program, whichever process compiled it."""
    variant = lines.variant_of(lines.show_values(decision.suggestion.values))
    for result in results:
        if programs.setdefault(variant, result.compiled) != result.compiled:
            raise JournalError(
                f"the program at {variant or 'these values'} compiled to {result.compiled} here, "
                f"and is {programs[variant]} in the record; the task's own code has changed: "
                "restore it, or begin a new study"
            )
