"""Which of many noisy trials to stand for: the top of a smoothed rank, in int32 throughout.

With s_j in [0, 1] the share of the trials of replicate r_j that trial j did better than (ties count
half), and w(d) = max(0, smooth - d) where d is how far apart two trials are,

    value(k) = (sum_j w(|k - k_j|) s_j + prior / 2) / (sum_j w(|k - k_j|) + prior)

is highest at the position that is recommended, one that was tried and did not diverge.

`best` computes it from all trials at once, for JAX; `Ranks` takes them one by one, for the host,
where a study of a thousand would otherwise look at a million pairs in every decision.
"""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from jaxmeta.score import DIVERGED
from jaxmeta.space import Axis
from jaxmeta.tuning.both import Array, xp

SHARE = 1 << 10  # one, as a share of trials; with it, MOST and WIDEST, sums stay within int32
MOST = 1000  # trials
WIDEST = 16  # of `smooth`
PRIOR = 4  # trials of middling rank that every position is given beforehand


def apart(axes: Sequence[Axis], positions: Array, units: Sequence[int], smooth: int) -> Array:
    """int32[n, n]: how far apart the trials at `positions` (int32[n, d]) are.

    Along an ordered axis a position counts as many as `units` says; on an unordered one another
    choice is too far to matter.
    """
    total = xp.int32(0)
    for a, axis in enumerate(axes):
        one, other = positions[:, None, a], positions[None, :, a]
        if axis.ordered:
            total += xp.clip(abs(one - other), 0, smooth) * units[a]
        else:
            total += xp.where(one == other, 0, smooth)
    return xp.asarray(total)


def best(n: Array, rs: Array, scores: Array, apart: Array, smooth: int) -> Array:
    """Which of the first `n` trials to stand for, int32; the earliest of equals.

    Args:
      n: how many of them were told.
      rs, scores: int32[most], their replicates and scores.
      apart: int32[most, most], see `apart`.
      smooth: width of the kernel; 0: the best score seen.
    """
    told = np.arange(len(scores)) < n
    if smooth == 0:
        return xp.argmax(xp.where(told, scores, DIVERGED))
    peers = told[None] & (rs[:, None] == rs[None])
    beaten = (peers & (scores[:, None] > scores[None])).sum(1) * 2
    beaten += (peers & (scores[:, None] == scores[None])).sum(1)
    share = SHARE // 2 * beaten // xp.maximum(peers.sum(1), 1)
    near = xp.where(told[None], xp.maximum(smooth - apart, 0), 0)
    prior = PRIOR * smooth
    above = (near * share[None]).sum(1) + prior * SHARE // 2
    # int32 in units of 1 / (64 SHARE); a trial that diverged stands for no position.
    value = 64 * above // (near.sum(1) + prior)
    return xp.argmax(xp.where(told & (scores != DIVERGED), value, -1))


class Ranks:
    """`best` of trials that are told one after the other, on the host.

    A trial changes the shares of its own replicate's trials alone, so what it costs grows with the
    trials told times those of its replicate.
    """

    def __init__(self, axes: Sequence[Axis], units: Sequence[int], smooth: int) -> None:
        # Of each axis: from so many positions on it is too far to matter, and what one counts.
        ordered = np.array([axis.ordered for axis in axes])
        self._far, self._units = np.where(ordered, smooth, 1), np.where(ordered, units, smooth)
        self._smooth = smooth
        self._n, self._r = 0, -1
        # Of every trial told, and room for more.
        self._positions = np.zeros((16, len(axes)), np.int32)
        self._rs, self._scores, self._shares, self._above, self._weights = np.zeros((5, 16), int)
        # Of those of the replicate told last: which they are, wins, and w from every trial to them.
        self._peers = self._beaten = np.zeros(0, int)
        self._near = np.zeros((16, 4), int)

    @property
    def best(self) -> int:
        """Which of the trials told to stand for; the earliest of equals."""
        n, prior = self._n, PRIOR * self._smooth
        if self._smooth == 0:
            return int(self._scores[:n].argmax())
        value = 64 * (self._above[:n] + prior * SHARE // 2) // (self._weights[:n] + prior)
        value[self._scores[:n] == DIVERGED] = -1
        return int(value.argmax())

    def add(self, position: np.ndarray, r: int, score: int) -> None:
        """One more trial, at `position` (int32[d])."""
        if r != self._r:
            self._begin(r)
        n, m = self._n, len(self._peers)
        self._room(n, m)
        self._positions[n], self._rs[n], self._scores[n] = position, r, score
        self._n = n + 1
        near = self._nearness(n)

        apart = np.sign(score - self._scores[self._peers])
        self._beaten = np.append(self._beaten + 1 - apart, m + 1 + apart.sum())
        self._near[n, :m] = near[self._peers]
        self._peers = np.append(self._peers, n)
        self._near[: n + 1, m] = near
        shares = SHARE // 2 * self._beaten // (m + 1)
        self._above[: n + 1] += self._near[: n + 1, : m + 1] @ (shares - self._shares[self._peers])
        self._shares[self._peers] = shares
        self._above[n] = near @ self._shares[: n + 1]
        self._weights[: n + 1] += near
        self._weights[n] = near.sum()

    def _begin(self, r: int) -> None:
        """With a replicate, which was told nothing yet or was left for another one."""
        self._r, self._peers = r, np.flatnonzero(self._rs[: self._n] == r)
        scores = self._scores[self._peers]
        self._beaten = (np.sign(scores[:, None] - scores) + 1).sum(1)
        self._room(self._n, len(self._peers))
        for column, j in enumerate(self._peers.tolist()):
            self._near[: self._n, column] = self._nearness(j)

    def _room(self, n: int, m: int) -> None:
        """For trial n, the m-th of its replicate."""
        if n == len(self._scores):
            for name in ("_positions", "_rs", "_scores", "_shares", "_above", "_weights", "_near"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
        while m >= self._near.shape[1]:
            self._near = np.concatenate([self._near, np.zeros_like(self._near)], 1)

    def _nearness(self, j: int) -> np.ndarray:
        """int[n]: w of every trial told and trial j."""
        apart = abs(self._positions[: self._n] - self._positions[j])
        return np.maximum(self._smooth - np.minimum(apart, self._far) @ self._units, 0)


KEPT = 128  # chains whose ranks are gone on with
_kept: OrderedDict[tuple, Ranks] = OrderedDict()


def best_on_host(
    axes: Sequence[Axis],
    units: Sequence[int],
    smooth: int,
    positions: np.ndarray,
    rs: np.ndarray,
    scores: np.ndarray,
) -> int:
    """`best` of these trials, all of them told: int32[n, d], int32[n], int32[n].

    Where all but the last were asked about before, only the last is new.
    """

    def key(n: int) -> tuple:
        told = (positions[:n].tobytes(), rs[:n].tobytes(), scores[:n].tobytes())
        return tuple(axes), tuple(units), smooth, told

    n = len(scores)
    if (whole := key(n)) not in _kept:
        ranks, known = _kept.pop(key(n - 1), None), n - 1
        if ranks is None:
            ranks, known = Ranks(axes, units, smooth), 0
        for j in range(known, n):
            ranks.add(positions[j], int(rs[j]), int(scores[j]))
        _kept[whole] = ranks
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return _kept[whole].best
