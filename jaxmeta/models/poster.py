"""The poster's network; the same as in TensorFlow's former tutorial "Deep MNIST for Experts".

Two convolutions 5x5 of 32 and 64 features, each with ReLU and 2x2 max pooling, a dense layer of
1024 with ReLU, dropout and a dense layer of `classes`. Weights and biases begin as in the tutorial:
normal with standard deviation 0.1, truncated at two of them, and 0.1.
"""

from functools import cache
from statistics import NormalDist

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxmeta.models.layers import ConvReluPool, Dense, Dropout


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


class PosterNet(nn.Module):
    """float32[B, H, W, C] with H and W multiples of 4 -> logits float32[B, classes].

    Attributes:
      classes: how many classes.
      dropout: the probability of dropping a unit, a number or a traced float32 scalar.
    """

    classes: int = 10
    dropout: float | jax.Array = 0.5

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        if x.ndim != 4 or x.shape[1] % 4 or x.shape[2] % 4:
            raise ValueError(
                "PosterNet needs images [batch, height, width, channels] with sides that are "
                f"multiples of 4, got shape {x.shape}; pad or crop them"
            )
        init = {
            "kernel_init": truncated_normal(0.1),
            "bias_init": nn.initializers.constant(0.1),
        }
        for i, features in enumerate((32, 64)):  # named so that a flax.linen.Conv can take over
            x = ConvReluPool(features, (5, 5), name=f"Conv_{i}", **init)(x)
        x = nn.relu(Dense(1024, **init)(x.reshape(x.shape[0], -1)))
        x = Dropout(self.dropout)(x, deterministic=not train)
        return Dense(self.classes, **init)(x)
