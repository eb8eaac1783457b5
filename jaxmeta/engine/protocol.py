"""What runs trials: told which are wanted now, it says what comes of them, in any order.

An engine knows no tuner and no journal. All that passes through this interface can be sent from one
process to another, so what stands behind it may be this process (`local`), several on this machine
(`workers`) or, one day, many machines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from jaxmeta.arithmetic import FAST
from jaxmeta.training import Lanes, Trainable, Training
from jaxmeta.trial import Result, Values


@dataclass(frozen=True)
class Recipe:
    """All that an engine needs to build the training programs of a study, or of several.

    Attributes:
      trainable: what is trained.
      training: epochs and patience.
      constants: the hyperparameters that are the same in all trials.
      start: those of the search space in the first trial; its program stands for the study in the
        fingerprint.
      scored_on: the split that scores are taken on.
      lanes: trials in one compiled program.
      arithmetic: "fast" or "portable", see `jaxmeta.arithmetic`.
      folder: where trials in progress are saved, so that a kill costs little; "": nowhere.
    """

    trainable: Trainable
    training: Training
    constants: Values
    start: Values
    scored_on: str
    lanes: Lanes
    arithmetic: str = FAST
    folder: str = ""


class Job(NamedTuple):
    """A trial to be run.

    Attributes:
      name: tells it from all others of the study; it is part of a file's name.
      key: the data of its key, two 32-bit words.
      values: its hyperparameters, those of the search space: floats are traced, all else is static.
      epochs: stop after so many; None for all that are wanted.
      test: at its end, look at the test set.
      keep: at its end, write what is to be kept of it into this folder; "": nowhere.
      recipe: the number of its own among the engine's recipes.
    """

    name: str
    key: tuple[int, int]
    values: Values
    epochs: int | None = None
    test: bool = False
    keep: str = ""
    recipe: int = 0


class Event(NamedTuple):
    """A trial has come to the end of an epoch, or to its own end.

    Attributes:
      name: of its job.
      result: what it has to show so far.
      done: it has come to its end, and its lane is free.
      seconds: that it took in this engine so far.
      programs: how many the engine that ran it has compiled so far, of all recipes.
      test: the score on the test set, where the job asked for it.
    """

    name: str
    result: Result
    done: bool
    seconds: float
    programs: int = 1
    test: int | None = None


class Engine(Protocol):
    """Lanes for trials; use it in a `with` statement."""

    @property
    def lanes(self) -> int:
        """How many trials run side by side."""
        ...

    def surroundings(self, recipe: int = 0) -> dict[str, Any]:
        """The fingerprint of the environment that trials run in, and of the program of the first
        trial by that recipe."""
        ...

    def want(self, jobs: Sequence[Job]) -> None:
        """Run these, at most `lanes` of them, and nothing else: what runs and is not among them is
        given up at the end of its epoch."""
        ...

    def next(self) -> list[Event]:
        """Wait until something happens, and all that has; never called with nothing wanted.

        Raises:
          JournalError: trials cannot be run any more.
        """
        ...

    def __enter__(self) -> "Engine": ...

    def __exit__(self, *_: object) -> None: ...
