"""Every decision of a record, computed again from its seed and its scores, with no training.

The tuner's decisions are exact functions of the seed and of the recorded evaluations, so each line
of a journal but its measurements (evaluations, losses, digests, the test score) can be written a
second time, on any machine, in milliseconds; a line that comes out otherwise was not written by the
study that the first line names.
"""

import json
from typing import Any

from jaxmeta.record import lines as record
from jaxmeta.record import schema
from jaxmeta.record.error import JournalError, Mismatch
from jaxmeta.record.schema import Line
from jaxmeta.score import FLOAT, total
from jaxmeta.trial import Decision
from jaxmeta.tuning import Chains, from_record, of_record

__all__ = ["Mismatch", "compare", "replay", "same"]


def replay(lines: list[Line], checked: bool = False) -> Chains:
    """The chains of the study behind `lines`, after its last recorded decision.

    Args:
      checked: `schema.check` was passed already.

    Raises:
      Mismatch: the first line and field that come out otherwise.
      JournalError: the first line is none of a study.
      ValueError: its tuner or its keys are of no kind that is known here.
    """
    if not lines:
        raise JournalError("the journal must have a first line, and is empty; run `jaxmeta tune`")
    if not checked:
        schema.check(lines)
    first, surroundings = lines[0], lines[0]["environment"]
    tuner = from_record(first["tuner"], schema.space_of(first))
    chains = of_record(first, tuner, record.kind_of(first) == FLOAT)
    for number, line in enumerate(lines[1:], 2):
        kind = line["line"]
        if kind == "environment":
            if same(surroundings, line["environment"]):
                raise Mismatch(number, "environment", "the one before", "another")
            surroundings = line["environment"]
            continue
        decision = chains.next()
        if kind == "decision":
            if decision is None:
                raise Mismatch(number, "line", kind, "end")
            _decision(first, chains, decision, number, line)
        if kind == "end":
            if decision is not None:
                raise Mismatch(number, "line", kind, "decision")
            done = lines[: number - 1]
            expected = record.end_line(first, done, chains.recommended, line["test"])
            compare(number, line, expected)
            _test(number, first, done, line, chains)
    return chains


def _decision(first: Line, chains: Chains, decision: Decision, number: int, line: Line) -> None:
    new = chains.missing(decision)
    trained = [record.recorded(first, entry) for entry in line["trainings"]]
    if len(trained) != len(new):
        raise Mismatch(number, "trainings", len(trained), len(new))
    cut = []
    for name, entry, one in zip(new, line["trainings"], trained, strict=True):
        ended = record.ended(first, one)
        cut.append(chains.cut(name, one, ended))
        if not (ended or cut[-1].stopped):
            raise Mismatch(number, "curve", entry["curve"], "more epochs")
        if cut[-1].epochs != one.epochs:
            raise Mismatch(number, "curve", entry["curve"], f"{cut[-1].epochs} epochs")
    chains.take(decision, cut)
    compare(number, line, record.decision_line(first, decision, cut, *chains.tell(decision)))


def _test(number: int, first: Line, lines: list[Line], end: Line, chains: Chains) -> None:
    """All of the test but its scores, which training again tells: their sum, and whose weights."""
    kind, test = record.kind_of(first), end["test"]
    if test is None:
        return
    entries = record.trainings_of(lines, record.recommended(kind, lines, chains.recommended))
    expected: dict[str, Any] = {"score": "diverged", "trainings": []}
    if all(entry["best_epoch"] for entry in entries):
        scores = [one["score"] for one in test["trainings"]]
        points = (
            total([record.rank(kind, score) for score in scores], chains.exact) if scores else 0
        )
        tested = [
            {"r": entry["r"], "score": score, "weights": entry["digests"][entry["best_epoch"] - 1]}
            for entry, score in zip(entries, scores, strict=False)
        ]
        if len(scores) != len(entries):
            raise Mismatch(number, "test.trainings", len(scores), len(entries))
        expected = {"score": record.show(kind, points), "trainings": tested}
    examples = first["score"]["of"]["test"]
    of = None if examples is None else examples * len(entries)
    compare(number, {"test": test}, {"test": {"score": expected["score"], "of": of, **expected}})


def compare(number: int, line: Line, expected: Line) -> None:
    """Raise Mismatch at the first field of `line` that is not as `expected`."""
    recorded = {name: value for name, value in line.items() if name != "prev"}
    if same(recorded, expected):  # at once: a record has many lines, and most are as they should be
        return
    for name in [*expected, *recorded]:
        if name not in recorded or name not in expected or not same(recorded[name], expected[name]):
            raise Mismatch(number, name, recorded.get(name), expected.get(name))


def same(a: Any, b: Any) -> bool:
    """Equal as JSON text: 1, 1.0 and true are three things."""
    return json.dumps(a) == json.dumps(b)
