"""Axes and values as they are written on the command line.

    1e-5:1:log          from 1e-5 to 1, on a logarithmic scale     0:0.8       from 0 to 0.8
    1e-5:1:log:0.1      neighbours differ by a factor of 1.1       0:0.8:0.1   in steps of 0.1
    1e-5:1:log:9points  nine of them (0:0.8:9points likewise); "every" takes every float32
    16,32,64            numbers in order                           adam,sgd    choices without one

Each may end in @ and the value that is tried first: 1e-6:1:5e-5@1e-4, adam,sgd@sgd.
"""

import re

from jaxmeta.space.axis import Axis
from jaxmeta.space.linear import Linear
from jaxmeta.space.lists import LETTERS, Choice, Listed, Values
from jaxmeta.space.log import Log
from jaxmeta.space.ranges import EVERY, Range
from jaxmeta.trial import Value

LONGEST = 10_000  # letters of an axis
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NAME = re.compile(r"[^\s,:@=]+")
_HOW = "such as 1e-5:1:log, 0:0.8:0.1, 16,32,64 or adam,sgd"


def parse_value(text: str) -> Value:
    """The value that `text` writes: an integer, a float, or else a name.

    Raises:
      ValueError: it is none.
    """
    text = text.strip()
    if len(text) <= LETTERS:
        if _WHOLE.fullmatch(text):
            return int(text)
        if _NUMBER.fullmatch(text):
            return float(text)
        if _NAME.fullmatch(text) and text.isprintable() and _finite(text):
            return text
    raise ValueError(f"a value must be a number or a name, got {text!r:.100}; such as 0.3 or adam")


def _finite(name: str) -> bool:
    return name.lower().lstrip("+-") not in ("nan", "inf", "infinity")


def parse_axis(text: str) -> Axis:
    """The axis that `text` writes.

    Raises:
      ValueError: it is none.
    """
    if len(text) > LONGEST:
        raise ValueError(f"an axis has at most {LONGEST} letters, got {len(text)}; shorten it")
    body, at, start = text.partition("@")
    first = parse_value(start) if at else None
    if ":" in body:
        return _range(body, first)
    values = [parse_value(part) for part in body.split(",")]
    names = sum(isinstance(value, str) for value in values)
    if len(values) < 2 or names not in (0, len(values)):
        raise ValueError(
            f"an axis is a range, numbers, or names, got {text!r:.100}; write one {_HOW}"
        )
    return (Choice if names else Values)(*values, start=first)


def _range(text: str, start: Value | None) -> Range:
    parts = [part.strip() for part in text.split(":")]
    kind = Log if "log" in parts[2:3] else Linear
    if kind is Log:
        del parts[2]
    if not 2 <= len(parts) <= 3:
        raise ValueError(
            f"a range is low:high, with :log and a step if wanted, got {text!r:.100}; write one "
            f"{_HOW}"
        )
    if isinstance(start, str):
        raise ValueError(f"a range starts at a number, got {start!r:.100}; such as 0:1@0.5")
    low, high = map(_real, parts[:2])
    if len(parts) == 2:
        return kind(low, high, start=start)
    how = parts[2]
    if how == EVERY:
        return kind(low, high, points=EVERY, start=start)
    if how.endswith("points"):
        points = parse_value(how.removesuffix("points") or "?")
        if not isinstance(points, int):
            raise ValueError(f"points must be a whole number, got {how!r:.100}; such as 9points")
        return kind(low, high, points=points, start=start)
    return kind(low, high, _real(how), start=start)


def _real(text: str) -> float:
    value = parse_value(text)
    if isinstance(value, str):
        raise ValueError(f"a range is made of numbers, got {text!r:.100}; write one {_HOW}")
    return value


def to_text(axis: Axis) -> str:
    """`axis` as it would be written; `parse_axis` reads it, but for choices that are numbers."""
    if isinstance(axis, Listed):
        end = "" if axis.start is None else f"@{axis.start}"
        return ",".join(map(str, axis.values)) + end
    if not isinstance(axis, Range):
        raise TypeError(f"{axis!r} is an axis that has no text")
    parts = [_short(axis.low), _short(axis.high)] + (["log"] if isinstance(axis, Log) else [])
    if axis.step is not None:
        parts.append(_short(axis.step))
    elif axis.points is not None:
        parts.append(EVERY if axis.points == EVERY else f"{axis.points}points")
    return ":".join(parts) + ("" if axis.start is None else f"@{_short(axis.start)}")


def _short(value: float) -> str:
    return repr(value).removesuffix(".0")
