"""What ranges of real numbers share, on a linear or on a logarithmic scale.

A range has positions in one of three ways:

    step      position k is k steps from `start`          Linear: start + k step
                                                          Log:    start (1 + step)^k
    points    positions 0 to points - 1, from `low` to `high`, both included
    "every"   every float32 from `low` to `high`; the position is its rank, see `score.to_rank`

or in none yet: then a tuner resolves it in the way that suits the tuner.
"""

from dataclasses import KW_ONLY, dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from jaxmeta import score
from jaxmeta.space.axis import EXACT, MOST, Axis, exact, nearest, number, to_float32, whole

EVERY = "every"


@dataclass(frozen=True, eq=False, repr=False)
class Range(Axis):
    """What `Linear` and `Log` share.

    Attributes:
      low, high: the bounds, low < high; no value is outside, but for its rounding to float32.
      step: from a position to the next one.
      points: how many positions, at least 2, instead of a step; or "every".
      start: the value that is tried first; None: the middle. With `points` it is the position
        nearest to it.
    """

    ordered: ClassVar[bool] = True

    low: float
    high: float
    step: float | None = None
    _: KW_ONLY
    points: int | str | None = None
    start: float | None = None

    def __post_init__(self) -> None:
        for name in ("low", "high", "step", "start"):
            if (value := getattr(self, name)) is not None or name in ("low", "high"):
                object.__setattr__(self, name, number(name, value))
        self._check_range()
        if self.start is not None and not self.low <= self.start <= self.high:
            raise ValueError(
                f"start must lie from {self.low} to {self.high}, got {self.start}; "
                "move it or widen the range"
            )
        if self.points is None and self.step is None:
            return
        if self.points is None:
            self._check_step()
        elif self.step is not None:
            raise ValueError("a range takes step or points, and both were given; leave one out")
        elif isinstance(self.points, str):
            if self.points != EVERY:
                raise ValueError(
                    f'points must be a number or "{EVERY}", got {self.points!r:.100}; change it'
                )
        else:
            object.__setattr__(self, "points", whole("points", self.points, 2, MOST))
            if not self._fine(self._spacing):
                raise ValueError(
                    f"points must be numbers that differ in float32, got {self.points}; give fewer"
                )

    def _check_range(self) -> None:
        if not np.float32(self.low) < np.float32(self.high):
            raise ValueError(
                f"low must be below high in float32, got {self.low} and {self.high}; swap them"
            )

    def _check_step(self) -> None:
        if not (self.step and self.step > 0 and self._fine(exact(self.step))):
            raise ValueError(
                f"step must be positive and change every float32 of the range, got {self.step}; "
                "make it larger"
            )
        low, high = self.bounds
        if low == high:
            raise ValueError(f"step must fit into the range, got {self.step}; make it smaller")
        if high - low >= MOST:
            raise ValueError(
                f"step must leave at most 2**30 positions, got {self.step}; make it larger"
            )

    def __repr__(self) -> str:
        rest = {name: getattr(self, name) for name in ("step", "points", "start")}
        given = "".join(f", {n}={value!r}" for n, value in rest.items() if value is not None)
        return f"{type(self).__name__}({self.low}, {self.high}{given})"

    @property
    def resolved(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether it has positions."""
        return self.step is not None or self.points is not None

    def steps(self) -> Self:
        """With positions a step apart that suits most searches."""
        return replace(self, step=self._default_step, points=None)

    def evenly(self, points: int) -> Self:
        """With so many positions from `low` to `high`."""
        return replace(self, step=None, points=points)

    def every(self) -> Self:
        """With every float32 as a position."""
        return replace(self, step=None, points=EVERY)

    @cached_property
    def bounds(self) -> tuple[int, int]:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._need_positions()
        if self.points == EVERY:
            return score.to_rank(self.low), score.to_rank(self.high)
        if isinstance(self.points, int):
            return 0, self.points - 1
        low, high = exact(self.low), exact(self.high)
        return -self._reach(-1, lambda x: x >= low), self._reach(1, lambda x: x <= high)

    def _reach(self, sign: int, inside) -> int:
        """The largest n with position sign * n inside: doubling, then bisection."""
        high = 1
        while high <= MOST and inside(self._stepped(sign * high)):
            high *= 2
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if inside(self._stepped(sign * middle)) else (low, middle)
        return low

    @cached_property
    def first(self) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._need_positions()
        if self.step is not None:
            return 0
        if self.points == EVERY:
            return score.to_rank(float(self._origin))
        steps = self.bounds[1]
        if self.start is None:
            return steps // 2
        return nearest(EXACT.multiply(self._part(exact(self.start)), steps))

    def _value(self, k: int) -> float:
        if self.points == EVERY:
            return score.to_float(k) + 0.0
        if self.step is not None:
            return to_float32(self._stepped(k))
        return to_float32(self._between(EXACT.divide(k, self.bounds[1])))

    def _need_positions(self) -> None:
        if not self.resolved:
            raise ValueError(
                f"the range from {self.low} to {self.high} has no positions yet; "
                "give it a step or points"
            )

    # What the two scales differ in.

    @property
    def _default_step(self) -> float:
        raise NotImplementedError

    @property
    def _origin(self) -> Decimal:
        """The value at position 0 of a range with a step."""
        raise NotImplementedError

    @property
    def _spacing(self) -> Decimal:
        """Of neighbouring points."""
        raise NotImplementedError

    def _fine(self, step: Decimal) -> bool:
        """Whether values a step apart are different float32 wherever in the range they are."""
        raise NotImplementedError

    def _stepped(self, k: int) -> Decimal:
        """k steps from the origin."""
        raise NotImplementedError

    def _between(self, part: Decimal) -> Decimal:
        """The value at this part of the way from low to high."""
        raise NotImplementedError

    def _part(self, value: Decimal) -> Decimal:
        """Which part of the way `value` is at."""
        raise NotImplementedError
