"""What runs trainings: told which are wanted now, it says what comes of them, in any order.

An engine knows no tuner and no journal. All that passes through this interface can be sent from one
process to another, so what stands behind it may be this process (`local`), several on this machine
(`workers`) or, one day, many machines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from jaxmeta.tasks import Task
from jaxmeta.training.lanes import Lanes
from jaxmeta.training.program import Training
from jaxmeta.training.progress import Result


@dataclass(frozen=True)
class Recipe:
    """All that an engine needs to build the training program of a study.

    Attributes:
      task: what is trained.
      training: epochs, patience and batches.
      scored_on: the split that scores are taken on.
      lanes: trainings in one compiled program.
      folder: where trainings in progress are saved, so that a kill costs little; "": nowhere.
    """

    task: Task
    training: Training
    scored_on: str
    lanes: Lanes
    folder: str = ""


class Job(NamedTuple):
    """A training to be run.

    Attributes:
      name: tells it from all others of the study; it is part of a file's name.
      key: the data of its key, two 32-bit words.
      values: its hyperparameters, float32 values.
      epochs: stop after so many; None for all that are wanted.
      test: at its end, look at the test set.
    """

    name: str
    key: tuple[int, int]
    values: dict[str, float]
    epochs: int | None = None
    test: bool = False


class Event(NamedTuple):
    """A training has come to the end of an epoch, or to its own end.

    Attributes:
      name: of its job.
      result: what it has to show so far.
      done: it has come to its end, and its lane is free.
      seconds: that it took in this engine so far.
      test: the score on the test set, where the job asked for it.
    """

    name: str
    result: Result
    done: bool
    seconds: float
    test: int | None = None


class Engine(Protocol):
    """Lanes for trainings; use it in a `with` statement."""

    @property
    def lanes(self) -> int:
        """How many trainings run side by side."""
        ...

    def surroundings(self) -> dict[str, Any]:
        """The fingerprint of the environment that trainings run in, and of their program."""
        ...

    def want(self, jobs: Sequence[Job]) -> None:
        """Run these, at most `lanes` of them, and nothing else: what runs and is not among them is
        given up at the end of its epoch."""
        ...

    def next(self) -> list[Event]:
        """Wait until something happens, and all that has; never called with nothing wanted.

        Raises:
          JournalError: trainings cannot be run any more.
        """
        ...

    def __enter__(self) -> "Engine": ...

    def __exit__(self, *_: object) -> None: ...
