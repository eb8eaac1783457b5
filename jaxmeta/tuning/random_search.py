"""Random search: every position drawn anew, whatever came before.

Source: Bergstra, Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13 (2012).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jaxmeta import keys
from jaxmeta.space import Axis, Space
from jaxmeta.space.axis import whole
from jaxmeta.tuning import moves
from jaxmeta.tuning.best_seen import Asked, Deaf, State
from jaxmeta.tuning.both import Array, on_host, xp
from jaxmeta.tuning.options import MOST, put

POINTS = 1024


@dataclass(frozen=True)
class Random(Deaf):
    """`i_max` positions, each axis drawn evenly from its own.

    Attributes:
      space: what is tuned; ranges without positions get 1024 of them.
      i_max: the number of trials, from 1 to 10**6.
    """

    name: ClassVar[str] = "random"
    version: ClassVar[int] = 1
    keys: ClassVar[str] = "independent"

    space: Space
    i_max: int = 20

    def __post_init__(self) -> None:
        put(self, "space", self.space.resolve(lambda axis: axis.evenly(POINTS)))
        put(self, "i_max", whole("i_max", self.i_max, 1, MOST))

    def ask(self, key: Array, state: State) -> tuple[State, Asked]:
        axes = enumerate(self.space.axes)
        drawn = [_position(moves.of_axis(key, a), axis) for a, axis in axes]
        position = xp.array(drawn)
        return state._replace(position=position), Asked(position)


def _position(key: Array, axis: Axis) -> Array:
    """A position of `axis`, int32; `key` is consumed.

    Of n positions the (bits n / 2**32)-th: no two probabilities differ by more than 2**-32, and
    where n is a power of two none do.
    """
    low, high = axis.bounds
    drawn = keys.bits(key)
    if on_host(drawn):
        return np.int32(low + (int(drawn) * (high - low + 1) >> 32))
    nth = high_word(drawn, high - low + 1)
    return low + nth.astype(np.int32)


def high_word(x: Array, n: int) -> Array:
    """The upper 32 of the 64 bits of x n, uint32, by halves: int64 is not always there."""
    x_high, x_low = x >> 16, x & 0xFFFF
    n_high, n_low = xp.uint32(n >> 16), xp.uint32(n & 0xFFFF)
    middle = x_high * n_low + (x_low * n_low >> 16)
    lower = x_low * n_high + (middle & 0xFFFF)
    return x_high * n_high + (middle >> 16) + (lower >> 16)
