"""Convolutions by Winograd's minimal filtering: F(2x2, 5x5) and F(4x4, 3x3).

A tile of 6x6 inputs gives m x m outputs, 2x2 for a kernel of 5x5 and 4x4 for one of 3x3, by 36
products where 100 and 144 were: Y = A' [(G g G') * (B' d B)] A with ' for transposition and * by
element (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, equation 8;
Winograd, "Arithmetic Complexity of Computations", 1980), where the products by element, summed over
channels, are 36 matrix products over all tiles. The points are 0, 1, -1, 2, -2 and infinity for
both kernels: so B and the scale of G are the same, and A' and G are powers of the points.

All coefficients but the scale of the rows of G are sums of powers of two, multiplying by which is
exact, and the scale is multiplied only with what goes into a product: so no fused multiply-add can
change a bit. Tiles lie in the order (row, column, example), so that images with channels last give
the transformed tiles by channels, and with channels first channels by tiles, with contiguous slices
both times: the two forms of a product that is fast and has one order (see `arithmetic`).

Largest error over largest entry, against float64, for the poster's second layer: outputs 4e-6,
gradients 3e-6 for images and 1e-5 for kernels; for a 3x3 kernel with as many channels 5e-6, 3e-6
and 7e-6; `convolution.by_patches` has up to 1.3e-6, by the CPU's own order of a matrix product.
"""

import operator
from collections.abc import Sequence
from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxmeta.arithmetic import contract

TILE = 6
KERNELS = 3, 5
B_T = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
# The rows of the true G are these times 1/4, -1/6, ...; the 36 scales of G g G'.
_ROWS = np.array([1 / 4, -1 / 6, -1 / 6, 1 / 24, 1 / 24, 1])
SCALE = np.outer(_ROWS, _ROWS).astype(np.float32).reshape(-1, 1)


def powers(n: int) -> np.ndarray:
    """int[6, n]: each point to the powers 0 to n - 1; of infinity the last one alone counts."""
    finite = [[point**power for power in range(n)] for point in (0, 1, -1, 2, -2)]
    return np.array([*finite, [0] * (n - 1) + [1]])


def outputs(size: int) -> int:
    """Outputs of a tile in each direction, for kernels of `size` x `size`."""
    return TILE - size + 1


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


def strided(x: jax.Array, axis: int, m: int) -> list[jax.Array]:
    """The six members of the tiles along `axis` of a padded image, tiles `m` apart."""
    end = x.shape[axis] - TILE + 1
    return [lax.slice_in_dim(x, r, r + end, m, axis) for r in range(TILE)]


def to_tiles(x: jax.Array, axis: int, size: int) -> jax.Array:
    """B' d B of all tiles of images with rows at `axis` and columns after it: [6, 6, ...]."""
    wide = [(0, 0, 0)] * x.ndim
    wide[axis] = wide[axis + 1] = (size // 2, size // 2, 0)
    x = lax.pad(x, np.float32(0), wide)
    columns = jnp.stack(combine(B_T, strided(x, axis + 1, outputs(size))))
    return jnp.stack(combine(B_T, strided(columns, axis + 1, outputs(size))))


def from_tiles(d: jax.Array, axis: int, size: int) -> jax.Array:
    """B d, tiles added where they overlap: transpose of one step of `to_tiles`.

    [6, ..., n, ...] with n tiles at `axis` -> [..., n, m, ...].
    """
    members = combine(B_T.T, d)
    axis -= 1
    m = outputs(size)

    def shifted(x, by):
        config = [(0, 0, 0)] * x.ndim
        config[axis] = (by, -by, 0)
        return lax.pad(x, np.float32(0), config)

    # Row r of block i + by is one of the members of tile i, if it is in it.
    rows = [
        [
            shifted(members[at], by)
            for by in (-1, 0, 1)
            if 0 <= (at := r + size // 2 + m * by) < TILE
        ]
        for r in range(m)
    ]
    return jnp.stack([reduce(operator.add, row) for row in rows], axis + 1)


def kernel_to_tile(kernel: jax.Array) -> jax.Array:
    """G g G' without its scale: [k, k, in, out] -> [36, in, out]."""
    g = powers(len(kernel))
    rows = jnp.stack(combine(g, kernel))
    tile = jnp.stack(combine(g, jnp.swapaxes(rows, 0, 1)), axis=1)
    return tile.reshape(TILE * TILE, *kernel.shape[2:])


def kernel_from_tile(d: jax.Array, size: int) -> jax.Array:
    """The transpose of `kernel_to_tile`."""
    g = powers(size).T
    rows = jnp.stack(combine(g, d.reshape(TILE, TILE, *d.shape[1:])))
    return jnp.stack(combine(g, jnp.swapaxes(rows, 0, 1)), axis=1)


@jax.custom_vjp
def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """A "SAME" convolution with stride 1, for each block of m x m outputs.

    Args:
      x: float32[B, H, W, in], H and W multiples of m = 6 - k + 1.
      kernel: float32[k, k, in, out], k one of `KERNELS`.

    Returns:
      float32[m^2, H/m, W/m, B, out]: the outputs of each block by rows, at k = 5 the upper left,
      upper right, lower left and lower right one.
    """
    batch, height, width, channels = x.shape
    m = outputs(len(kernel))
    a_t = powers(m).T
    v = to_tiles(x.transpose(1, 2, 0, 3), 0, len(kernel)).reshape(TILE * TILE, -1, channels)
    y = contract("pti,pio->pto", v, kernel_to_tile(kernel) * SCALE[:, :, None])
    y = y.reshape(TILE, TILE, height // m, width // m, batch, kernel.shape[3])
    return jnp.stack([one for row in combine(a_t, y) for one in combine(a_t, row)])


def _forward(x, kernel):
    return convolve(x, kernel), (x, kernel)


def _backward(residuals, dy):
    x, kernel = residuals
    size, (_, rows, columns, batch, features) = len(kernel), dy.shape
    a = powers(outputs(size))
    # Behind a maximum one of four outputs has a gradient, and each sum here is one product.
    a_a = np.kron(a, a).astype(np.float32) * SCALE
    dm = contract("py,yn->pn", a_a, dy.reshape(len(dy), -1)).reshape(TILE * TILE, -1, features)

    dv = contract("pto,pio->pti", dm, kernel_to_tile(kernel))
    dv = dv.reshape(TILE, TILE, rows, columns, batch, -1)
    dx = from_tiles(from_tiles(dv, 2, size), 3, size)  # rows, m, columns, m, batch, channels
    dx = dx.transpose(4, 0, 1, 2, 3, 5).reshape(x.shape)

    v_t = to_tiles(x.transpose(3, 1, 2, 0), 1, size).reshape(TILE * TILE, x.shape[3], -1)
    return dx, kernel_from_tile(contract("pit,pto->pio", v_t, dm), size)


convolve.defvjp(_forward, _backward)
