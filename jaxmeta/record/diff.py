"""Where two studies part: configuration, environment, then the first draw, training or decision."""

import json
from typing import Any, NamedTuple

from jaxmeta.plain import plain
from jaxmeta.record import environment
from jaxmeta.record.journal import JournalError, Line
from jaxmeta.record.lines import decisions

# In the order of cause and effect: a draw chooses a position, trainings give scores, a score
# decides. The first of a pair is looked for in the line, the second in each of its trainings.
STAGES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "draw": (("chain", "i", "asked"), ()),
    "position": (("position", "values", "revisits"), ()),
    "training": ((), ("r", "digests", "losses")),
    "score": ((), ("curve", "score", "best_epoch")),
    "decision": (("score", "told"), ()),
}


class Parting(NamedTuple):
    """The first thing that differs, in the decision of iteration `i`."""

    chain: int
    i: int
    stage: str  # a key of STAGES, or "length" where one study goes on and the other does not
    field: str
    epoch: int | None  # for what is recorded an epoch, from 1
    a: Any
    b: Any

    def __str__(self) -> str:
        chain = f"chain {self.chain}, " if self.chain else ""
        at = f", epoch {self.epoch}" if self.epoch else ""
        values = f"{json.dumps(self.a)} and {json.dumps(self.b)}"
        return f"{chain}training {self.i}, {self.stage}: {self.field}{at}: {values}"


class Diff(NamedTuple):
    """All that differs between two journals."""

    configuration: list[str]
    environment: list[str]
    parting: Parting | None
    end: list[str]

    @property
    def same(self) -> bool:
        return not (self.configuration or self.environment or self.parting or self.end)

    def __str__(self) -> str:
        if self.same:
            return "the same, line for line"
        rows = [f"configuration  {row}" for row in self.configuration]
        rows += [f"environment    {row}" for row in self.environment]
        rows.append(
            f"parting        {self.parting or 'none: all trainings and decisions are the same'}"
        )
        rows += [f"end            {row}" for row in self.end]
        return "\n".join(map(plain, rows))


def diff(a: list[Line], b: list[Line]) -> Diff:
    """Compare two journals, as `journal.read` gives them.

    Raises:
      JournalError: one of them has no line.
    """
    if not a or not b:
        raise JournalError("both journals must have a first line, and one has not; compare others")
    ends = [x[-1] if x[-1]["line"] == "end" else {} for x in (a, b)]
    return Diff(
        configuration=differences(_plain(a[0]), _plain(b[0])),
        environment=environment.differences(a[0]["environment"], b[0]["environment"]),
        parting=_part(decisions(a), decisions(b)),
        end=differences(_plain(ends[0]), _plain(ends[1])),
    )


def _plain(line: Line) -> Line:
    return {name: value for name, value in line.items() if name not in ("prev", "environment")}


def differences(a: Any, b: Any, path: str = "") -> list[str]:
    """What differs, "tuner.p_eps: 0.1 and 0.2", however deep."""
    if isinstance(a, dict) and isinstance(b, dict):
        names = [*a, *(name for name in b if name not in a)]
        return [
            found
            for name in names
            for found in differences(a.get(name), b.get(name), f"{path}.{name}".lstrip("."))
        ]
    return [] if _same(a, b) else [f"{path}: {json.dumps(a)} and {json.dumps(b)}"]


def _part(a: list[Line], b: list[Line]) -> Parting | None:
    for one, other in zip(a, b, strict=False):
        for stage, (of_line, of_training) in STAGES.items():
            pairs = [(one, other, name) for name in of_line]
            # Lists of other lengths differ in their designs, which the configuration shows.
            for x, y in zip(one["trainings"], other["trainings"], strict=False):
                pairs += [(x, y, name) for name in of_training]
            for x, y, name in pairs:
                if not _same(x[name], y[name]):
                    return Parting(one["chain"], one["i"], stage, *_narrow(name, x[name], y[name]))
    if len(a) != len(b):
        longer = max(a, b, key=len)[min(len(a), len(b))]
        return Parting(longer["chain"], longer["i"], "length", "trainings", None, len(a), len(b))
    return None


def _narrow(name: str, a: Any, b: Any) -> tuple[str, int | None, Any, Any]:
    """Field, epoch and values: to the first entry of a list of epochs, or the first name of a
    dictionary."""
    if name != "position" and isinstance(a, list) and isinstance(b, list):
        for epoch in range(max(len(a), len(b))):
            x, y = (entries[epoch] if epoch < len(entries) else None for entries in (a, b))
            if not _same(x, y):
                return name, epoch + 1, x, y
    if isinstance(a, dict) and isinstance(b, dict):
        for key in [*a, *b]:
            if not _same(a.get(key), b.get(key)):
                return f"{name}.{key}", None, a.get(key), b.get(key)
    return name, None, a, b


def _same(a: Any, b: Any) -> bool:
    return json.dumps(a) == json.dumps(b)
