"""A range of real numbers whose neighbours have equal differences."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import ClassVar

import numpy as np

from jaxmeta.space.axis import EXACT, exact, nearest
from jaxmeta.space.ranges import Range


@dataclass(frozen=True, eq=False, repr=False)
class Linear(Range):
    """Real numbers from `low` to `high`, neighbours differing by `step`.

    Without a `start` the middle is the multiple of the step, counted from `low`, that is nearest to
    the middle of the range. For the other fields see `Range`.

    >>> [Linear(0, 0.8, 0.2).value(k) for k in (-2, 0, 2)]
    [0.0, 0.4000000059604645, 0.800000011920929]
    """

    kind: ClassVar[str] = "linear"

    @cached_property
    def _length(self) -> Decimal:
        return EXACT.subtract(exact(self.high), exact(self.low))

    @property
    def _default_step(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        return float(EXACT.divide(self._length, 16))

    @cached_property
    def _origin(self) -> Decimal:  # pyright: ignore[reportIncompatibleVariableOverride]
        if self.start is not None:
            return exact(self.start)
        half = EXACT.divide(self._length, 2)
        if self.step is None:
            return EXACT.add(exact(self.low), half)
        steps = nearest(EXACT.divide(half, exact(self.step)))
        return EXACT.fma(steps, exact(self.step), exact(self.low))

    @property
    def _spacing(self) -> Decimal:  # pyright: ignore[reportIncompatibleVariableOverride]
        return EXACT.divide(self._length, self.bounds[1])

    def _fine(self, step: Decimal) -> bool:
        return step >= exact(float(np.spacing(np.float32(max(abs(self.low), abs(self.high))))))

    def _stepped(self, k: int) -> Decimal:
        return EXACT.fma(k, exact(self.step or 0.0), self._origin)

    def _between(self, part: Decimal) -> Decimal:
        return EXACT.fma(part, self._length, exact(self.low))

    def _part(self, value: Decimal) -> Decimal:
        return EXACT.divide(EXACT.subtract(value, exact(self.low)), self._length)
