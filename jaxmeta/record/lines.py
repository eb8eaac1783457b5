"""The journal's lines: what a training measured, and what follows from it.

A training measures three things an epoch: the evaluation, the loss and the digest of the weights.
All else in a line (score, best epoch, divergence, every decision) is a function of these, of the
study's first line and of the lines before: it is written down for the reader, and `replay` computes
it again.
"""

from typing import Any, NamedTuple, Protocol

from jaxmeta.record.journal import Line
from jaxmeta.score import DIVERGED, to_float, to_rank

EXACT = "minus the sum of squared errors"
COUNT = "correct predictions"


class Wanted(Protocol):
    """A training that a tuner asked for, see `tuning.walk.Wanted`."""

    @property
    def i(self) -> int: ...
    @property
    def k(self) -> int: ...
    @property
    def values(self) -> dict[str, float]: ...
    @property
    def asked(self) -> dict[str, Any]: ...


class Trained(Protocol):
    """What came of a training, see `training.program.Result`."""

    @property
    def score(self) -> int: ...  # the best evaluation, or DIVERGED
    @property
    def best_epoch(self) -> int: ...  # the epoch, from 1, after which it was seen first; or 0
    @property
    def curve(self) -> list[int]: ...  # evaluations, DIVERGED where the training ended by itself
    @property
    def losses(self) -> list[float]: ...
    @property
    def digests(self) -> list[str]: ...


class Recorded(NamedTuple):
    """What a line of the journal says came of a training: its measurements and what follows."""

    score: int
    best_epoch: int
    curve: list[int]
    losses: list[float]
    digests: list[str]


def recorded(first: Line, line: Line) -> Recorded:
    """The training of `line`, score and length computed again from its evaluations.

    Raises:
      KeyError, TypeError, ValueError: it has not the measurements of a training.
    """
    training, kind = first["training"], first["score"]
    curve = [rank(kind, shown) for shown in line["curve"]]
    score, best_epoch, n = _stop_early(curve, training["epochs"], training["patience"])
    losses = [float.fromhex(loss) for loss in line["losses"]]
    return Recorded(score, best_epoch, curve[:n], losses[:n], list(line["digests"])[:n])


def ended(first: Line, trained: Recorded) -> bool:
    """Whether this training had come to its end: by its epochs, its patience or a divergence."""
    n, training = len(trained.curve), first["training"]
    diverged = DIVERGED in trained.curve
    return diverged or n == training["epochs"] or n - trained.best_epoch >= training["patience"]


def _stop_early(curve: list[int], epochs: int, patience: int) -> tuple[int, int, int]:
    """Score, best epoch and epochs done of a training that would follow `curve`."""
    best, best_epoch, n = DIVERGED, 0, 0
    for n, points in enumerate(curve[:epochs], 1):
        if points == DIVERGED:
            return DIVERGED, 0, n
        if points > best:
            best, best_epoch = points, n
        if n - best_epoch >= patience:
            break
    return best, best_epoch, n


def show(kind: str, score: int) -> int | str:
    """A score as the record has it: a count, a hexadecimal float, or the word "diverged"."""
    if score == DIVERGED:
        return "diverged"
    return to_float(score).hex() if kind == EXACT else score


def rank(kind: str, shown: int | str) -> int:
    """The score that `show` shows."""
    if shown == "diverged":
        return DIVERGED
    if kind == EXACT:
        return to_rank(float.fromhex(str(shown)))
    return int(shown)


def training_line(first: Line, wanted: Wanted, trained: Trained, told: dict[str, Any]) -> Line:
    """A training and what the tuner made of it. Floats that matter are hexadecimal, so exact."""
    kind = first["score"]
    return {
        "line": "training",
        "i": wanted.i,
        "k": wanted.k,
        "values": {name: value.hex() for name, value in wanted.values.items()},
        "asked": wanted.asked,
        "score": show(kind, trained.score),
        "best_epoch": trained.best_epoch,
        "curve": [show(kind, points) for points in trained.curve],
        "losses": [loss.hex() for loss in trained.losses],
        "digests": trained.digests,
        "told": told,
    }


def trainings(lines: list[Line]) -> list[Line]:
    """The training lines of a journal."""
    return [line for line in lines if line["line"] == "training"]


def best(kind: str, lines: list[Line]) -> Line:
    """The training with the best score, the earliest among equals."""
    return max(lines, key=lambda line: (rank(kind, line["score"]), -line["i"]))


def end_line(first: Line, lines: list[Line], k_best: int, test: dict[str, Any]) -> Line:
    """λ_best, the tuner's recommendation at position `k_best`, and the λ of the best score seen."""
    kind, done = first["score"], trainings(lines)
    return {
        "line": "end",
        "trainings": len(done),
        "lambda_best": _point(at_best(kind, done, k_best)),
        "best_score": _point(best(kind, done)),
        "test": test,
    }


def at_best(kind: str, lines: list[Line], k_best: int) -> Line:
    """The best training at position `k_best`: the one whose weights meet the test set."""
    return best(kind, [line for line in trainings(lines) if line["k"] == k_best])


def _point(line: Line) -> dict[str, Any]:
    return {name: line[name] for name in ("i", "k", "values", "score")}
