"""Flax layers that do in fixed-order float32 what Flax's own of the same names do.

Their parameters have the names and shapes of Flax's, so weights can be moved between the two. What
is missing here (paddings by numbers, a bias that is left out) has not been needed yet.
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax.typing import Initializer
from jax import lax

from jaxmeta import keys
from jaxmeta.arithmetic import (
    add_bias,
    alone,
    first_maximum,
    portable,
    product,
    quotient,
    root,
    times,
    tree_sum,
)
from jaxmeta.models.convolution import convolve, convolve_and_pool, strided
from jaxmeta.models.initializers import lecun_normal

zeros = nn.initializers.zeros_init()


class Dense(nn.Module):
    """`flax.linen.Dense`: float32[..., in] -> float32[..., features]."""

    features: int
    kernel_init: Initializer = lecun_normal
    bias_init: Initializer = zeros

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kernel = self.param("kernel", self.kernel_init, (x.shape[-1], self.features), jnp.float32)
        bias = self.param("bias", self.bias_init, (self.features,), jnp.float32)
        y = add_bias(product(x.reshape(-1, x.shape[-1]), kernel), bias)
        return y.reshape(*x.shape[:-1], self.features)


class Conv(nn.Module):
    """`flax.linen.Conv`: [B, H, W, in] -> [B, rows, columns, features].

    `kernel_size` is one odd number twice, `strides` one number or two, `padding` "SAME" or "VALID".
    """

    features: int
    kernel_size: tuple[int, int]
    strides: int | tuple[int, int] = 1
    padding: str = "SAME"
    kernel_init: Initializer = lecun_normal
    bias_init: Initializer = zeros

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kernel, bias = self.weights(x)
        strides = (self.strides,) * 2 if isinstance(self.strides, int) else tuple(self.strides)
        if self.padding not in ("SAME", "VALID") or len(strides) != 2 or min(strides) < 1:
            raise ValueError(
                'padding must be "SAME" or "VALID" and strides one whole number or two, got '
                f"{self.padding!r} and {self.strides!r}; use these, or flax.linen.Conv"
            )
        if self.padding == "SAME" and strides == (1, 1):
            return add_bias(convolve(x, kernel), bias)
        if self.padding == "VALID" and (x.shape[1] < len(kernel) or x.shape[2] < len(kernel)):
            raise ValueError(
                f"images must be as large as the kernel without padding, got {x.shape[1]}x"
                f"{x.shape[2]} and {self.kernel_size}; use a smaller kernel, or larger images"
            )
        return add_bias(strided(x, kernel, strides, self.padding), bias)

    def weights(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Kernel [k, k, in, features] and bias [features] for images like `x`."""
        height, width = self.kernel_size
        if height != width or height % 2 == 0:
            raise ValueError(
                f"kernel_size must be one odd number twice, got {self.kernel_size}; "
                "use (3, 3) or (5, 5), or flax.linen.Conv"
            )
        if x.ndim != 4:
            raise ValueError(
                f"images must be [batch, height, width, channels], got shape {x.shape}; reshape"
            )
        shape = (height, width, x.shape[3], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        return kernel, self.param("bias", self.bias_init, (self.features,), jnp.float32)


class ConvReluPool(Conv):
    """`Conv`, ReLU and 2x2 `max_pool` in one: [B, H, W, in] -> [B, H/2, W/2, features]."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kernel, bias = self.weights(x)
        if (self.strides, self.padding) != (1, "SAME"):
            raise ValueError(
                f'ConvReluPool has stride 1 and padding "SAME", got {self.strides} and '
                f"{self.padding!r}; use Conv and max_pool"
            )
        if x.shape[1] % 2 or x.shape[2] % 2:
            raise ValueError(
                f"ConvReluPool needs an even height and width, got {x.shape[1]}x{x.shape[2]}; "
                "pad or crop the images"
            )
        return convolve_and_pool(x, kernel, bias)


class BatchNorm(nn.Module):
    """`flax.linen.BatchNorm`: float32[..., features] -> the same, each feature with mean 0 and
    variance 1 over all other axes, times "scale", plus "bias".

    Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
    Covariate Shift", 2015. Averages of means and variances are kept in the collection
    "batch_stats", for `use_running_average`.
    """

    momentum: float = 0.99
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: jax.Array, *, use_running_average: bool) -> jax.Array:
        shape = x.shape[-1:]
        scale = self.param("scale", nn.initializers.ones_init(), shape, jnp.float32)
        bias = self.param("bias", zeros, shape, jnp.float32)
        mean = self.variable("batch_stats", "mean", jnp.zeros, shape, jnp.float32)
        variance = self.variable("batch_stats", "var", jnp.ones, shape, jnp.float32)
        rows = x.reshape(-1, *shape)
        if use_running_average:
            by = _one_over_deviation(variance.value[None], self.epsilon)
            y = times(rows - mean.value[None], by)
            return add_bias(alone(times(y, scale[None])), bias).reshape(x.shape)
        found: Any = normalize(self.epsilon, rows, scale, bias)
        if not self.is_initializing():
            rate = np.float32(1 - self.momentum)
            for average, new in zip((mean, variance), found[1:], strict=True):
                average.value += times(lax.stop_gradient(new) - average.value, rate)
        return found[0].reshape(x.shape)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def normalize(
    epsilon: float, x: jax.Array, scale: jax.Array, bias: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Each column with mean 0 and variance 1, times scale, plus bias; and the means and variances,
    without derivatives: float32[n, features] -> the same, float32[features], float32[features]."""
    return _normalize_forward(epsilon, x, scale, bias)[0]


def _normalize_forward(epsilon, x, scale, bias):
    mean = _mean(x)
    centred = x - mean
    variance = _mean(alone(times(centred, centred)))
    by = _one_over_deviation(variance, epsilon)
    normal = times(centred, by)
    y = add_bias(alone(times(normal, scale[None])), bias)
    return (y, mean[0], variance[0]), (normal, times(by, scale[None]))


def _normalize_backward(epsilon, residuals, cotangents):
    """Ioffe and Szegedy, section 3."""
    del epsilon
    (normal, by), g = residuals, cotangents[0]
    along = alone(times(g, normal))
    dx = times((g - _mean(g)) - alone(times(normal, _mean(along))), by)
    return dx, tree_sum(along), tree_sum(g)


normalize.defvjp(_normalize_forward, _normalize_backward)


def _mean(x: jax.Array) -> jax.Array:
    """Over the rows: [n, features] -> [1, features]."""
    return times(tree_sum(x), np.float32(1 / len(x)))[None]


def _one_over_deviation(variance: jax.Array, epsilon: float) -> jax.Array:
    return quotient(1, root(variance + np.float32(epsilon)))


class Dropout(nn.Module):
    """`flax.linen.Dropout`; `rate` may be traced. Draws from the stream "dropout"."""

    rate: float | jax.Array

    @nn.compact
    def __call__(self, x: jax.Array, *, deterministic: bool) -> jax.Array:
        # A rate of 0 that is not traced draws nothing: there is no such layer then.
        if deterministic or (isinstance(self.rate, int | float) and self.rate == 0):
            return x
        return dropout(x, self.rate, self.make_rng("dropout"))


def dropout(x: jax.Array, rate: float | jax.Array, key: jax.Array) -> jax.Array:
    """`x` with each entry zero with probability `rate`, and the others larger by 1 / (1 - rate).

    For a module that draws its own keys, such as NNX's; `rate` may be traced, float32 of shape ().
    """
    keep = 1 - jnp.float32(rate)
    kept = _uniform(key, x.shape) < keep
    # Not x / keep: XLA rewrites a division by a traced scalar in some contexts only.
    return jnp.where(kept, times(x, quotient(1, keep)), 0)


def _uniform(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Draws from [0, 1), in fast arithmetic those of `jax.random.uniform`."""
    digits = 24 if portable() else 23
    bits = keys.many(key, math.prod(shape)).reshape(shape) >> (32 - digits)
    return bits.astype(jnp.int32).astype(jnp.float32) * np.float32(2.0**-digits)


def max_pool(x: jax.Array, window_shape: tuple[int, int], strides: tuple[int, int]) -> jax.Array:
    """`flax.linen.max_pool` over windows side by side: [B, H, W, C] -> [B, H / h, W / w, C].

    Of equal maxima in a window the first, by rows, gets the gradient.
    """
    batch, height, width, channels = x.shape
    h, w = window_shape
    if strides != window_shape or height % h or width % w:
        raise ValueError(
            f"max_pool needs strides equal to its window {window_shape}, and whole windows, got "
            f"strides {strides} and images {height}x{width}; use flax.linen.max_pool"
        )
    windows = x.reshape(batch, height // h, h, width // w, w, channels)
    return first_maximum(
        windows.transpose(2, 4, 0, 1, 3, 5).reshape(h * w, batch, height // h, width // w, channels)
    )


@jax.custom_vjp
def upsample(x: jax.Array) -> jax.Array:
    """Each pixel twice in both directions: [B, H, W, C] -> [B, 2 H, 2 W, C].

    Its gradient adds four neighbours in one order.
    """
    batch, height, width, channels = x.shape
    wide = jnp.broadcast_to(x[:, :, None, :, None], (batch, height, 2, width, 2, channels))
    return wide.reshape(batch, 2 * height, 2 * width, channels)


def _upsample_backward(_, g):
    batch, height, width, channels = g.shape
    g = g.reshape(batch, height // 2, 2, width // 2, 2, channels)
    rows = g[:, :, 0] + g[:, :, 1]
    return (rows[:, :, :, 0] + rows[:, :, :, 1],)


upsample.defvjp(lambda x: (upsample(x), None), _upsample_backward)
