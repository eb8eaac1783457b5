"""Grid search, the strategy that the poster calls naive: try every point, keep the best."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from jaxmeta.space import Axis, Space
from jaxmeta.space.axis import whole
from jaxmeta.tuning.best_seen import Asked, Deaf, State
from jaxmeta.tuning.both import Array, xp
from jaxmeta.tuning.options import put

LARGEST = 10_000


@dataclass(frozen=True)
class Grid(Deaf):
    """Every combination of evenly spaced positions, the last axis fastest.

    Attributes:
      space: what is tuned; ranges without positions get `points` of them.
      points: how many positions of each ordered axis, at least 2; all where there are fewer. Of an
        unordered axis every choice is taken.
    """

    name: ClassVar[str] = "grid"
    version: ClassVar[int] = 1
    keys: ClassVar[str] = "independent"

    space: Space
    points: int = 9

    def __post_init__(self) -> None:
        put(self, "points", whole("points", self.points, 2, LARGEST))
        put(self, "space", self.space.resolve(lambda axis: axis.evenly(self.points)))
        if self.i_max > LARGEST:
            raise ValueError(
                f"a grid has at most {LARGEST} points, got {self.i_max}; "
                "take fewer points or fewer axes"
            )

    @property
    def i_max(self) -> int:
        """How many points the grid has."""
        return prod(self._count(axis) for axis in self.space.axes)

    def _count(self, axis: Axis) -> int:
        low, high = axis.bounds
        return min(self.points, high - low + 1) if axis.ordered else high - low + 1

    def _positions(self, axis: Axis) -> Array:
        (low, high), n = axis.bounds, self._count(axis)
        evenly = [low + (2 * j * (high - low) + n - 1) // (2 * (n - 1)) for j in range(n)]
        return np.array(evenly, np.int32)

    def ask(self, key: Array, state: State) -> tuple[State, Asked]:
        del key  # a grid draws nothing
        position, rest = [], state.i
        for axis in reversed(self.space.axes):
            position.append(xp.take(self._positions(axis), rest % self._count(axis)))
            rest = rest // self._count(axis)
        position = xp.array(position[::-1])
        return state._replace(position=position), Asked(position)
