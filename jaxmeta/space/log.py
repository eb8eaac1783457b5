"""A range of positive numbers whose neighbours have equal ratios."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import ClassVar

from jaxmeta.space.axis import EXACT, LEAST, exact, to_float32
from jaxmeta.space.ranges import Range

ONE = Decimal(1)
FINEST = 2.0**-23  # the least relative step that every float32 can follow


@dataclass(frozen=True, eq=False, repr=False)
class Log(Range):
    """Positive numbers from `low` to `high`, each 1 + `step` times the one before.

    Without a `start` the middle is √(low high). For the other fields see `Range`.

    >>> [Log(0.001, 1.0, 1.0, start=0.25).value(k) for k in (-1, 0, 2)]
    [0.125, 0.25, 1.0]
    """

    kind: ClassVar[str] = "log"

    def _check_range(self) -> None:
        if self.low < LEAST:
            raise ValueError(
                f"low must be at least {LEAST:.3g} on a logarithmic scale, got {self.low}; raise it"
            )
        super()._check_range()

    @property
    def _default_step(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        return 0.1

    @cached_property
    def _ratio(self) -> Decimal:
        return EXACT.divide(exact(self.high), exact(self.low))

    @cached_property
    def _origin(self) -> Decimal:  # pyright: ignore[reportIncompatibleVariableOverride]
        if self.start is not None:
            return exact(self.start)
        middle = EXACT.sqrt(EXACT.multiply(exact(self.low), exact(self.high)))
        return exact(to_float32(middle))

    @property
    def _spacing(self) -> Decimal:  # pyright: ignore[reportIncompatibleVariableOverride]
        ratio = EXACT.power(self._ratio, EXACT.divide(ONE, self.bounds[1]))
        return EXACT.subtract(ratio, ONE)

    def _fine(self, step: Decimal) -> bool:
        return step >= exact(FINEST)

    @cached_property
    def _factor(self) -> Decimal:
        return EXACT.add(ONE, exact(self.step or 0.0))

    def _stepped(self, k: int) -> Decimal:
        return EXACT.multiply(self._origin, EXACT.power(self._factor, k))

    def _between(self, part: Decimal) -> Decimal:
        return EXACT.multiply(exact(self.low), EXACT.power(self._ratio, part))

    def _part(self, value: Decimal) -> Decimal:
        way = EXACT.ln(EXACT.divide(value, exact(self.low)))
        return EXACT.divide(way, EXACT.ln(self._ratio))
