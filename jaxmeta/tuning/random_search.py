"""Random search: every position drawn anew, whatever came before.

Source: Bergstra, Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13 (2012).
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from jaxmeta.space import Axis, Space
from jaxmeta.space.axis import whole
from jaxmeta.tuning import moves
from jaxmeta.tuning.best_seen import Asked, Deaf, State
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

    def ask(self, key: jax.Array, state: State) -> tuple[State, Asked]:
        drawn = [
            _position(one, axis)
            for one, axis in zip(moves.of_axes(key, self.space.d), self.space.axes, strict=True)
        ]
        position = jnp.stack(drawn)
        return state._replace(position=position), Asked(position)


def _position(key: jax.Array, axis: Axis) -> jax.Array:
    """A position of `axis`, int32; `key` is consumed.

    Of n positions the (bits n / 2**32)-th: no two probabilities differ by more than 2**-32, and
    where n is a power of two none do.
    """
    low, high = axis.bounds
    nth = _high_word(jax.random.bits(key, (), jnp.uint32), high - low + 1)
    return low + nth.astype(jnp.int32)


def _high_word(x: jax.Array, n: int) -> jax.Array:
    """The upper 32 of the 64 bits of x n, uint32, by halves: int64 is not always there."""
    x_high, x_low = x >> 16, x & 0xFFFF
    n_high, n_low = jnp.uint32(n >> 16), jnp.uint32(n & 0xFFFF)
    middle = x_high * n_low + (x_low * n_low >> 16)
    lower = x_low * n_high + (middle & 0xFFFF)
    return x_high * n_high + (middle >> 16) + (lower >> 16)
