"""The journal's lines: what trainings measured, and what follows from it.

A training measures three things an epoch: the evaluation, the loss and the digest of the weights.
All else in a line (scores, best epochs, divergence, every decision) is a function of these, of the
study's first line and of the lines before: it is written down for the reader, and `replay` computes
it again.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from jaxmeta.record.error import JournalError
from jaxmeta.record.schema import COUNT, EXACT, Line  # noqa: F401 others find them here
from jaxmeta.score import DIVERGED, to_float, to_rank


class Wanted(Protocol):
    """What a tuner asked for, see `tuning.walk.Wanted`."""

    @property
    def i(self) -> int: ...
    @property
    def k(self) -> int: ...
    @property
    def values(self) -> dict[str, float]: ...
    @property
    def asked(self) -> dict[str, Any]: ...


class Name(Protocol):
    """What names a training, see `tuning.chains.Name`."""

    @property
    def r(self) -> int: ...


class Turn(Protocol):
    """A decision to be made, see `tuning.chains.Turn`."""

    @property
    def chain(self) -> int: ...
    @property
    def wanted(self) -> Wanted: ...
    @property
    def trainings(self) -> Sequence[Name]: ...
    @property
    def revisits(self) -> int | None: ...


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
    """What the journal says came of a training: its measurements and what follows."""

    score: int
    best_epoch: int
    curve: list[int]
    losses: list[float]
    digests: list[str]


def recorded(first: Line, entry: Line) -> Recorded:
    """The training of `entry`, one of a line's "trainings"; score and length are computed again
    from its evaluations.

    Raises:
      KeyError, TypeError, ValueError: it has not the measurements of a training.
    """
    training, kind = first["training"], first["score"]
    curve = [rank(kind, shown) for shown in entry["curve"]]
    score, best_epoch, n = _stop_early(curve, training["epochs"], training["patience"])
    losses = [float.fromhex(loss) for loss in entry["losses"]]
    return Recorded(score, best_epoch, curve[:n], losses[:n], list(entry["digests"])[:n])


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


def decision_line(
    first: Line, turn: Turn, trained: Sequence[Trained], score: int, told: dict[str, Any]
) -> Line:
    """A decision and the trainings run for it. Floats that matter are hexadecimal, so exact.

    Args:
      trained: what came of each of the turn's trainings; none where it revisits earlier ones.
      score: what they come to, see `score.total`.
      told: what the tuner made of it.
    """
    wanted, kind = turn.wanted, first["score"]
    pairs = zip(turn.trainings, trained, strict=True) if trained else ()
    return {
        "line": "decision",
        "chain": turn.chain,
        "i": wanted.i,
        "k": wanted.k,
        "values": {name: value.hex() for name, value in wanted.values.items()},
        "asked": wanted.asked,
        "revisits": turn.revisits,
        "trainings": [training_entry(kind, name.r, one) for name, one in pairs],
        "score": show(kind, score),
        "told": told,
    }


def training_entry(kind: str, r: int, trained: Trained) -> Line:
    """Replicate `r` of a decision, as its line has it."""
    return {
        "r": r,
        "score": show(kind, trained.score),
        "best_epoch": trained.best_epoch,
        "curve": [show(kind, points) for points in trained.curve],
        "losses": [loss.hex() for loss in trained.losses],
        "digests": trained.digests,
    }


def decisions(lines: list[Line]) -> list[Line]:
    """The decisions of a journal, in their order."""
    return [line for line in lines if line["line"] == "decision"]


def best(kind: str, lines: list[Line]) -> Line:
    """The decision with the best score, the earliest among equals.

    Raises:
      JournalError: there is none.
    """
    if not lines:
        raise JournalError(
            "a record must have a decision at the position that its tuner stands for, and has "
            "none; it was changed after it was made"
        )
    return max(enumerate(lines), key=lambda pair: (rank(kind, pair[1]["score"]), -pair[0]))[1]


def at_best(kind: str, lines: list[Line], k_best: Sequence[int]) -> Line:
    """The decision whose weights meet the test set: the best one at the position that its chain
    stands for (`k_best`, a position a chain)."""
    return best(kind, [line for line in decisions(lines) if line["k"] == k_best[line["chain"]]])


def trainings_of(lines: list[Line], decision: Line) -> list[Line]:
    """The trainings that `decision` rests on: its own, or those that it revisits."""
    if decision["revisits"] is None:
        return decision["trainings"]
    at = decision["chain"], decision["revisits"]
    (visited,) = [line for line in decisions(lines) if (line["chain"], line["i"]) == at]
    return visited["trainings"]


def end_line(first: Line, lines: list[Line], k_best: Sequence[int], test: dict[str, Any]) -> Line:
    """λ_best, the tuner's recommendation, and the λ of the best score seen.

    With several chains λ_best is that of the chain whose own has the best score, and "chains" has
    them all.
    """
    kind, done = first["score"], decisions(lines)
    own: list[list[Line]] = [[] for _ in k_best]
    for line in done:
        own[line["chain"]].append(line)
    return {
        "line": "end",
        "decisions": len(done),
        "trainings": sum(len(line["trainings"]) for line in done),
        "chains": [_point(at_best(kind, lines_of, k_best)) for lines_of in own],
        "lambda_best": _point(at_best(kind, done, k_best)),
        "best_score": _point(best(kind, done)),
        "test": test,
    }


def _point(line: Line) -> dict[str, Any]:
    return {name: line[name] for name in ("chain", "i", "k", "values", "score")}
