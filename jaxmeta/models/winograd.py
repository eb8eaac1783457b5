"""The 5x5 convolution by Winograd's minimal filtering: F(2x2, 5x5), 36 products where 100 were.

A tile of 6x6 inputs gives 2x2 outputs, Y = A' [(G g G') * (B' d B)] A with ' for transposition and
* by element (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, equation 8;
Winograd, "Arithmetic Complexity of Computations", 1980), where the products by element, summed over
channels, are 36 matrix products over all tiles. The points are 0, 1, -1, 2, -2 and infinity.

All coefficients but the scale of the rows of G are sums of powers of two, multiplying by which is
exact, and the scale is multiplied only with what goes into a product: so no fused multiply-add can
change a bit. Tiles lie in the order (row, column, example), so that images with channels last give
the transformed tiles by channels, and with channels first channels by tiles, with contiguous slices
both times: the two forms of a product that is fast and has one order (see `arithmetic`).

Largest error over largest entry, against float64, for the poster's second layer: outputs 4e-6,
gradients 3e-6 for images and 1e-5 for kernels; `convolution.by_patches` has up to 1.3e-6, by the
CPU's own order of a matrix product.
"""

import operator
from collections.abc import Sequence
from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxmeta.arithmetic import contract

KERNEL, TILE = 5, 6
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
A_T = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 1]])
G = np.array(
    [
        [1, 0, 0, 0, 0],
        [1, 1, 1, 1, 1],
        [1, -1, 1, -1, 1],
        [1, 2, 4, 8, 16],
        [1, -2, 4, -8, 16],
        [0, 0, 0, 0, 1],
    ]
)
# The rows of the true G are these times 1/4, -1/6, ...; the 36 scales of G g G'.
_ROWS = np.array([1 / 4, -1 / 6, -1 / 6, 1 / 24, 1 / 24, 1])
SCALE = np.outer(_ROWS, _ROWS).astype(np.float32).reshape(-1, 1)
# What each of the four outputs of a tile is made of, in the order of `convolve`.
A_A = np.kron(A_T, A_T).T.astype(np.float32)


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


def strided(x: jax.Array, axis: int) -> list[jax.Array]:
    """The six members of the tiles along `axis` of a padded image, tiles two apart."""
    end = x.shape[axis] - TILE + 1
    return [lax.slice_in_dim(x, r, r + end, 2, axis) for r in range(TILE)]


def to_tiles(x: jax.Array, axis: int) -> jax.Array:
    """B' d B of all tiles of images with rows at `axis` and columns after it: [6, 6, ...]."""
    wide = [(0, 0, 0)] * x.ndim
    wide[axis] = wide[axis + 1] = (KERNEL // 2, KERNEL // 2, 0)
    x = lax.pad(x, np.float32(0), wide)
    columns = jnp.stack(combine(B_T, strided(x, axis + 1)))
    return jnp.stack(combine(B_T, strided(columns, axis + 1)))


def from_tiles(d: jax.Array, axis: int) -> jax.Array:
    """B d, tiles added where they overlap: transpose of one step of `to_tiles`.

    [6, ..., n, ...] with n tiles at `axis` -> [..., n, 2, ...].
    """
    members = combine(B_T.T, d)
    axis -= 1

    def shifted(x, by):  # tile i holds padded rows 2 i to 2 i + 5, of which image row 0 is row 2
        config = [(0, 0, 0)] * x.ndim
        config[axis] = (by - 1, 1 - by, 0)
        return lax.pad(x, np.float32(0), config)

    both = [
        reduce(operator.add, [shifted(members[row + 2 * k], k) for k in range(3)])
        for row in range(2)
    ]
    return jnp.stack(both, axis + 1)


def kernel_to_tile(kernel: jax.Array) -> jax.Array:
    """G g G' without its scale: [5, 5, in, out] -> [36, in, out]."""
    rows = jnp.stack(combine(G, kernel))
    tile = jnp.stack(combine(G, jnp.swapaxes(rows, 0, 1)), axis=1)
    return tile.reshape(TILE * TILE, *kernel.shape[2:])


def kernel_from_tile(d: jax.Array) -> jax.Array:
    """The transpose of `kernel_to_tile`."""
    rows = jnp.stack(combine(G.T, d.reshape(TILE, TILE, *d.shape[1:])))
    return jnp.stack(combine(G.T, jnp.swapaxes(rows, 0, 1)), axis=1)


@jax.custom_vjp
def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """A "SAME" convolution with stride 1, for each 2x2 block of outputs.

    Args:
      x: float32[B, H, W, in], H and W even.
      kernel: float32[5, 5, in, out].

    Returns:
      float32[4, H/2, W/2, B, out]: the outputs at the upper left, upper right, lower left and lower
      right of each block.
    """
    batch, height, width, channels = x.shape
    v = to_tiles(x.transpose(1, 2, 0, 3), 0).reshape(TILE * TILE, -1, channels)
    m = contract("pti,pio->pto", v, kernel_to_tile(kernel) * SCALE[:, :, None])
    m = m.reshape(TILE, TILE, height // 2, width // 2, batch, kernel.shape[3])
    return jnp.stack([y for row in combine(A_T, m) for y in combine(A_T, row)])


def _forward(x, kernel):
    return convolve(x, kernel), (x, kernel)


def _backward(residuals, dy):
    x, kernel = residuals
    _, rows, columns, batch, features = dy.shape
    # Behind a maximum one of four outputs has a gradient, so each sum here is one product.
    dm = contract("py,yn->pn", A_A * SCALE, dy.reshape(4, -1)).reshape(TILE * TILE, -1, features)

    dv = contract("pto,pio->pti", dm, kernel_to_tile(kernel))
    dv = dv.reshape(TILE, TILE, rows, columns, batch, -1)
    dx = from_tiles(from_tiles(dv, 2), 3)  # rows, 2, columns, 2, batch, channels
    dx = dx.transpose(4, 0, 1, 2, 3, 5).reshape(x.shape)

    v_t = to_tiles(x.transpose(3, 1, 2, 0), 1).reshape(TILE * TILE, x.shape[3], -1)
    return dx, kernel_from_tile(contract("pit,pto->pio", v_t, dm))


convolve.defvjp(_forward, _backward)
