"""The poster's moves on one axis: Algorithm 1 (AdjustLR) and lines 8-16 of Algorithm 2, exactly.

On an ordered axis there are three moves: up, keep, down. On an unordered one there are as many as
choices: move c takes choice c, so that the move to the choice that one has is "keep". With n moves
the others of a move share what it gains or loses in n - 1 equal parts; three moves are the poster.

A probability is an integer number of *units* of 1/ONE, with ONE = 3 * 2**28: a third is exactly
ONE // 3, sums stay exactly ONE after any number of updates, and u < p1 has one answer on every
machine, under `jit`, under `vmap` and outside. Everything here is int32 and exact.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxmeta import keys
from jaxmeta.space import Axis

ONE = 3 << 28  # certainty, in units; the largest multiple of three thirds that leaves int32 room
UP, KEEP, DOWN = 1, 2, 3  # the poster's c, on an ordered axis; 0 everywhere: no move


def units(probability: float) -> int:
    """`probability` in [0, 1] in units: a multiple of 4, so halves are even; error < 2.5e-9."""
    return 4 * round(probability * ONE / 4)


def count(axis: Axis) -> int:
    """How many moves `axis` has."""
    low, high = axis.bounds
    return 3 if axis.ordered else high - low + 1


def equal(open_: jax.Array) -> jax.Array:
    """Line 4: all mass in equal parts on the moves that are `open_` (bool[n], one at least).

    int32[n] units; what the division leaves over goes to the first of them.
    """
    share = ONE // jnp.maximum(open_.sum(), 1)
    p = jnp.where(open_, share, 0)
    return p.at[jnp.argmax(open_)].add(ONE - p.sum()).astype(jnp.int32)


def start(axis: Axis) -> jax.Array:
    """Line 4: every move equally probable, int32[count] units."""
    return equal(jnp.ones(count(axis), bool))


def of_axes(key: jax.Array, d: int) -> list[jax.Array]:
    """A key for each axis of a decision: `key` itself for the first; it is consumed."""
    return [key, *(keys.derive(key, "axis", a) for a in range(1, d))]


def draw(key: jax.Array) -> jax.Array:
    """u ~ U[0, 1) as int32 units in [0, ONE): 28 random bits, each worth three units; `key` is
    consumed.

    Not `jax.random.randint`, which takes 32 bits modulo ONE: it would draw the lowest third 6 times
    out of 16.
    """
    return 3 * (jax.random.bits(key, (), jnp.uint32) >> 4).astype(jnp.int32)


def draws(key: jax.Array, d: int) -> jax.Array:
    """u for each axis, int32[d] units; `key` is consumed."""
    return jnp.stack([draw(one) for one in of_axes(key, d)])


def adjust(u: ArrayLike, p: jax.Array) -> jax.Array:
    """Algorithm 1: the move c in 1..n that `u` (units) picks under `p` (int32[n] units)."""
    return 1 + (jnp.asarray(u) >= jnp.cumsum(p)[:-1]).sum(dtype=jnp.int32)


def go(axis: Axis, k: jax.Array, c: jax.Array, by: ArrayLike = 1) -> tuple[jax.Array, jax.Array]:
    """Where move `c` leads from position `k`, and whether a bound of the axis cut it short.

    A move goes `by` positions up or down where there is an order; c = 0 stays.
    """
    if not axis.ordered:
        return jnp.where(c == 0, k, c - 1), jnp.bool_(False)
    wanted = k + jnp.where(c == 0, 0, KEEP - c) * by
    inside = jnp.clip(wanted, *axis.bounds)
    return inside, inside != wanted


def kept(axis: Axis, k: jax.Array) -> jax.Array:
    """The move that stays at position `k`, int32."""
    return jnp.int32(KEEP) if axis.ordered else k + 1


def sides(axis: Axis, k: jax.Array) -> jax.Array:
    """bool[n]: the moves that lead from position `k` to another one."""
    each = jnp.arange(1, count(axis) + 1)
    away = each != kept(axis, k)
    if axis.ordered:
        low, high = axis.bounds
        away &= ~((each == UP) & (k == high)) & ~((each == DOWN) & (k == low))
    return away


def update(p: jax.Array, c: ArrayLike, better: ArrayLike, p_eps: int, p_min: int) -> jax.Array:
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
    floor = jnp.minimum(p_min, ONE // n)  # an equal part is not always a multiple of 4
    chosen = jnp.arange(1, n + 1) == c
    given = jnp.where(chosen, 0, jnp.minimum(p_eps // (n - 1), p - floor))
    success = jnp.where(chosen, p + given.sum(), p - given)
    part = jnp.minimum(p_eps, p[jnp.asarray(c) - 1] - floor) // (n - 1)
    failure = jnp.where(chosen, p - (n - 1) * part, p + part)
    return jnp.where(better, success, failure)
