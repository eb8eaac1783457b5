"""Every decision of a record, computed again from its seed and its scores, with no training.

The tuner's decisions are exact functions of the seed and of the recorded evaluations, so each line
of a journal but its measurements (evaluations, losses, digests, the test score) can be written a
second time, on any machine, in milliseconds; a line that comes out otherwise was not written by the
study that the first line names.
"""

import json
from typing import Any

from jaxmeta.record import lines as record
from jaxmeta.record.journal import JournalError, Line
from jaxmeta.tuning import Chains, from_record, of_record
from jaxmeta.tuning.chains import Turn


class Mismatch(JournalError):
    """A line that is not what seed and scores make it: where, what was found, what is right."""

    def __init__(self, number: int, field: str, recorded: Any, expected: Any) -> None:
        self.number, self.field, self.recorded, self.expected = number, field, recorded, expected
        super().__init__(
            f"line {number} must have {field} = {json.dumps(expected)}, as seed and scores "
            "give it, "
            f"and has {json.dumps(recorded)}; the record was changed after it was made"
        )


def replay(lines: list[Line]) -> Chains:
    """The chains of the study behind `lines`, after its last recorded decision.

    Raises:
      Mismatch: the first line and field that come out otherwise.
    """
    if not lines:
        raise JournalError("the journal must have a first line, and is empty; run `jaxmeta tune`")
    first = lines[0]
    chains = of_record(first, from_record(first["tuner"]), first["score"] == record.EXACT)
    for number, line in enumerate(lines[1:], 2):
        kind, turn = line.get("line"), chains.turn()
        if lines[number - 2]["line"] == "end":
            raise Mismatch(number, "line", kind, None)
        if kind not in ("decision", "end", "environment"):
            raise Mismatch(number, "line", kind, "end" if turn is None else "decision")
        if kind == "decision":
            if turn is None:
                raise Mismatch(number, "line", kind, "end")
            _decision(first, chains, turn, number, line)
        if kind == "end":
            if turn is not None:
                raise Mismatch(number, "line", kind, "decision")
            compare(number, line, _end(first, chains, lines[: number - 1], line))
    return chains


def _decision(first: Line, chains: Chains, turn: Turn, number: int, line: Line) -> None:
    new = chains.missing(turn)
    try:
        trained = [record.recorded(first, entry) for entry in line["trainings"]]
    except (KeyError, TypeError, ValueError) as error:
        raise JournalError(
            f"line {number} must have evaluations, losses and digests, and has not ({error!r}); "
            "the record was changed after it was made"
        ) from None
    if len(trained) != len(new):
        raise Mismatch(number, "trainings", len(trained), len(new))
    for name, entry, one in zip(new, line["trainings"], trained, strict=True):
        if not record.ended(first, one):
            raise Mismatch(number, "curve", entry["curve"], "more epochs")
        chains.learn(name, one.score)
    compare(number, line, record.decision_line(first, turn, trained, *chains.tell(turn)))


def _end(first: Line, chains: Chains, lines: list[Line], line: Line) -> Line:
    return record.end_line(first, lines, chains.recommended, line.get("test", {}))


def compare(number: int, line: Line, expected: Line) -> None:
    """Raise Mismatch at the first field of `line` that is not as `expected`."""
    recorded = {name: value for name, value in line.items() if name != "prev"}
    for name in [*expected, *recorded]:
        if name not in recorded or name not in expected or not same(recorded[name], expected[name]):
            raise Mismatch(number, name, recorded.get(name), expected.get(name))


def same(a: Any, b: Any) -> bool:
    """Equal as JSON text: 1, 1.0 and true are three things."""
    return json.dumps(a) == json.dumps(b)
