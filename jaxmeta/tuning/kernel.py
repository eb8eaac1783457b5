"""Which of many noisy trials to stand for: the top of a smoothed rank, in int32 throughout.

With s_j in [0, 1] the share of the trials of replicate r_j that trial j did better than (ties count
half), and w(d) = max(0, smooth - d) where d is how far apart two trials are,

    value(k) = (sum_j w(|k - k_j|) s_j + prior / 2) / (sum_j w(|k - k_j|) + prior)

is highest at the position that is recommended, one that was tried and did not diverge.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jaxmeta.score import DIVERGED
from jaxmeta.space import Axis

SHARE = 1 << 10  # one, as a share of trials; with it, MOST and WIDEST, sums stay within int32
MOST = 1000  # trials
WIDEST = 16  # of `smooth`
PRIOR = 4  # trials of middling rank that every position is given beforehand


def apart(
    axes: Sequence[Axis], positions: jax.Array, units: Sequence[int], smooth: int
) -> jax.Array:
    """int32[n, n]: how far apart the trials at `positions` (int32[n, d]) are.

    Along an ordered axis a position counts as many as `units` says; on an unordered one another
    choice is too far to matter.
    """
    total = jnp.int32(0)
    for a, axis in enumerate(axes):
        one, other = positions[:, None, a], positions[None, :, a]
        if axis.ordered:
            total += jnp.clip(abs(one - other), 0, smooth) * units[a]
        else:
            total += jnp.where(one == other, 0, smooth)
    return jnp.asarray(total)


def best(
    n: jax.Array, rs: jax.Array, scores: jax.Array, apart: jax.Array, smooth: int
) -> jax.Array:
    """Which of the first `n` trials to stand for, int32; the earliest of equals.

    Args:
      n: how many of them were told.
      rs, scores: int32[most], their replicates and scores.
      apart: int32[most, most], see `apart`.
      smooth: width of the kernel; 0: the best score seen.
    """
    told = jnp.arange(len(scores)) < n
    if smooth == 0:
        return jnp.argmax(jnp.where(told, scores, DIVERGED))
    peers = told[None] & (rs[:, None] == rs[None])
    beaten = (peers & (scores[:, None] > scores[None])).sum(1) * 2
    beaten += (peers & (scores[:, None] == scores[None])).sum(1)
    share = SHARE // 2 * beaten // jnp.maximum(peers.sum(1), 1)
    near = jnp.where(told[None], jnp.maximum(smooth - apart, 0), 0)
    prior = PRIOR * smooth
    above = (near * share[None]).sum(1) + prior * SHARE // 2
    # int32 in units of 1 / (64 SHARE); a trial that diverged stands for no position.
    value = 64 * above // (near.sum(1) + prior)
    return jnp.argmax(jnp.where(told & (scores != DIVERGED), value, -1))
