"""Rules of form: the words in which `schema` says what a field may hold.

A rule takes a value and where it stands, and raises Unfit. Types are exact: true is not 1, and 1.0
is not 1.
"""

import functools
import math
import re
import struct
from collections.abc import Callable
from typing import Any

from jaxmeta.record.error import shown

Rule = Callable[[Any, str], None]

INT32 = 2**31 - 1
NAME, TEXT, ENTRIES, DEPTH = 1000, 10_000, 1000, 3


class Unfit(Exception):
    """A value that is not what is expected."""

    def __init__(self, at: str, expected: str, value: Any) -> None:
        self.at, self.expected, self.value = at, expected, value


def whole(low: int, high: int) -> Rule:
    def rule(value: Any, at: str) -> None:
        if type(value) is not int or not low <= value <= high:
            raise Unfit(at, f"a whole number from {low} to {high}", value)

    return rule


def one_of(*allowed: str | int | None) -> Rule:
    kinds, known = set(map(type, allowed)), {(type(one), one) for one in allowed}

    def rule(value: Any, at: str) -> None:
        if type(value) not in kinds or (type(value), value) not in known:
            raise Unfit(at, " or ".join(map(str, allowed)), value)

    return rule


def text(most: int) -> Rule:
    def rule(value: Any, at: str) -> None:
        if type(value) is not str or len(value) > most or not value.isprintable():
            raise Unfit(at, f"a text of at most {most} printable letters", value)

    return rule


def pattern(expression: str, words: str) -> Rule:
    compiled = re.compile(expression)

    def rule(value: Any, at: str) -> None:
        if type(value) is not str or not compiled.fullmatch(value):
            raise Unfit(at, words, value)

    return rule


def truth(value: Any, at: str) -> None:
    if type(value) is not bool:
        raise Unfit(at, "true or false", value)


def number(value: Any, at: str) -> None:
    """What a float option of a tuner may be: from 0 to 1e38, and not minus zero."""
    fits = type(value) in (int, float) and 0 <= value <= 1e38 and math.copysign(1, value) > 0
    if not fits:
        raise Unfit(at, "a number from 0 to 1e38", value)


def float32(value: Any, at: str, nan: bool = False) -> None:
    """The hexadecimal form of a float32, as `float.hex` writes it."""
    fits = False
    if type(value) is str and len(value) <= 30:
        try:
            exact = float.fromhex(value)
            (rounded,) = struct.unpack("<f", struct.pack("<f", exact))
            fits = exact.hex() == value and (exact == rounded or nan)
        except (OverflowError, ValueError):
            pass
    if not fits:
        raise Unfit(at, "a float32 in hexadecimal", value)


def loss(value: Any, at: str) -> None:
    """A training ends with a loss that is no number."""
    float32(value, at, nan=True)


def optional(rule: Rule) -> Rule:
    return lambda value, at: None if value is None else rule(value, at)


def many(rule: Rule, low: int, high: int) -> Rule:
    def every(value: Any, at: str) -> None:
        if type(value) is not list or not low <= len(value) <= high:
            how_many = f"{low}" if low == high else f"{low} to {high}"
            raise Unfit(at, f"a list of {how_many}", value)
        for place, entry in enumerate(value):
            rule(entry, f"{at}.{place}")

    return every


@functools.lru_cache
def _shown(name: str) -> str:
    return shown(name)[1:-1]


def table(rule: Rule) -> Rule:
    """Names that are free, each with a value that fits `rule`."""
    fits = text(NAME)

    def every(value: Any, at: str) -> None:
        if type(value) is not dict or len(value) > ENTRIES:
            raise Unfit(at, f"an object of at most {ENTRIES} fields", value)
        for name, entry in value.items():
            fits(name, at)
            rule(entry, f"{at}.{_shown(name)}")

    return every


def record(**rules: Rule) -> Rule:
    """Exactly these fields, in this order."""

    def every(value: Any, at: str) -> None:
        if type(value) is not dict or list(value) != list(rules):
            found = list(value) if type(value) is dict else value
            raise Unfit(at, f"the fields {', '.join(rules)}, in this order", found)
        for name, rule in rules.items():
            rule(value[name], f"{at}.{name}" if at else name)

    return every


def holding(base: Rule, **rules: Rule) -> Rule:
    """What fits `base` and has these fields, in any place."""

    def every(value: Any, at: str) -> None:
        base(value, at)
        for name, rule in rules.items():
            if name not in value:
                raise Unfit(at, f"the field {name}", list(value))
            rule(value[name], f"{at}.{name}")

    return every


def each(*rules: Rule) -> Rule:
    """A list with one entry for each of the rules."""

    as_many = many(lambda *_: None, len(rules), len(rules))

    def every(value: Any, at: str) -> None:
        as_many(value, at)
        for place, (entry, rule) in enumerate(zip(value, rules, strict=True)):
            rule(entry, f"{at}.{place}")

    return every


def masses(moves: int) -> Rule:
    """The probabilities of so many moves, in units whose sum is certainty."""

    units = many(whole(0, INT32), moves, moves)

    def rule(value: Any, at: str) -> None:
        units(value, at)
        if sum(value) == 0:
            raise Unfit(at, "masses with a sum above 0", value)

    return rule


def plain(depth: int = DEPTH) -> Rule:
    """What options and environments are made of."""
    words = "a text, a number, true, false, null, or few of these"

    def rule(value: Any, at: str) -> None:
        if value is None or type(value) is bool:
            return
        if type(value) is str:
            text(TEXT)(value, at)
        elif type(value) is list and depth:
            many(plain(depth - 1), 0, ENTRIES)(value, at)
        elif type(value) is dict and depth:
            table(plain(depth - 1))(value, at)
        elif type(value) is float and abs(value) < 1e39:
            return
        elif not (type(value) is int and abs(value) < 2**63):
            raise Unfit(at, words, value)

    return rule


def info(value: Any, at: str, depth: int = 2) -> None:
    """What a tuner says of a step: an int32, a truth, or lists of them."""
    if type(value) is list and len(value) <= ENTRIES and depth:
        for entry in value:
            info(entry, at, depth - 1)
    elif type(value) is not bool:
        _int32(value, at)


_int32 = whole(-INT32 - 1, INT32)
