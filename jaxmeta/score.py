"""Scores are int32: a count, of correct predictions say, as it is; a float32 in its total order.

A tuner compares scores, so the order is all that it needs; as integers every comparison is exact on
every machine. Those of replicates are added before a tuner sees them.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # a record is read without JAX
    import jax

COUNT, FLOAT = "count", "float"  # kinds of score: int32 as it is, or the rank of a float32

DIVERGED = -(2**31)  # below every score, that of minus infinity included


def from_float(x: "jax.Array") -> "jax.Array":
    """The rank of float32 `x`: int32 in the order of the floats, and back by `to_float`."""
    import jax.numpy as jnp
    from jax import lax

    bits = lax.bitcast_convert_type(x, jnp.int32)
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


def to_rank(x: float) -> int:
    """`from_float` on the host."""
    bits = np.float32(x).view(np.int32)
    return int(bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF)))


def to_float(rank: int) -> float:
    """The float32 whose rank is `rank`."""
    bits = np.int32(rank)
    return float((bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF))).view(np.float32))


def total(scores: Sequence[int], exact: bool) -> int:
    """The score of a decision from those of its replicates: their sum; diverged if one of them is.

    Args:
      scores: at least one.
      exact: whether they are ranks of float32; the sum is then rounded once, to float32.
    """
    if DIVERGED in scores:
        return DIVERGED
    if not exact or len(scores) == 1:
        return sum(scores)
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and has its place in the order
        return to_rank(math.fsum(map(to_float, scores)))
