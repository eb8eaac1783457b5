"""Positions that may be asked for next: drawn over the whole space, or near the best ones known.

On an ordered axis a move goes 1, 2, 4, 8, 16 or 32 parts of 72 of the range, up or down, and one
position at least; on an unordered one to a choice drawn evenly. Of a candidate 1 to 3 axes move.
"""

import numpy as np

from jaxmeta.space import Axis, Space
from jaxmeta.tuning.both import Array, xp
from jaxmeta.tuning.random_search import high_word

MOVED = 3  # axes, at most
WORDS = 2 + MOVED  # of randomness a candidate, besides one an axis
PART, TIMES = 72, (1, 2, 4, 8, 16, 32)


def below(drawn: Array, n: int) -> Array:
    """int32 from 0 to n - 1, evenly, from uint32; n up to 2**31."""
    return high_word(drawn, n).astype(np.int32)


def anywhere(space: Space, drawn: Array) -> Array:
    """int32[n, d]: positions drawn evenly; `drawn`: uint32[n, d]."""
    found = []
    for a, axis in enumerate(space.axes):
        low, high = axis.bounds
        found.append(np.int32(low) + high_word(drawn[:, a], high - low + 1).astype(np.int32))
    return xp.stack(found, axis=1)


def near(space: Space, bases: Array, distinct: Array, drawn: Array) -> Array:
    """int32[n, d]: each from one of the first `distinct` of `bases` (int32[m, d]), moved.

    Args:
      drawn: uint32[n, WORDS + d].
    """
    pick = (drawn[:, 0] >> 16).astype(np.int32) * distinct >> 16
    base = xp.take(bases, pick, axis=0)
    count = 1 + below(drawn[:, 1], MOVED)
    axes = xp.stack([below(drawn[:, 2 + n], space.d) for n in range(MOVED)], axis=1)
    active = np.arange(MOVED)[None] < count[:, None]
    found = []
    for a, axis in enumerate(space.axes):
        moving = ((axes == a) & active).any(1)
        moved = _moved(axis, base[:, a], drawn[:, WORDS + a])
        found.append(xp.where(moving, moved, base[:, a]))
    return xp.stack(found, axis=1)


def _moved(axis: Axis, k: Array, drawn: Array) -> Array:
    low, high = axis.bounds
    if not axis.ordered:
        return below(drawn, high + 1)
    steps = [max(1, (high - low) * times // PART) for times in TIMES]
    by = np.array([*(-s for s in reversed(steps)), *steps], np.int64)
    # Cut before it is added or subtracted: the ends of an axis may be those of int32.
    up, down = high - xp.maximum(k, high - max(steps)), low - xp.minimum(k, low + max(steps))
    return k + xp.clip(xp.take(by.astype(np.int32), below(drawn, len(by))), down, up)
