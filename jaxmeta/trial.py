"""The nouns that pass between rooms: what identifies a trial, what a tuner suggests, what came of
it.

A *trial* is one training of a study. A *decision* is one step of a tuner: it suggests a position of
the search space, trials are run there, their scores are added, and the tuner is told.
"""

from typing import Any, NamedTuple

Value = float | int | str  # of a hyperparameter; a float is a float32 value, and may be traced
Values = dict[str, Value]  # by the names of the hyperparameters
Position = tuple[int, ...]  # of a search space: an integer for each axis


class Trial(NamedTuple):
    """What tells a trial from all others of its study."""

    chain: int
    i: int  # the iteration that its key is of; 0 where keys are paired
    position: Position
    r: int  # which replicate

    def __str__(self) -> str:
        """`chain.i.position.r`, such as "0.3.-2,5.0"; also the first part of a file's name."""
        return f"{self.chain}.{self.i}.{','.join(map(str, self.position))}.{self.r}"


def parse(text: str) -> Trial:
    """The trial whose `str` is `text`.

    Raises:
      ValueError: `text` is none.
    """
    try:
        chain, i, position, r = text.split(".")
        trial = Trial(int(chain), int(i), tuple(map(int, position.split(","))), int(r))
        if str(trial) == text:
            return trial
    except ValueError:
        pass
    raise ValueError(f"a trial is written as 0.3.-2,5.0, and {text[:80]!r} is none; check the file")


class Suggestion(NamedTuple):
    """Where a tuner wants the next trials of its chain."""

    i: int  # the iteration, from 0
    position: Position
    r: int  # which of the position's replicates; 0 for a tuner that asks for none
    values: Values  # the hyperparameters at `position`
    asked: dict[str, Any]  # what the tuner says of its choice, as JSON


class Decision(NamedTuple):
    """The decision that comes next in a study."""

    chain: int
    suggestion: Suggestion
    trials: tuple[Trial, ...]  # what it rests on, a replicate each
    revisits: int | None  # the iteration that ran these trials before; None: they are new


class Result(NamedTuple):
    """What a trial has to show, on the host."""

    score: int  # the best evaluation, see `score`; or DIVERGED
    best_epoch: int  # the epoch (from 1) after which it was seen first; 0 if none was
    epochs: int  # epochs done
    curve: list[int]  # the evaluation after each of them
    losses: list[float]  # the loss of each epoch, float32 values
    digests: list[str]  # of the weights after each epoch, 32 hexadecimal digits
    diverged: bool
    compiled: str  # digest of the compiled program that ran it, 32 hexadecimal digits
    # Whether a rule of the study stopped it, see `stopping`; None where the study has no rule.
    stopped: bool | None = None
