"""Where on an axis a value of an earlier study lies."""

from bisect import bisect_left
from math import log
from typing import Any

from jaxmeta.space import Axis, Log, Values


class Places:
    """The positions of one axis, by value."""

    def __init__(self, axis: Axis) -> None:
        self._axis, (self._low, self._high) = axis, axis.bounds
        all_above = isinstance(axis, Values) and float(axis.value(self._low)) > 0
        self._log = isinstance(axis, Log) or all_above
        self._known: dict[Any, int | None] = {}

    def nearest(self, value: Any) -> int | None:
        """The position whose value is nearest to `value`; None where it is not on the axis.

        Half a step beyond an end is still the end. Nearest is meant on the axis' own scale, and on
        a logarithmic one in a list of positive numbers; without order it is the same value.
        """
        key = (type(value), value)
        if key not in self._known:
            self._known[key] = self._nearest(value)
        return self._known[key]

    def _nearest(self, value: Any) -> int | None:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return None
        if not self._axis.ordered:
            choices = range(self._low, self._high + 1)
            return next((k for k in choices if _same(self._axis.value(k), value)), None)
        if isinstance(value, str):
            return None
        above = bisect_left(
            range(self._low, self._high + 1), value, key=lambda k: float(self._axis.value(k))
        )
        k = min(max(self._low + above, self._low + 1), self._high)
        one, other = self._scale(k - 1), self._scale(k)
        if self._log and value <= 0:
            return None
        part = (self._scaled(value) - one) / (other - one)
        if not -0.5 <= part <= 1.5:
            return None
        return k - 1 if part < 0.5 else k

    def _scale(self, k: int) -> float:
        return self._scaled(float(self._axis.value(k)))

    def _scaled(self, value: float) -> float:
        return log(value) if self._log else value


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, str) == isinstance(other, str) and one == other
