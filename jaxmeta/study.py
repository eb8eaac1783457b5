"""A study, as it is asked for: tuner, training program and record meet here.

`running` runs one. The first line of its journal is its identity, and everything in the journal is
a function of it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from operator import index
from pathlib import Path
from typing import Any

from jaxmeta import keys, stopping, tasks
from jaxmeta.arithmetic import ARITHMETICS, FAST, PORTABLE
from jaxmeta.engine import Recipe
from jaxmeta.record import schema
from jaxmeta.record.error import JournalError
from jaxmeta.record.schema import Line
from jaxmeta.replay import compare
from jaxmeta.space import Axis, Space
from jaxmeta.training import Lanes, Programs, Trainable, Training, admit, lanes_here
from jaxmeta.trial import Values
from jaxmeta.tuning import KEYS, ThreeWay, Tuner, from_record, to_record

SCORED_ON = ("validation", "test")


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
      stop_early: stop trainings that fall behind, by a rule of `stopping`; None: every training
        goes on to its own end.
      arithmetic: "fast", whose bits are those of one environment; or "portable", whose bits are the
        same on every machine, and which takes longer.
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
    stop_early: stopping.Rule | None = None
    arithmetic: str = FAST

    def __post_init__(self) -> None:
        if self.tuner is None:
            object.__setattr__(self, "tuner", ThreeWay(_first(self.task.axes)))
        if self.training is None:
            object.__setattr__(self, "training", self.task.training)
        if self.keys is None:
            object.__setattr__(self, "keys", self.tuner.keys)
        object.__setattr__(self, "seed", index(self.seed))
        choices = {"scored_on": SCORED_ON, "keys": KEYS, "arithmetic": ARITHMETICS}
        for name, allowed in choices.items():
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
            programs = Programs(
                self.task,
                self.training,
                self.constants,
                self.scored_on,
                lanes,
                arithmetic=self.arithmetic,
            )
            return programs.of(self.tuner.space.values(self.tuner.space.start)).go_on.memory

        return self.lanes or lanes_here(memory_of=memory_of)

    def seeded(self, seed: int) -> "Study":
        """The same from another seed."""
        return replace(self, seed=seed, lanes=self._lanes)

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
            self.arithmetic,
            str(folder or ""),
        )

    def configuration(self) -> dict[str, Any]:
        """What was asked for, as JSON."""
        task = self.task
        rule = {"stop_early": stopping.to_record(self.stop_early)} if self.stop_early else {}
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
            "promises": PORTABLE if self.arithmetic == PORTABLE else task.promises,
            "data": task.data_record(),
            **rule,
        }


def recipes_of(
    studies: Mapping[str, Study], folder: Path | str | None
) -> tuple[list[Recipe], dict[str, int]]:
    """What several studies train, each recipe once; and the number of each study's, by its name.

    Args:
      folder: see `Study.recipe`.
    """
    recipes: list[Recipe] = []
    numbers: dict[tuple[int, str], int] = {}
    which: dict[str, int] = {}
    for name, one in studies.items():
        recipe = one.recipe(folder)
        key = id(recipe.trainable), repr(replace(recipe, trainable=None))
        if key not in numbers:
            numbers[key] = len(recipes)
            recipes.append(recipe)
        which[name] = numbers[key]
    return recipes, which


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
        stop_early=stopping.of_first(first),
        arithmetic=PORTABLE if first["promises"] == PORTABLE else FAST,
        **{name: first[name] for name in ("seed", "scored_on", "chains", "replicates", "keys")},
    )
    rest = {name: first.get(name) for name in ("line", "format", "environment")}
    compare(1, first, {**rest, **study.configuration()})
    return study
