"""The journal's lines: what trials measured, and what follows from it.

A trial measures three things an epoch: the evaluation, the loss and the digest of the weights; and
it names the compiled program that ran it. All else in a line (scores, best epochs, divergence,
every decision) is a function of these, of the study's first line and of the lines before: it is
written down for the reader, and `replay` computes it again; so is whether a training was stopped
early, where the study has a rule for that.
"""

from collections.abc import Sequence
from typing import Any

from jaxmeta.length import Training
from jaxmeta.record.error import JournalError
from jaxmeta.record.schema import Line
from jaxmeta.score import DIVERGED, FLOAT, to_float, to_rank
from jaxmeta.space import is_hexadecimal
from jaxmeta.trial import Decision, Position, Result, Trial, Values

INFORMATION = "information"  # what of an environment changes no bit, in portable arithmetic


def recorded(first: Line, entry: Line) -> Result:
    """The trial of `entry`, one of a line's "trainings"; score and length are computed again from
    its evaluations."""
    training, kind = Training(**first["training"]), kind_of(first)
    curve = [rank(kind, shown) for shown in entry["curve"]]
    best, best_epoch, n, diverged = DIVERGED, 0, 0, False
    for n, points in enumerate(curve, 1):
        diverged = points == DIVERGED
        if points > best:
            best, best_epoch = points, n
        if training.ended(n, best_epoch, diverged):
            break
    if diverged:
        best, best_epoch = DIVERGED, 0
    losses = [float.fromhex(loss) for loss in entry["losses"][:n]]
    digests = entry["digests"][:n]
    return Result(best, best_epoch, n, curve[:n], losses, digests, diverged, entry["compiled"])


def ended(first: Line, result: Result) -> bool:
    """Whether this trial had come to its end: by its epochs, its patience or a divergence."""
    training = Training(**first["training"])
    return training.ended(result.epochs, result.best_epoch, result.diverged)


def kind_of(first: Line) -> str:
    """Of the scores of the study that begins with `first`: `score.COUNT` or `score.FLOAT`."""
    return first["score"]["kind"]


def show(kind: str, score: int) -> int | str:
    """A score as the record has it: a count, a hexadecimal float, or the word "diverged"."""
    if score == DIVERGED:
        return "diverged"
    return to_float(score).hex() if kind == FLOAT else score


def rank(kind: str, shown: int | str) -> int:
    """The score that `show` shows."""
    if shown == "diverged":
        return DIVERGED
    if kind == FLOAT:
        return to_rank(float.fromhex(str(shown)))
    return int(shown)


def show_values(values: Values) -> dict[str, int | str]:
    """Hyperparameters as the record has them: a float in hexadecimal, so exact."""
    return {n: value.hex() if isinstance(value, float) else value for n, value in values.items()}


def decision_line(
    first: Line, decision: Decision, results: Sequence[Result], score: int, told: dict[str, Any]
) -> Line:
    """A decision and the trials run for it.

    Args:
      results: what came of each of the decision's trials; none where it revisits earlier ones.
      score: what they come to, see `score.total`.
      told: what the tuner made of it.
    """
    asked, kind = decision.suggestion, kind_of(first)
    pairs = zip(decision.trials, results, strict=True) if results else ()
    return {
        "line": "decision",
        "chain": decision.chain,
        "i": asked.i,
        "position": list(asked.position),
        "values": show_values(asked.values),
        "asked": asked.asked,
        "revisits": decision.revisits,
        "trainings": [training_entry(kind, trial.r, result) for trial, result in pairs],
        "score": show(kind, score),
        "told": told,
    }


def training_entry(kind: str, r: int, result: Result) -> Line:
    """Replicate `r` of a decision, as its line has it."""
    said = {} if result.stopped is None else {"stopped": result.stopped}
    return {
        "r": r,
        "score": show(kind, result.score),
        "best_epoch": result.best_epoch,
        "curve": [show(kind, points) for points in result.curve],
        "losses": [loss.hex() for loss in result.losses],
        "digests": result.digests,
        "compiled": result.compiled,
        **said,
    }


def trial_of(first: Line, line: Line, entry: Line) -> Trial:
    """The trial whose `entry` stands in the decision `line`."""
    i = 0 if first["keys"] == "paired" else line["i"]
    return Trial(line["chain"], i, tuple(line["position"]), entry["r"])


def decisions(lines: list[Line]) -> list[Line]:
    """The decisions of a journal, in their order."""
    return [line for line in lines if line["line"] == "decision"]


def environments(lines: list[Line]) -> list[dict[str, Any]]:
    """The environments that a journal was written in, in their order."""
    return [line["environment"] for line in lines if "environment" in line]


def fields_of(environment: dict[str, Any]) -> dict[str, Any]:
    """All that an environment says by name, what is there for INFORMATION alone as well."""
    rest = {name: value for name, value in environment.items() if name != INFORMATION}
    information = environment.get(INFORMATION)
    return {**(information if isinstance(information, dict) else {}), **rest}


def variant_of(values: dict[str, int | str]) -> str:
    """What is static of a line's "values", as text: integers and words; floats are traced."""
    static = {n: v for n, v in values.items() if not (isinstance(v, str) and is_hexadecimal(v))}
    return ", ".join(f"{name} = {value}" for name, value in static.items())


def programs(lines: list[Line]) -> dict[str, str]:
    """The compiled program of each variant that was trained in a journal's last environment."""
    found: dict[str, str] = {}
    for line in lines:
        if "environment" in line:
            found = {}
        for entry in line.get("trainings", ()):
            found[variant_of(line["values"])] = entry["compiled"]
    return found


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


def recommended(kind: str, lines: list[Line], positions: Sequence[Position]) -> Line:
    """The decision whose weights meet the test set: the best one at the position that its chain
    stands for (`positions`, one a chain)."""
    here = [d for d in decisions(lines) if tuple(d["position"]) == positions[d["chain"]]]
    return best(kind, here)


def trainings_of(lines: list[Line], decision: Line) -> list[Line]:
    """The trials that `decision` rests on: its own, or those that it revisits."""
    if decision["revisits"] is None:
        return decision["trainings"]
    at = decision["chain"], decision["revisits"]
    (visited,) = [line for line in decisions(lines) if (line["chain"], line["i"]) == at]
    return visited["trainings"]


def end_line(
    first: Line, lines: list[Line], positions: Sequence[Position], test: dict[str, Any] | None
) -> Line:
    """What the tuner recommends, and the best score seen.

    With several chains the recommendation is that of the chain whose own has the best score, and
    "chains" has them all.
    """
    kind, done = kind_of(first), decisions(lines)
    own: list[list[Line]] = [[] for _ in positions]
    for line in done:
        own[line["chain"]].append(line)
    return {
        "line": "end",
        "decisions": len(done),
        "trainings": sum(len(line["trainings"]) for line in done),
        "chains": [_point(recommended(kind, lines_of, positions)) for lines_of in own],
        "recommended": _point(recommended(kind, done, positions)),
        "best_score": _point(best(kind, done)),
        "test": test,
    }


def _point(line: Line) -> dict[str, Any]:
    return {name: line[name] for name in ("chain", "i", "position", "values", "score")}
