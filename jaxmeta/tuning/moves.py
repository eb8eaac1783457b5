"""The poster's three moves: Algorithm 1 (AdjustLR) and lines 8-16 of Algorithm 2, in exact
arithmetic.

A probability is an integer number of *units* of 1/ONE, with ONE = 3 * 2**28: a third is exactly
ONE // 3, sums stay exactly ONE after any number of updates, and u < p1 has one answer on every
machine, under `jit`, under `vmap` and outside. Everything here is int32 and exact.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

ONE = 3 << 28  # certainty, in units; the largest multiple of three thirds that leaves int32 room
UP, KEEP, DOWN = 1, 2, 3  # the poster's c


def units(probability: float) -> int:
    """`probability` in [0, 1] in units: a multiple of 4, so that halves are even; error < "
    "2.5e-9."""
    return 4 * round(probability * ONE / 4)


def thirds() -> jax.Array:
    """Line 4: p1 = p2 = p3 = 1/3, as int32[3] units."""
    return jnp.full(3, ONE // 3, jnp.int32)


def draw(key: jax.Array) -> jax.Array:
    """u ~ U[0, 1) as int32 units in [0, ONE): 28 random bits, each worth three units; `key` is
    consumed.

    Not `jax.random.randint`, which takes 32 bits modulo ONE: it would draw the lowest third 6 times
    out of 16.
    """
    return 3 * (jax.random.bits(key, (), jnp.uint32) >> 4).astype(jnp.int32)


def adjust(u: ArrayLike, p: jax.Array) -> jax.Array:
    """Algorithm 1: the move c in {UP, KEEP, DOWN} that `u` (units) picks under `p` (int32[3])."""
    return jnp.where(u < p[0], UP, jnp.where(u < p[0] + p[1], KEEP, DOWN)).astype(jnp.int32)


def step(c: jax.Array) -> jax.Array:
    """Where move `c` leads on the lattice: +1, 0 or -1."""
    return KEEP - c


def update(p: jax.Array, c: ArrayLike, better: ArrayLike, p_eps: int, p_min: int) -> jax.Array:
    """Lines 9-10 and 14-15: the masses after move `c` did (`better`) or did not do as well.

    Inside the simplex this is the poster's rule: p_c moves by p_eps, both others by p_eps / 2 the
    other way. At its border mass is moved, never clipped after the fact (ALGORITHM, first choice):
    no mass falls below `p_min`, nothing is created. On a failure an odd last unit stays with c.

    Args:
      p: int32[3] units, sum ONE.
      c: int32 in {UP, KEEP, DOWN}.
      better: bool, acc_new >= acc_old.
      p_eps, p_min: int units; p_eps even.
    """
    chosen = jnp.arange(UP, DOWN + 1) == c
    given = jnp.where(chosen, 0, jnp.minimum(p_eps // 2, p - p_min))
    success = jnp.where(chosen, p + given.sum(), p - given)
    half = jnp.minimum(p_eps, p[jnp.asarray(c) - UP] - p_min) // 2
    failure = jnp.where(chosen, p - 2 * half, p + half)
    return jnp.where(better, success, failure)
