"""A Gaussian process in int32: a kernel on positions, the inverse of its factor, and the posterior.

Real numbers are integers in units of 1/ONE. With K the kernel between the trainings told, NOISE on
its diagonal and L L^T = K + NOISE I, what is kept is M = L^-1, row by row, so that every step is a
product of matrices and no recursion:

    y = M k                       k: the kernel between x and the trainings
    variance of x = ONE - y.y
    next row of M = (-(M^T y), 1) / sqrt(ONE + NOISE - y.y)
    alpha = M^T M t               t: the targets less the prior mean
    mean of x = prior mean + k.alpha

Source: Rasmussen, Williams, "Gaussian Processes for Machine Learning" (2006), algorithm 2.1.

Bounds, whatever is told, for up to MOST trainings: what `product` takes is cut to 2**20, or 16 ONE.
That is far from what exact arithmetic gives: |y| <= sqrt(1.1), |M| <= sqrt(10), and since
NOISE alpha = t - K alpha, |alpha| <= 12 for means within 1.2 of their targets. A product is summed
by limbs of 8 bits: each sum is at most 255**2 * 1000, and three of them are added: below 2**28.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from jaxmeta.space import Axis
from jaxmeta.tuning.both import Array, on_host, xp

BITS = 16
ONE = 1 << BITS
NOISE = round(0.1 * ONE)  # of a training, as a variance
MOST = 1000  # trainings
RANGE = 384  # the length of an ordered axis, in units of distance
OTHER = 256  # another choice on an unordered axis is so far
LENGTH = 20  # percent of a range: at this distance, as a mean over all axes, the kernel is a half
UNKNOWN = -1  # a coordinate that is not known is at no distance from any other
CUT = 16 * ONE


def coordinates(axes: Sequence[Axis], positions: Array) -> Array:
    """int32[..., d] from positions, int32[..., d]: 0 to RANGE on an ordered axis, else the choice.

    A range longer than 2**21 positions is first made coarser, so that no product leaves int32.
    """
    before = (None,) * (positions.ndim - 1)
    coarse, low, span, ordered = (x[before] for x in _lattice(tuple(axes)))
    along = (positions >> coarse) - low
    return xp.where(ordered, along * RANGE // span, along)


@cache
def _lattice(axes: tuple[Axis, ...]) -> tuple[np.ndarray, ...]:
    """Of each axis: bits to leave out, its lowest position and length without them; its order."""
    bounds = [axis.bounds for axis in axes]
    coarse = [max((high - low).bit_length() - 21, 0) for low, high in bounds]
    low = [low >> n for (low, _), n in zip(bounds, coarse, strict=True)]
    span = [(high >> n) - least for (_, high), n, least in zip(bounds, coarse, low, strict=True)]
    numbers = (np.array(x, np.int32) for x in (coarse, low, span))
    return *numbers, np.array([axis.ordered for axis in axes])


@cache
def _table(d: int, length: int) -> np.ndarray:
    """The kernel by the sum of `d` distances: ONE 2**(-mean distance / length), int32."""
    mean = np.arange(d * RANGE + 1) / (d * RANGE)
    return np.rint(ONE * 2.0 ** (-100 * mean / length)).astype(np.int32)


def kernel(axes: Sequence[Axis], one: Array, other: Array, length: int = LENGTH) -> Array:
    """int32[n, m] in units, between coordinates int32[n, d] and int32[m, d]."""
    x, z = one[:, None], other[None]
    far = abs(x - z)
    ordered = np.array([axis.ordered for axis in axes])
    if not ordered.all():
        far = xp.where(ordered[None, None], far, xp.where(x == z, 0, OTHER))
    far = xp.where((x == UNKNOWN) | (z == UNKNOWN), 0, far).sum(-1)
    return xp.take(_table(len(axes), length), far)


def product(a: Array, b: Array) -> Array:
    """a @ b / ONE, rounded to the nearest (a half up), exactly; int32.

    Args:
      a: int32[m, n] or int32[n], up to CUT in size.
      b: int32[n] or int32[n, k], up to CUT; n, or what is not 0 of it, is up to MOST.
    """
    if on_host(a, b):
        # In float64, which is quick: all sums are integers below 2**53, so none is rounded.
        exact = np.asarray(a, np.float64) @ np.asarray(b, np.float64)
        return np.asarray(np.floor((exact + ONE // 2) / ONE)).astype(np.int32)
    x, z = a.reshape(-1, a.shape[-1]), b.reshape(b.shape[0], -1)
    by_limbs = xp.einsum("pmn,qnk->pqmk", _limbs(x), _limbs(z))
    return _rounded(by_limbs).reshape(a.shape[:-1] + b.shape[1:])


def squares(y: Array) -> Array:
    """int32[k] in units: the sum of squares of each column of `y`, int32[n, k], up to CUT."""
    if on_host(y):
        y = np.asarray(y, np.float64)
        return np.floor(((y * y).sum(0) + ONE // 2) / ONE).astype(np.int32)
    return _rounded(xp.einsum("pnk,qnk->pqk", _limbs(y), _limbs(y)))


def _limbs(x: Array) -> Array:
    """int32[3, ...]: x = x0 + 2**8 x1 + 2**16 x2; the first two from 0 to 255."""
    return xp.stack([x & 255, (x >> 8) & 255, x >> 16])


def _rounded(by_limbs: Array) -> Array:
    """The sum of by_limbs[p, q] 2**(8 (p + q)), over ONE; what it leaves of int32 wraps away."""
    c0, c1, c2, c3, c4 = (
        sum(by_limbs[p, m - p] for p in range(3) if 0 <= m - p < 3) for m in range(5)
    )
    c2 = c2 + ((c1 + 128 + (c0 >> 8)) >> 8)
    return c2 + (c3 << 8) + (c4 << 16)


def root(x: Array) -> Array:
    """The square root of `x` in units, 0 to 1.1 ONE, rounded down to a multiple of 4 units."""
    if on_host(x):
        return np.floor(np.sqrt(np.asarray(x, np.float64) * 4096)).astype(np.int32) << 2
    found, x = xp.zeros_like(x), x << 12
    for bit in reversed(range(15)):
        larger = found | (1 << bit)
        found = xp.where(larger * larger <= x, larger, found)
    return found << 2


def cut(x: Array) -> Array:
    return xp.clip(x, -CUT, CUT)


def row(inverse: Array, k: Array, i: Array) -> Array:
    """Row i of M, int32[n]; `k` (int32[n]) is the kernel between training i and those before."""
    y = cut(product(inverse, k))
    left = xp.clip(ONE + NOISE - squares(y[:, None])[0], NOISE // 2, ONE + NOISE)
    length = root(left) >> 2
    new = xp.where(np.arange(len(k)) == i, ONE, -cut(product(inverse.T, y)))
    # In two steps, of which neither leaves int32: `length` is in units of 4, from 3663 on.
    # Rounded to the nearest: errors of one sign would add up, row by row.
    whole = new // length
    rest = (((new - whole * length) << 15) + length) // (2 * length)
    return cut((whole << 14) + rest).astype(np.int32)


def weights(inverse: Array, t: Array) -> Array:
    """alpha, int32[n] in units; `t` (int32[n]): targets less the prior mean."""
    return cut(product(inverse.T, cut(product(inverse, t))))


def fit(axes: Sequence[Axis], at: Array, t: Array, length: int) -> Array:
    """alpha of trainings that are all there, at coordinates int32[n, d]; on the host."""
    n = len(at)
    k, inverse = kernel(axes, at, at, length), np.zeros((n, n), np.int32)
    for i in range(n):
        here = np.where(np.arange(i + 1) < i, k[i, : i + 1], 0)
        inverse[i, : i + 1] = row(inverse[: i + 1, : i + 1], here, np.int32(i))
    return weights(inverse, t)


def deviation(inverse: Array, k: Array) -> Array:
    """int32[m] in units: the square root of the variance; `k` is int32[n, m]."""
    return root(xp.clip(ONE - squares(cut(product(inverse, k))), 0, ONE))
