"""What every axis of a search space is: integer positions, and an exact value at each of them.

A tuner moves among positions and never sees a value. A value is computed on the host from its
position alone, in decimals of 60 digits, the same on every machine, and rounded once to float32.
"""

import json
from dataclasses import fields
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cached_property
from numbers import Integral, Real
from operator import index
from typing import Any, ClassVar, Self

import numpy as np

from jaxmeta.trial import Value

EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)  # never the ambient one, which a user may set
LARGEST = float(np.finfo(np.float32).max)
LEAST = float(np.finfo(np.float32).tiny)
MOST = 2**30  # positions of an axis


def number(name: str, value: Any) -> float:
    """`value` as a Python float that is finite in float32, or a ValueError that names it."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise ValueError(f"{name} is {value!r:.100}, not a number; give one such as 0.001")
    if not -LARGEST <= value <= LARGEST:  # pyright: ignore[reportOperatorIssue]; NaN is not either
        raise ValueError(f"{name} must be finite in float32, got {value!r:.100}; choose another")
    return float(value) + 0.0  # minus zero is zero


def whole(name: str, value: Any, least: int, most: int) -> int:
    """`value` as a Python integer from `least` to `most`, or a ValueError that names it."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        raise ValueError(f"{name} is {value!r:.100}, not an integer; give one")
    if not least <= value <= most:  # pyright: ignore[reportOperatorIssue]
        raise ValueError(f"{name} must be from {least} to {most}, got {value!r:.100}; change it")
    return int(value)


def exact(value: float) -> Decimal:
    """The decimal that a person wrote for `value`."""
    return Decimal(repr(value))


def nearest(value: Decimal) -> int:
    """The integer nearest to `value`; the even one of two."""
    return int(value.to_integral_value(ROUND_HALF_EVEN))


def to_float32(value: Decimal | float) -> float:
    """The float32 nearest to `value`, as a Python float."""
    return float(np.float32(float(value)))


class Axis:
    """A hyperparameter's positions and values. Frozen and hashable; see the kinds for their fields.

    Two axes are equal if they are written the same: 16 and 16.0 are different values.
    """

    kind: ClassVar[str]  # in the record
    ordered: ClassVar[bool]  # whether neighbouring positions have neighbouring values
    resolved: bool = True  # False: a range that has no positions yet, see `Range`

    @property
    def bounds(self) -> tuple[int, int]:
        """The lowest and the highest position."""
        raise NotImplementedError

    @property
    def first(self) -> int:
        """The position that is tried first."""
        raise NotImplementedError

    @property
    def variants(self) -> int:
        """How many different programs its values need: floats together one, others one each."""
        return 1

    def value(self, k: int) -> Value:
        """The value at position `k`: a float32 value as a Python float, an integer, or a string.

        Raises:
          ValueError: there is no such position.
        """
        k, (low, high) = index(k), self.bounds
        if not low <= k <= high:
            raise ValueError(f"position {k} is not on this axis, which has {low} to {high}")
        return self._value(k)

    def _value(self, k: int) -> Value:
        raise NotImplementedError

    def to_record(self) -> dict[str, Any]:
        """The axis as JSON; `from_record` gives it back."""
        made = {field.name: getattr(self, field.name) for field in fields(self)}  # pyright: ignore[reportArgumentType]: every kind is a dataclass
        return {"kind": self.kind} | {n: v for n, v in made.items() if v is not None}

    @classmethod
    def _made(cls, options: dict[str, Any]) -> Self:
        return cls(**options)

    @cached_property
    def _written(self) -> str:
        return f"{self.kind} {json.dumps(self.to_record())}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Axis) and self._written == other._written

    def __hash__(self) -> int:
        return hash(self._written)


def show(value: Value) -> str:
    """A value as a person would write it: of a float the fewest digits that give its float32."""
    if isinstance(value, float):
        return str(float(str(np.float32(value))))
    return str(value)
