"""The poster's moves on one axis: Algorithm 1 (AdjustLR) and lines 8-16 of Algorithm 2, exactly.

On an ordered axis there are three moves: up, keep, down. On an unordered one there are as many as
choices: move c takes choice c, so that the move to the choice that one has is "keep". With n moves
the others of a move share what it gains or loses in n - 1 equal parts; three moves are the poster.

A probability is an integer number of *units* of 1/ONE, with ONE = 3 * 2**28: a third is exactly
ONE // 3, sums stay exactly ONE after any number of updates, and u < p1 has one answer on every
machine, under `jit`, under `vmap` and outside. Everything here is int32 and exact.
"""

import numpy as np

from jaxmeta import keys
from jaxmeta.space import Axis
from jaxmeta.tuning.both import Array, ArrayLike, either, xp

ONE = 3 << 28  # certainty, in units; the largest multiple of three thirds that leaves int32 room
UP, KEEP, DOWN = 1, 2, 3  # the poster's c, on an ordered axis; 0 everywhere: no move


def zero() -> np.int32:
    return np.int32(0)


def units(probability: float) -> int:
    """`probability` in [0, 1] in units: a multiple of 4, so halves are even; error < 2.5e-9."""
    return 4 * round(probability * ONE / 4)


def count(axis: Axis) -> int:
    """How many moves `axis` has."""
    low, high = axis.bounds
    return 3 if axis.ordered else high - low + 1


def each(axis: Axis) -> np.ndarray:
    """The moves of `axis`, int32[n]."""
    return np.arange(1, count(axis) + 1, dtype=np.int32)


def equal(open_: Array) -> Array:
    """Line 4: all mass in equal parts on the moves that are `open_` (bool[n], one at least).

    int32[n] units; what the division leaves over goes to the first of them.
    """
    n = xp.maximum(open_.sum(), 1)
    first = np.arange(len(open_)) == xp.argmax(open_)
    return xp.where(first, ONE // n + ONE % n, xp.where(open_, ONE // n, 0)).astype(np.int32)


def start(axis: Axis) -> Array:
    """Line 4: every move equally probable, int32[count] units."""
    return equal(np.ones(count(axis), bool))


def of_axis(key: Array, a: int) -> Array:
    """The key of axis `a` in a decision: `key` itself for the first; it is consumed."""
    return keys.derive(key, "axis", a) if a else key


def draw(key: Array) -> Array:
    """u ~ U[0, 1) as int32 units in [0, ONE): 28 random bits, each worth three units; `key` is
    consumed.

    Not `jax.random.randint`, which takes 32 bits modulo ONE: it would draw the lowest third 6 times
    out of 16.
    """
    return 3 * (keys.bits(key) >> 4).astype(np.int32)


def draws(key: Array, moving: Array) -> Array:
    """u for each axis that is `moving` (bool[d]), 0 for the others: int32[d] units; `key` is
    consumed."""
    each = range(len(moving))
    return xp.array([either(moving[a], lambda a=a: draw(of_axis(key, a)), zero) for a in each])


def adjust(u: ArrayLike, p: Array) -> Array:
    """Algorithm 1: the move c in 1..n that `u` (units) picks under `p` (int32[n] units)."""
    return 1 + (xp.asarray(u) >= xp.cumsum(p)[:-1]).sum(dtype=np.int32)


def drawn(moving: Array, u: Array, p: Array) -> Array:
    """`adjust` for an axis that is `moving`, else 0."""
    return either(moving, lambda: adjust(u, p), zero)


def go(axis: Axis, k: Array, c: Array, by: ArrayLike = 1) -> tuple[Array, Array]:
    """Where move `c` leads from position `k`, and whether a bound of the axis cut it short.

    A move goes `by` positions up or down where there is an order; c = 0 stays.
    """
    low, high = axis.bounds

    def moved() -> tuple[Array, Array]:
        if not axis.ordered:
            return c - 1, np.bool_(False)
        wanted = k + (KEEP - c) * by
        inside = xp.minimum(xp.maximum(wanted, low), high)
        return inside, inside != wanted

    return either(c == 0, lambda: (k, np.bool_(False)), moved)


def kept(axis: Axis, k: Array) -> Array:
    """The move that stays at position `k`, int32."""
    return np.int32(KEEP) if axis.ordered else k + 1


def sides(axis: Axis, k: Array) -> Array:
    """bool[n]: the moves that lead from position `k` to another one."""
    moves, (low, high) = each(axis), axis.bounds
    away = moves != kept(axis, k)
    if axis.ordered:
        away &= ~((moves == UP) & (k == high)) & ~((moves == DOWN) & (k == low))
    return away


def update(p: Array, c: ArrayLike, better: ArrayLike, p_eps: int, p_min: int) -> Array:
    """Lines 9-10 and 14-15: the masses after move `c` did (`better`) or did not do as well.

    Inside the simplex this is the poster's rule: p_c moves by p_eps, the n - 1 others by
    p_eps / (n - 1) the other way. At its border mass is moved, never clipped after the fact: no
    mass falls below `p_min`, nothing is created. What a division leaves over stays with c.

    Args:
      p: int32[n] units, sum ONE.
      c: int32 in 1..n.
      better: bool, acc_new >= acc_old.
      p_eps, p_min: int units; p_eps even.
    """
    n = p.shape[0]
    floor = xp.minimum(p_min, ONE // n)  # an equal part is not always a multiple of 4
    chosen = np.arange(1, n + 1) == c
    given = xp.where(chosen, 0, xp.minimum(p_eps // (n - 1), p - floor))
    success = xp.where(chosen, p + given.sum(), p - given)
    part = xp.minimum(p_eps, xp.take(p, c - 1) - floor) // (n - 1)
    failure = xp.where(chosen, p - (n - 1) * part, p + part)
    return xp.where(better, success, failure)
