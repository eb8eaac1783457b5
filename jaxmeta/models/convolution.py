"""Convolutions as matrix products in a fixed order.

XLA's own convolution takes another, far slower path on the CPU inside a loop, and other bits with
it. Here patches of the image are gathered by slices and multiplied with the
kernel (Chellapilla, Puri and Simard, "High Performance Convolutional Neural Networks for Document
Processing", 2006). With `block` 2 a patch serves a 2x2 block of outputs, the kernel standing in it
at four places: a quarter of the patches, each (k + 1)^2 / k^2 times as long.

That is for stride 1 and padding "SAME". With other strides or paddings each s x s block of pixels
becomes one pixel of s^2 times the channels, which adds nothing up, and what is left is a
convolution with stride 1 and padding "VALID" (`strided`).
"""

import math
import operator
from functools import partial, reduce

import jax
import jax.numpy as jnp
from jax import lax

from jaxmeta.arithmetic import contract
from jaxmeta.models import winograd

# From so many input channels on, Winograd's filtering is the faster one (measured on a CPU).
CHANNELS = 8


def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """float32[B, H, W, in], float32[k, k, in, out] with k odd -> float32[B, H, W, out]."""
    even = x.shape[1] % 2 == x.shape[2] % 2 == 0
    return join(_by_platform(2 if even and _wide(kernel) else 1, x, kernel))


def convolve_blocks(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """`convolve` before `join`, in blocks of 2x2; H and W even: float32[4, H/2, W/2, B, out]."""
    return _by_platform(2, x, kernel)


def _wide(kernel: jax.Array) -> bool:
    return kernel.shape[0] == winograd.KERNEL and kernel.shape[2] >= CHANNELS


def _by_platform(block: int, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Winograd's filtering on a CPU alone: elsewhere factors of a product are rounded to 11 or 8
    bits, as JAX does by default, and its error is ten times that of patches. A TPU has a unit for
    convolutions; on a GPU they are a library's choice of the day, and products are not."""
    patched = partial(by_patches, block)
    on_cpu = winograd.convolve if block == 2 and _wide(kernel) else patched
    return lax.platform_dependent(
        x, kernel, cpu=on_cpu, tpu=partial(by_xla, block), default=patched
    )


def by_xla(block: int, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """As `by_patches`, by XLA's own convolution."""
    y = lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    batch, height, width, features = y.shape
    y = y.reshape(batch, height // block, block, width // block, block, features)
    y = y.transpose(2, 4, 1, 3, 0, 5)
    return y.reshape(block**2, height // block, width // block, batch, features)


def join(y: jax.Array) -> jax.Array:
    """Images from blocks of n x n neighbours: [n^2, H/n, W/n, B, C] -> [B, H, W, C]."""
    n = math.isqrt(len(y))
    _, rows, columns, batch, channels = y.shape
    y = y.reshape(n, n, rows, columns, batch, channels).transpose(4, 2, 0, 3, 1, 5)
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
    p = pad(x.transpose(1, 2, 0, 3), len(kernel), 0)
    p = patches(patches(p, size, block, 0, 3), size, block, 1, 4)  # ..., B, size, size, in
    places = [
        jnp.pad(kernel, ((i, block - 1 - i), (j, block - 1 - j), (0, 0), (0, 0)))
        for i in range(block)
        for j in range(block)
    ]
    length = size * size * channels
    y = contract("tp,po->to", p.reshape(-1, length), jnp.stack(places, 3).reshape(length, -1))
    y = y.reshape(height // block, width // block, batch, block * block, features)
    return jnp.moveaxis(y, 3, 0)


def pad(x: jax.Array, size: int, axis: int) -> jax.Array:
    """Zeros around the images whose rows are at `axis` and columns after it."""
    config = [(0, 0, 0)] * x.ndim
    config[axis] = config[axis + 1] = (size // 2, size // 2, 0)
    return lax.pad(x, jnp.zeros((), x.dtype), config)


def _forward(block, x, kernel):
    return by_patches(block, x, kernel), (x, kernel)


def _backward(block, residuals, dy):
    x, kernel = residuals
    flipped = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    dx = join(by_patches(block, join(dy), flipped))

    n, size = len(kernel), len(kernel) + block - 1
    p = pad(x.transpose(3, 1, 2, 0), n, 1)
    p = patches(patches(p, size, block, 1, 0), size, block, 3, 1)  # size, size, in, ..., B
    dy = jnp.moveaxis(dy, 0, 3)
    d = contract(
        "pt,to->po", p.reshape(size * size * x.shape[3], -1), dy.reshape(-1, block**2 * dy.shape[4])
    )
    d = d.reshape(size, size, x.shape[3], block, block, dy.shape[4])
    places = [d[i : i + n, j : j + n, :, i, j] for i in range(block) for j in range(block)]
    return dx, reduce(operator.add, places)


by_patches.defvjp(_forward, _backward)


def strided(x: jax.Array, kernel: jax.Array, strides: tuple[int, int], padding: str) -> jax.Array:
    """`flax.linen.Conv`'s, without its bias: float32[B, H, W, in], float32[k, l, in, out] ->
    float32[B, rows, columns, out]; `padding` is "SAME" or "VALID"."""
    window, images = kernel.shape[:2], x.shape[1:3]
    around = lax.padtype_to_pads(images, window, strides, padding)
    shape = [
        (size + low + high - k) // s + 1
        for size, (low, high), k, s in zip(images, around, window, strides, strict=True)
    ]
    # The kernel becomes whole blocks long, and the images what it then meets.
    wide = [-(-k // s) * s for k, s in zip(window, strides, strict=True)]
    zero = jnp.zeros((), x.dtype)
    ends = [
        ((n - 1) * s + k - size - low)
        for n, s, k, size, (low, _) in zip(shape, strides, wide, images, around, strict=True)
    ]
    edges = [(low, end, 0) for (low, _), end in zip(around, ends, strict=True)]
    x = lax.pad(x, zero, [(0, 0, 0), *edges, (0, 0, 0)])
    grown = [(0, k - size, 0) for k, size in zip(wide, window, strict=True)]
    kernel = lax.pad(kernel, zero, [*grown, (0, 0, 0), (0, 0, 0)])
    return valid(_blocks(x, strides, 1), _blocks(kernel, strides, 0))


def _blocks(x: jax.Array, strides: tuple[int, int], axis: int) -> jax.Array:
    """Pixels of s x s neighbours, side by side in the channels; rows are at `axis`."""
    if strides == (1, 1):
        return x
    (rows, columns), (s, t) = x.shape[axis : axis + 2], strides
    before, channels, after = x.shape[:axis], x.shape[axis + 2], x.shape[axis + 3 :]
    x = x.reshape(*before, rows // s, s, columns // t, t, channels, *after)
    x = jnp.moveaxis(x, axis + 1, axis + 2)
    return x.reshape(*before, rows // s, columns // t, s * t * channels, *after)


@jax.custom_vjp
def valid(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Stride 1 and no padding: [B, H, W, in], [k, l, in, out] -> [B, H - k + 1, W - l + 1, out]."""
    k, width, channels, features = kernel.shape
    p = patches(patches(x.transpose(1, 2, 0, 3), k, 1, 0, 3), width, 1, 1, 4)
    rows, columns, batch = p.shape[:3]
    length = k * width * channels
    y = contract("tp,po->to", p.reshape(-1, length), kernel.reshape(length, features))
    return y.reshape(rows, columns, batch, features).transpose(2, 0, 1, 3)


def _valid_forward(x, kernel):
    return valid(x, kernel), (x, kernel)


def _valid_backward(residuals, dy):
    x, kernel = residuals
    k, width, channels, features = kernel.shape
    edges = [(k - 1, k - 1, 0), (width - 1, width - 1, 0)]
    padded = lax.pad(dy, jnp.zeros((), dy.dtype), [(0, 0, 0), *edges, (0, 0, 0)])
    dx = valid(padded, jnp.flip(kernel, (0, 1)).swapaxes(2, 3))

    p = patches(patches(x.transpose(3, 1, 2, 0), k, 1, 1, 0), width, 1, 3, 1)  # k, l, in, ..., B
    dy = dy.transpose(1, 2, 0, 3)
    d = contract("pt,to->po", p.reshape(k * width * channels, -1), dy.reshape(-1, features))
    return dx, d.reshape(kernel.shape)


valid.defvjp(_valid_forward, _valid_backward)
