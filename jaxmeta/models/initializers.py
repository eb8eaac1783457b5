"""First weights from integer bits, so that they are the same with any release of JAX."""

import math
from functools import cache
from statistics import NormalDist

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxmeta.arithmetic import portable, times


@cache
def _quantiles(stddev: float) -> np.ndarray:
    """2^16 quantiles of the truncated normal distribution, the midpoints of equal masses."""
    normal = NormalDist(sigma=stddev)
    low, high = normal.cdf(-2 * stddev), normal.cdf(2 * stddev)
    levels = low + (high - low) * (np.arange(2**16) + 0.5) / 2**16
    return np.array([normal.inv_cdf(p) for p in levels.tolist()], np.float32)


def truncated_normal(stddev: float) -> nn.initializers.Initializer:
    """Normal draws cut off at two standard deviations, from integer bits and a table.

    `jax.random.truncated_normal` changed its values with three of JAX's releases;
    random bits did not, and looking up a number leaves nothing to round.
    """

    def init(key, shape, dtype=jnp.float32, out_sharding=None):
        del out_sharding
        index = jax.random.bits(key, shape, jnp.uint32) >> 16
        return jnp.asarray(_quantiles(stddev), dtype)[index]

    return init


def lecun_normal(key, shape, dtype=jnp.float32, out_sharding=None):
    """`flax.linen.initializers.lecun_normal`, Flax's default; in portable arithmetic by a table.

    Normal with variance 1 / fan-in, cut off at two standard deviations; the last axis of `shape`
    is outputs.
    """
    if not portable():
        return nn.initializers.lecun_normal()(key, shape, dtype, out_sharding)
    # The standard deviation of the standard normal distribution, cut off at two.
    scale = 1 / (0.87962566103423978 * math.sqrt(math.prod(shape[:-1])))
    return times(truncated_normal(1.0)(key, shape, dtype), np.float32(scale))


def he_uniform(key: jax.Array, shape: tuple[int, ...], dtype=jnp.float32) -> jax.Array:
    """Uniform with variance 2 / fan-in, from integer bits; the last axis of `shape` is outputs.

    A multiple of 2^-23 in [-1, 1) is exact, so there is one product to round.
    """
    whole = (jax.random.bits(key, shape, jnp.uint32) >> 8).astype(jnp.int32) - 2**23
    scale = math.sqrt(6 / math.prod(shape[:-1])) * 2.0**-23
    return times(whole.astype(dtype), np.float32(scale))
