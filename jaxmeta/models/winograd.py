"""Convolutions by Winograd's minimal filtering: F(4x4, 3x3) and F(4x4, 5x5).

A tile of n x n inputs gives 4x4 outputs, 6x6 for a kernel of 3x3 and 8x8 for one of 5x5, by 36 and
64 products where 144 and 400 were: Y = A' [(G g G') * (B' d B)] A with ' for transposition and * by
element (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, equation 8;
Winograd, "Arithmetic Complexity of Computations", 1980), where the products by element, summed over
channels, are n^2 matrix products over all tiles. All three matrices come from n points (Toom and
Cook), here 0, 1, -1, 2, -2, for 5x5 also 1/2 and -1/2, and infinity.

All coefficients but the scale of the rows of G are whole numbers, and so sums of powers of two,
multiplying by which is exact, and the scale is multiplied only with what goes into a product: so no
fused multiply-add can change a bit. What A does on both sides is one matrix product, which is
faster than additions. Tiles lie in the order (row, column, example), so that images with channels
last give the transformed tiles by channels, and with channels first channels by tiles, with
contiguous slices both times: the two forms of a product that is fast and has one order (see
`arithmetic`).

Largest error over largest entry, against float64, the larger of a processor with AVX-512 and one
with AVX2: for the poster's second layer outputs 5e-6, gradients 5e-6 for images and 1e-5 for
kernels; for a 3x3 kernel with as many channels 5e-6, 4e-6 and 5e-6 (`pytest -s
tests/models/test_layers.py -k double`); `convolution.by_patches` has up to 1.4e-6, by the CPU's own
order of a matrix product.
"""

import operator
from collections.abc import Sequence
from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxmeta.arithmetic import contract

M = 4  # outputs of a tile in each direction
# p / q of each point, for each size of a kernel: as many as a tile has inputs in each direction.
_BOTH = [(0, 1), (1, 1), (-1, 1), (2, 1), (-2, 1), (1, 0)]
POINTS = {3: _BOTH, 5: [(1, 2), (-1, 2), *_BOTH]}
# The outputs of a tile: by their place in a window of 2x2, and then by window.
PLACES = [M * (2 * i + k) + 2 * j + n for k, n, i, j in np.ndindex(2, 2, 2, 2)]


def powers(size: int, n: int) -> np.ndarray:
    """int[inputs, n]: p^k q^(n - 1 - k) of each point: A for n = M, unscaled G for n = size."""
    return np.array([[p**k * q ** (n - 1 - k) for k in range(n)] for p, q in POINTS[size]])


def a_a(size: int) -> np.ndarray:
    """float32[inputs^2, 16]: A on both sides of a tile's outputs, in the order of `PLACES`."""
    a = powers(size, M)
    return np.kron(a, a)[:, PLACES].astype(np.float32)


def b_t(size: int) -> np.ndarray:
    """int[inputs, inputs], B': the coefficients of a polynomial that is 0 at all points but one."""
    factors = [(-p, q) for p, q in POINTS[size]]
    others = [factors[:i] + factors[i + 1 :] for i in range(len(factors))]
    return np.array([reduce(np.convolve, of, [1]) for of in others])


def scale(size: int) -> np.ndarray:
    """float32[inputs^2, 1]: of G g G', one over those polynomials at their points."""
    rows = 1 / (b_t(size) * powers(size, M + size - 1)).sum(1)
    return np.outer(rows, rows).astype(np.float32).reshape(-1, 1)


def combine(matrix: np.ndarray, terms: Sequence[jax.Array] | jax.Array) -> list[jax.Array]:
    """`matrix` times a column of arrays, from left to right; 5 x is 4 x + x."""
    rows = []
    for row in matrix:
        parts = [
            terms[j] if part == 1 else terms[j] * np.float32(part)
            for j, coefficient in enumerate(row)
            for part in _powers_of_two(int(coefficient))
        ]
        rows.append(reduce(operator.add, parts))
    return rows


def _powers_of_two(n: int) -> list[int]:
    """n = 5 -> [4, 1], n = -5 -> [-4, -1]."""
    sign = 1 if n > 0 else -1
    return [sign << i for i in reversed(range(abs(n).bit_length())) if abs(n) >> i & 1]


def to_tiles(x: jax.Array, axis: int, size: int) -> jax.Array:
    """B' d B of all tiles of images with rows at `axis` and columns after it: [n, n, ...]."""
    wide = [(0, 0, 0)] * x.ndim
    wide[axis] = wide[axis + 1] = (size // 2, size // 2, 0)
    x, matrix = lax.pad(x, np.float32(0), wide), b_t(size)

    def strided(x):
        """The members of the tiles, which are M apart, at the first axis of columns or rows."""
        end = x.shape[axis + 1] - len(matrix) + 1
        return [lax.slice_in_dim(x, r, r + end, M, axis + 1) for r in range(len(matrix))]

    columns = jnp.stack(combine(matrix, strided(x)))
    return jnp.stack(combine(matrix, strided(columns)))


def from_tiles(d: jax.Array, axis: int, size: int) -> jax.Array:
    """B d, tiles added where they overlap: transpose of one step of `to_tiles`.

    [n, ..., tiles, ...] with the tiles at `axis` -> [..., tiles, M, ...].
    """
    members = combine(b_t(size).T, d)
    axis -= 1

    def shifted(x, by):
        config = [(0, 0, 0)] * x.ndim
        config[axis] = (by, -by, 0)
        return lax.pad(x, np.float32(0), config)

    # Row r of block i + by is one of the members of tile i, if it is in it.
    rows = [
        [
            shifted(members[at], by)
            for by in (-1, 0, 1)
            if 0 <= (at := r + size // 2 + M * by) < len(members)
        ]
        for r in range(M)
    ]
    return jnp.stack([reduce(operator.add, row) for row in rows], axis + 1)


def kernel_to_tile(kernel: jax.Array) -> jax.Array:
    """G g G' without its scale: [k, k, in, out] -> [n^2, in, out]."""
    g = powers(len(kernel), len(kernel))
    rows = jnp.stack(combine(g, kernel))
    tile = jnp.stack(combine(g, jnp.swapaxes(rows, 0, 1)), axis=1)
    return tile.reshape(-1, *kernel.shape[2:])


def kernel_from_tile(d: jax.Array, size: int) -> jax.Array:
    """The transpose of `kernel_to_tile`."""
    g = powers(size, size).T
    rows = jnp.stack(combine(g, d.reshape(g.shape[1], -1, *d.shape[1:])))
    return jnp.stack(combine(g, jnp.swapaxes(rows, 0, 1)), axis=1)


@jax.custom_vjp
def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """A "SAME" convolution with stride 1, for each block of 4x4 outputs.

    Args:
      x: float32[H, W, B, in], H and W multiples of 4.
      kernel: float32[k, k, in, out], k one of `POINTS`.

    Returns:
      float32[4, 4, H/4, W/4, B, out]: the upper left, upper right, lower left and lower right
      output of a window of 2x2; of each the block's four windows in the same order. See `join`.
    """
    height, width, batch, channels = x.shape
    size, products = len(kernel), len(POINTS[len(kernel)]) ** 2
    v = to_tiles(x, 0, size).reshape(products, -1, channels)
    y = contract("pti,pio->pto", v, kernel_to_tile(kernel) * scale(size)[:, :, None])
    y = contract("yp,pn->yn", a_a(size).T, y.reshape(products, -1))
    return y.reshape(4, 4, height // M, width // M, batch, kernel.shape[3])


def _forward(x, kernel):
    return convolve(x, kernel), (x, kernel)


def _backward(residuals, dy):
    x, kernel = residuals
    size, (rows, columns, batch, features) = len(kernel), dy.shape[2:]
    n = len(POINTS[size])
    dm = contract("py,yn->pn", a_a(size) * scale(size), dy.reshape(M * M, -1))
    dm = dm.reshape(n * n, -1, features)

    dv = contract("pto,pio->pti", dm, kernel_to_tile(kernel))
    dv = dv.reshape(n, n, rows, columns, batch, -1)
    dx = from_tiles(from_tiles(dv, 2, size), 3, size)  # rows, M, columns, M, batch, channels

    v_t = to_tiles(x.transpose(3, 0, 1, 2), 1, size).reshape(n * n, x.shape[3], -1)
    return dx.reshape(x.shape), kernel_from_tile(contract("pit,pto->pio", v_t, dm), size)


convolve.defvjp(_forward, _backward)


def join(y: jax.Array) -> jax.Array:
    """Images from what `convolve` gives: [4, 4, H/4, W/4, B, C] -> [B, H, W, C]."""
    _, _, rows, columns, batch, channels = y.shape
    y = y.reshape(2, 2, 2, 2, rows, columns, batch, channels).transpose(6, 4, 2, 0, 5, 3, 1, 7)
    return y.reshape(batch, rows * M, columns * M, channels)
