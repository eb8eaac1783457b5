"""Where two studies part: configuration, environment, then the first draw, training or decision."""

import json
from typing import Any, NamedTuple

from jaxmeta.record import environment
from jaxmeta.record.journal import Line
from jaxmeta.record.lines import trainings

# In the order of cause and effect: a draw chooses a position, a training gives scores, a score
# decides.
STAGES = {
    "draw": ("asked",),
    "learning rate": ("k", "values"),
    "training": ("digests", "losses"),
    "score": ("curve", "score", "best_epoch"),
    "decision": ("told",),
}


class Parting(NamedTuple):
    """The first thing of index `i` that differs."""

    i: int
    stage: str  # a key of STAGES, or "length" where one study goes on and the other does not
    field: str
    epoch: int | None  # for what is recorded an epoch, from 1
    a: Any
    b: Any

    def __str__(self) -> str:
        at = f", epoch {self.epoch}" if self.epoch else ""
        values = f"{json.dumps(self.a)} and {json.dumps(self.b)}"
        return f"training {self.i}, {self.stage}: {self.field}{at}: {values}"


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
        return "\n".join(rows)


def diff(a: list[Line], b: list[Line]) -> Diff:
    """Compare two journals, as `journal.read` gives them."""
    ends = [x[-1] if x[-1]["line"] == "end" else {} for x in (a, b)]
    return Diff(
        configuration=differences(_plain(a[0]), _plain(b[0])),
        environment=environment.differences(a[0]["environment"], b[0]["environment"]),
        parting=_part(trainings(a), trainings(b)),
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
        for stage, names in STAGES.items():
            for name in names:
                if not _same(one[name], other[name]):
                    return _parting(one["i"], stage, name, one[name], other[name])
    if len(a) != len(b):
        return Parting(min(len(a), len(b)), "length", "trainings", None, len(a), len(b))
    return None


def _parting(i: int, stage: str, name: str, a: Any, b: Any) -> Parting:
    """Narrowed to the first entry of a list of epochs, or to the first name of a dictionary."""
    if isinstance(a, list) and isinstance(b, list):
        for epoch in range(max(len(a), len(b))):
            entries = [x[epoch] if epoch < len(x) else None for x in (a, b)]
            if not _same(*entries):
                return Parting(i, stage, name, epoch + 1, *entries)
    if isinstance(a, dict) and isinstance(b, dict):
        for key in [*a, *b]:
            if not _same(a.get(key), b.get(key)):
                return Parting(i, stage, f"{name}.{key}", None, a.get(key), b.get(key))
    return Parting(i, stage, name, None, a, b)


def _same(a: Any, b: Any) -> bool:
    return json.dumps(a) == json.dumps(b)
