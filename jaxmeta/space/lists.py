"""Hyperparameters with few values, written one by one: numbers in order, or choices without any."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar, Self

from jaxmeta.space.axis import Axis, number, to_float32, whole
from jaxmeta.trial import Value

LONGEST = 1000  # values of a list
LETTERS = 100  # of a name
_INT = -(2**63), 2**63 - 1


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Listed(Axis):
    """What `Values` and `Choice` share; position k, from 0, has the k-th value."""

    values: tuple[Value, ...]
    start: Value | None

    def __init__(self, *values: Value, start: Value | None = None) -> None:
        if not 2 <= len(values) <= LONGEST:
            raise ValueError(
                f"{type(self).__name__} takes 2 to {LONGEST} values, got {len(values)}; "
                "a single one is no choice: set it instead"
            )
        taken = self._taken(values)
        object.__setattr__(self, "values", taken)
        if start is not None:
            start = self._taken((start,))[0]
            if isinstance(taken[0], float) and isinstance(start, int):
                start = float(start)
            if start not in taken:
                raise ValueError(
                    f"start must be one of the {len(taken)} values, got {start!r:.100}; choose one"
                )
        object.__setattr__(self, "start", start)

    def _taken(self, values: tuple[Value, ...]) -> tuple[Value, ...]:
        raise NotImplementedError

    @property
    def bounds(self) -> tuple[int, int]:
        return 0, len(self.values) - 1

    @property
    def variants(self) -> int:
        floats = sum(isinstance(self._value(k), float) for k in range(len(self.values)))
        return len(self.values) - floats + bool(floats)

    def _value(self, k: int) -> Value:
        value = self.values[k]
        return to_float32(value) if isinstance(value, float) else value

    def to_record(self) -> dict[str, Any]:
        record = super().to_record()
        return record | {"values": list(self.values)}

    @classmethod
    def _made(cls, options: dict[str, Any]) -> Self:
        values = options.pop("values")
        if not isinstance(values, list):
            raise ValueError(f"values is {values!r:.100}, not a list")
        return cls(*values, **options)

    def __repr__(self) -> str:
        start = "" if self.start is None else f", start={self.start!r}"
        return f"{type(self).__name__}({', '.join(map(repr, self.values))}{start})"


class Values(Listed):
    """Numbers in rising order, such as batch sizes; a float among them makes all of them floats.

    Args:
      values: 2 to 1000 of them.
      start: the one that is tried first; None: the middle one.

    >>> Values(16, 32, 64).value(0)
    16
    """

    kind: ClassVar[str] = "values"
    ordered: ClassVar[bool] = True

    def _taken(self, values: tuple[Value, ...]) -> tuple[Value, ...]:
        if all(isinstance(v, Integral) for v in values):
            taken = tuple(whole("a value", v, *_INT) for v in values)
            shown = taken
        else:
            taken = tuple(number("a value", v) for v in values)
            shown = tuple(map(to_float32, taken))
        for low, high in zip(shown, shown[1:], strict=False):
            if not low < high:
                raise ValueError(
                    f"Values must rise (in float32, if floats), got {low} and then {high}; "
                    "put them in order"
                )
        return taken

    @property
    def first(self) -> int:
        return (len(self.values) - 1) // 2 if self.start is None else self.values.index(self.start)


class Choice(Listed):
    """Choices without an order, such as optimisers: names, or numbers, or both.

    Args:
      values: 2 to 1000 of them.
      start: the one that is tried first; None: the first one.

    >>> Choice("adam", "sgd").value(1)
    'sgd'
    """

    kind: ClassVar[str] = "choice"
    ordered: ClassVar[bool] = False

    def _taken(self, values: tuple[Value, ...]) -> tuple[Value, ...]:
        taken = tuple(map(_choice, values))
        shown = [to_float32(v) if isinstance(v, float) else v for v in taken]
        if len(set(shown)) < len(shown):
            twice = next(v for n, v in enumerate(shown) if v in shown[:n])
            raise ValueError(f"choices must differ, got {twice!r} twice; leave one out")
        return taken

    @property
    def first(self) -> int:
        return 0 if self.start is None else self.values.index(self.start)


def _choice(value: Any) -> Value:
    if isinstance(value, str):
        if not (value.isprintable() and 0 < len(value) <= LETTERS) or is_hexadecimal(value):
            raise ValueError(
                f"a choice must be 1 to {LETTERS} printable letters and no float in hexadecimal, "
                f"got {value!r:.100}; rename it"
            )
        return str(value)
    if isinstance(value, Integral):
        return whole("a choice", value, *_INT)
    return number("a choice", value)


def is_hexadecimal(text: str) -> bool:
    """Whether `text` is how a record writes a float; no choice may be called so."""
    try:
        return float.fromhex(text).hex() == text
    except (OverflowError, ValueError):
        return False
