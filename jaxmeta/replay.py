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
from jaxmeta.tuning import Walk, from_record


class Mismatch(JournalError):
    """A line that is not what seed and scores make it: where, what was found, what is right."""

    def __init__(self, number: int, field: str, recorded: Any, expected: Any) -> None:
        self.number, self.field, self.recorded, self.expected = number, field, recorded, expected
        super().__init__(
            f"line {number} must have {field} = {json.dumps(expected)}, as seed and scores "
            "give it, "
            f"and has {json.dumps(recorded)}; the record was changed after it was made"
        )


def replay(lines: list[Line]) -> Walk:
    """The walk of the study behind `lines`, after its last recorded training.

    Raises:
      Mismatch: the first line and field that come out otherwise.
    """
    if not lines:
        raise JournalError("the journal must have a first line, and is empty; run `jaxmeta tune`")
    first = lines[0]
    walk = Walk(from_record(first["tuner"]), first["seed"])
    for number, line in enumerate(lines[1:], 2):
        kind = line.get("line")
        if lines[number - 2]["line"] == "end":
            raise Mismatch(number, "line", kind, None)
        if kind == "training":
            _training(first, walk, number, line)
        elif kind == "end":
            _end(first, walk, lines[: number - 1], number, line)
        elif kind != "environment":
            raise Mismatch(number, "line", kind, "end" if walk.done else "training")
    return walk


def _training(first: Line, walk: Walk, number: int, line: Line) -> None:
    if walk.done:
        raise Mismatch(number, "line", "training", "end")
    wanted = walk.ask()
    try:
        trained = record.recorded(first, line)
    except (KeyError, TypeError, ValueError) as error:
        raise JournalError(
            f"line {number} must have evaluations, losses and digests, and has not ({error!r}); "
            "the record was changed after it was made"
        ) from None
    if not record.ended(first, trained):
        raise Mismatch(number, "curve", line["curve"], "more epochs")
    told = walk.tell(trained.score)
    compare(number, line, record.training_line(first, wanted, trained, told))


def _end(first: Line, walk: Walk, lines: list[Line], number: int, line: Line) -> None:
    if not walk.done:
        raise Mismatch(number, "line", "end", "training")
    k_best = int(walk.tuner.recommend(walk.state))
    compare(number, line, record.end_line(first, lines, k_best, line.get("test", {})))


def compare(number: int, line: Line, expected: Line) -> None:
    """Raise Mismatch at the first field of `line` that is not as `expected`."""
    recorded = {name: value for name, value in line.items() if name != "prev"}
    for name in [*expected, *recorded]:
        if name not in recorded or name not in expected or not same(recorded[name], expected[name]):
            raise Mismatch(number, name, recorded.get(name), expected.get(name))


def same(a: Any, b: Any) -> bool:
    """Equal as JSON text: 1, 1.0 and true are three things."""
    return json.dumps(a) == json.dumps(b)
