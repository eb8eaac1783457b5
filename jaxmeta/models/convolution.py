"""Convolutions as matrix products in a fixed order.

XLA's own convolution takes another, far slower path on the CPU inside a loop, and other bits with
it. Here patches of the image are gathered by slices and multiplied with the
kernel (Chellapilla, Puri and Simard, "High Performance Convolutional Neural Networks for Document
Processing", 2006). With `block` 2 a patch serves a 2x2 block of outputs, the kernel standing in it
at four places: a quarter of the patches, each (k + 1)^2 / k^2 times as long.

That is for stride 1 and padding "SAME"; `strided` has the others, by patches alone.
"""

import math
import operator
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxmeta.arithmetic import add_bias, contract, factor, first_maximum, portable
from jaxmeta.models import winograd

# From so many input channels on, Winograd's filtering is the faster one (5x5, on a CPU).
CHANNELS = 8

Convolution = Callable[[jax.Array, jax.Array], Any]  # of images and a kernel


def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """float32[B, H, W, in], float32[k, k, in, out] with k odd -> float32[B, H, W, out]."""
    even = x.shape[1] % 2 == x.shape[2] % 2 == 0
    block = 2 if even and _wide(kernel) else 1
    patched = _joined(partial(by_patches, block))
    if portable():
        return patched(x, kernel)

    def filtered(x, kernel):
        return winograd.join(_tiles(x, kernel))[:, : x.shape[1], : x.shape[2]]

    on_cpu = filtered if _wide(kernel) else patched
    on_tpu = _joined(partial(by_xla, block))
    return _by_platform(x, kernel, cpu=on_cpu, tpu=on_tpu, default=patched)


def convolve_and_pool(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    """ReLU of the largest of each 2x2 outputs and the bias, H and W even.

    float32[B, H, W, in], float32[k, k, in, out], float32[out] -> float32[B, H/2, W/2, out]. Of each
    window the four outputs are computed side by side, so pooling moves no data, nor does its
    gradient, if it is over the axis at which they are; bias and ReLU, which leave the order of
    numbers alone, follow it on a quarter of them.
    """

    def pooled(blocks, axis):
        return jax.nn.relu(add_bias(first_maximum(blocks, axis), bias))

    def in_windows(blocks):
        return lambda x, kernel: pooled(blocks(2, x, kernel), 3).transpose(2, 0, 1, 3)

    def filtered(x, kernel):
        windows = jnp.moveaxis(pooled(_tiles(x, kernel), 0), 0, 3)
        return join(windows)[:, : x.shape[1] // 2, : x.shape[2] // 2]

    patched = in_windows(by_patches)
    if portable():  # Winograd's filtering is exact as well, with 14 bits of a factor, not 21
        return patched(x, kernel)
    on_cpu = filtered if _wide(kernel) else patched
    return _by_platform(x, kernel, cpu=on_cpu, tpu=in_windows(by_xla), default=patched)


def _by_platform(*of: jax.Array, **ways: Convolution) -> jax.Array:
    """Winograd's filtering on a CPU alone: elsewhere factors of a product are rounded to 11 or 8
    bits, as JAX does by default, and its error is twenty times that of patches. A TPU has a unit
    for convolutions; on a GPU they are a library's choice of the day, and products are not."""
    return lax.platform_dependent(*of, **ways)


def _wide(kernel: jax.Array) -> bool:
    return kernel.shape[0] in winograd.POINTS and kernel.shape[2] >= CHANNELS


def _joined(blocks: Convolution) -> Convolution:
    return lambda x, kernel: join(blocks(x, kernel))


def _tiles(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Winograd's filtering of images of any size: rows and columns are added to fill its tiles."""
    x = x.transpose(1, 2, 0, 3)  # first: what comes out of another layer here lies like this
    edges = [(0, -size % winograd.M) for size in x.shape[:2]]
    return winograd.convolve(_padded(x, edges, 0), kernel)


def by_xla(block: int, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """As `by_patches`, by XLA's own convolution."""
    y = lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    batch, height, width, features = y.shape
    y = y.reshape(batch, height // block, block, width // block, block, features)
    y = y.transpose(1, 3, 0, 2, 4, 5)
    return y.reshape(height // block, width // block, batch, block**2, features)


def join(y: jax.Array) -> jax.Array:
    """Images from blocks of n x n neighbours: [H/n, W/n, B, n^2, C] -> [B, H, W, C]."""
    rows, columns, batch, neighbours, channels = y.shape
    n = math.isqrt(neighbours)
    y = y.reshape(rows, columns, batch, n, n, channels).transpose(2, 0, 3, 1, 4, 5)
    return y.reshape(batch, rows * n, columns * n, channels)


def patches(x: jax.Array, size: int, block: int, axis: int, at: int) -> jax.Array:
    """`size` slices along `axis`, one apart, of every `block`-th row; stacked at axis `at`."""
    end = x.shape[axis] - size + 1
    return jnp.stack([lax.slice_in_dim(x, r, r + end, block, axis) for r in range(size)], at)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def by_patches(block: int, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The convolution for each block of outputs, see `join`; H and W are multiples of `block`."""
    batch, height, width, channels = x.shape
    size, features = len(kernel) + block - 1, kernel.shape[3]
    length = size * size * channels

    def patched(x):
        p = pad(x.transpose(1, 2, 0, 3), len(kernel), 0)
        p = patches(patches(p, size, block, 0, 3), size, block, 1, 4)  # ..., B, size, size, in
        return p.reshape(-1, length)

    places = [
        jnp.pad(kernel, ((i, block - 1 - i), (j, block - 1 - j), (0, 0), (0, 0)))
        for i in range(block)
        for j in range(block)
    ]
    y = contract("tp,po->to", factor(x).moved(patched), jnp.stack(places, 3).reshape(length, -1))
    return y.reshape(height // block, width // block, batch, block * block, features)


def pad(x: jax.Array, size: int, axis: int) -> jax.Array:
    """Zeros around the images whose rows are at `axis` and columns after it."""
    return _padded(x, [(size // 2, size // 2)] * 2, axis)


def _forward(block, x, kernel):
    return by_patches(block, x, kernel), (x, kernel)


def _backward(block, residuals, dy):
    x, kernel = residuals
    flipped = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    dx = join(by_patches(block, join(dy), flipped))

    n, size = len(kernel), len(kernel) + block - 1

    def patched(x):
        p = pad(x.transpose(3, 1, 2, 0), n, 1)
        p = patches(patches(p, size, block, 1, 0), size, block, 3, 1)  # size, size, in, ..., B
        return p.reshape(size * size * x.shape[3], -1)

    d = contract("pt,to->po", factor(x).moved(patched), dy.reshape(-1, block**2 * dy.shape[4]))
    d = d.reshape(size, size, x.shape[3], block, block, dy.shape[4])
    places = [d[i : i + n, j : j + n, :, i, j] for i in range(block) for j in range(block)]
    return dx, reduce(operator.add, places)


by_patches.defvjp(_forward, _backward)


def strided(x: jax.Array, kernel: jax.Array, strides: tuple[int, int], padding: str) -> jax.Array:
    """`flax.linen.Conv`'s, without its bias: float32[B, H, W, in], float32[k, w, in, out] ->
    float32[B, rows, columns, out]; `padding` is "SAME" or "VALID"."""
    edges = lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, padding)
    return valid(strides, _padded(x, edges), kernel)


def _padded(x: jax.Array, edges: Sequence[tuple[int, int]], axis: int = 1) -> jax.Array:
    """Zeros around images whose rows are at `axis`; a negative number of them cuts off."""
    config = [(0, 0, 0)] * x.ndim
    config[axis : axis + 2] = [(low, high, 0) for low, high in edges]
    return lax.pad(x, jnp.zeros((), x.dtype), config)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def valid(strides: tuple[int, int], x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Without padding: [B, H, W, in], [k, w, in, out] -> [B, (H - k) // s + 1, ..., out]."""
    (k, w, channels, features), (s, t) = kernel.shape, strides
    length = k * w * channels

    def patched(x):
        p = patches(patches(x, k, s, 1, 3), w, t, 2, 4)  # B, rows, columns, k, w, in
        return p.reshape(-1, length)

    y = contract("tp,po->to", factor(x).moved(patched), kernel.reshape(length, features))
    rows, columns = (x.shape[1] - k) // s + 1, (x.shape[2] - w) // t + 1
    return y.reshape(len(x), rows, columns, features)


def _valid_forward(strides, x, kernel):
    return valid(strides, x, kernel), (x, kernel)


def _valid_backward(strides, residuals, dy):
    x, kernel = residuals
    (k, w, channels, features), (s, t) = kernel.shape, strides
    # s x t neighbours of the images are that many channels of a convolution with stride 1.
    m, n = -(-k // s), -(-w // t)
    blocks = jnp.pad(kernel, ((0, m * s - k), (0, n * t - w), (0, 0), (0, 0)))
    blocks = blocks.reshape(m, s, n, t, channels, features).transpose(0, 2, 5, 1, 3, 4)
    blocks = jnp.flip(blocks, (0, 1)).reshape(m, n, features, s * t * channels)
    d: Any = valid((1, 1), _padded(dy, [(m - 1, m - 1), (n - 1, n - 1)]), blocks)
    batch, rows, columns, _ = d.shape
    d = d.reshape(batch, rows, columns, s, t, channels).transpose(0, 1, 3, 2, 4, 5)
    d = d.reshape(batch, rows * s, columns * t, channels)
    dx = _padded(d, [(0, x.shape[1] - rows * s), (0, x.shape[2] - columns * t)])

    def patched(x):
        p = patches(patches(x.transpose(3, 1, 2, 0), k, s, 1, 0), w, t, 3, 1)  # k, w, in, ..., B
        return p.reshape(k * w * channels, -1)

    dy = dy.transpose(1, 2, 0, 3).reshape(-1, features)
    return dx, contract("pt,to->po", factor(x).moved(patched), dy).reshape(kernel.shape)


valid.defvjp(_valid_forward, _valid_backward)
