"""RankGP: a Gaussian process on the ranks of scores, for several axes, with or without a prior.

A training's target is the square of the share of all trainings so far that it did better than (ties
count half). To the targets a Gaussian process is fitted, in integers (`gaussian`), around a prior
mean that earlier tasks give (`earlier`), or 1/3, the mean of such targets. Of 100 candidates the
one with the largest

    mean + optimism * deviation

is asked for; where it was trained before, under its next replicate. When the position with the
highest mean has fewer than 1 + i / (decisions a replicate) replicates, it is trained again instead.
What is recommended is the position with the largest (its targets' sum + mean) / (replicates + 1).

The first trial is at the start, the second drawn; with a prior the first is the head of its
portfolio, and the second at the start, which costs little and shows a misleading prior early.
docs/which_tuner.md says what each part brings.
"""

from dataclasses import dataclass
from functools import cached_property
from math import erfc, sqrt
from typing import ClassVar, NamedTuple

import numpy as np

from jaxmeta import keys as streams
from jaxmeta.score import DIVERGED
from jaxmeta.space import Space
from jaxmeta.space.axis import whole
from jaxmeta.space.ranges import Range
from jaxmeta.tuning import both, candidates, earlier, gaussian
from jaxmeta.tuning.both import Array, ArrayLike, either, xp
from jaxmeta.tuning.earlier import MEAN, SHARE, Earlier, Evidence
from jaxmeta.tuning.gaussian import ONE
from jaxmeta.tuning.options import put

BASES = 3  # positions that candidates are drawn near
LOW = -(2**30)  # below every mean
TENTH = 10  # 1 over the noise


class State(NamedTuple):
    i: Array  # trials told
    position: Array  # int32[d], asked for last
    r: Array  # its replicate
    positions: Array  # int32[i_max, d], positions told
    first: Array  # int32[i_max], which was the first trial at the same position
    scores: Array  # int32[i_max], scores told
    inverse: Array  # int32[i_max, i_max], M of `gaussian`
    means: Array  # int32[i_max, T], of each earlier task at the positions told
    con: Array  # int32[T], pairs of trials that each puts in the order of their scores
    dis: Array  # int32[T], and the other way
    alpha: Array  # int32[i_max], the weights of the posterior
    mean: Array  # int32[i_max], the posterior at the trials told
    best: Array  # int32[d], recommended
    expected: Array  # mean and deviation that were said of the trial asked for last
    deviation: Array


class Asked(NamedTuple):
    position: Array
    r: Array
    mean: Array  # of the posterior: at the best known position if again, else at the best candidate
    deviation: Array  # at the best candidate; both in units of 1 / 65536
    again: Array  # bool: it is the best known position, under its next replicate


class Told(NamedTuple):
    best: Array
    trust: Array  # int32[T], in each earlier task, in units of 1 / 1024


@dataclass(frozen=True)
class RankGP:
    """The tuner for several axes.

    Attributes:
      space: what is tuned; ranges without positions get steps, see `Range.steps`.
      i_max: the number of decisions, from 1 to 1000.
      drawn: candidates a decision, from 10 to 1000.
      optimism: deviations that are added to the mean, in tenths, from 0 to 100; with a prior two
        thirds of it.
      keep: the best position is trained once more every so many decisions, from 1 to 1000; with a
        prior twice as often.
      length: percent of a range, from 1 to 1000: at this distance, as a mean over all axes, the
        kernel of the study's own trainings is a half.
      trust: how many pairs in its favour a prior is given beforehand, from 1 to 100,000.
      prior: what earlier tasks tell of this space, or None.
    """

    name: ClassVar[str] = "rank_gp"
    version: ClassVar[int] = 2
    keys: ClassVar[str] = "paired"

    space: Space
    i_max: int = 20
    drawn: int = 100
    optimism: int = 9
    keep: int = 20
    length: int = gaussian.LENGTH
    trust: int = 10
    prior: Earlier | None = None

    def __post_init__(self) -> None:
        put(self, "space", self.space.resolve(Range.steps))
        put(self, "i_max", whole("i_max", self.i_max, 1, gaussian.MOST))
        put(self, "drawn", whole("drawn", self.drawn, 10, 1000))
        put(self, "optimism", whole("optimism", self.optimism, 0, 100))
        put(self, "keep", whole("keep", self.keep, 1, gaussian.MOST))
        put(self, "length", whole("length", self.length, 1, 1000))
        put(self, "trust", whole("trust", self.trust, 1, 100_000))
        if self.prior is not None:
            self.prior.check(self.space)

    @property
    def decisions(self) -> int:
        return self.i_max

    @cached_property
    def _evidence(self) -> Evidence | None:
        return Evidence(self.space, self.prior.tasks) if self.prior else None

    @property
    def portfolio(self) -> np.ndarray:
        """int32[P, d]: the positions that the prior would try first; none without one."""
        none = np.zeros((0, self.space.d), np.int32)
        return self._evidence.portfolio if self._evidence else none

    def _kernel(self, one: Array, other: Array) -> Array:
        return gaussian.kernel(self.space.axes, one, other, self.length)

    @property
    def _optimism(self) -> int:
        return self.optimism * 2 // 3 if self.prior else self.optimism

    @property
    def _keep(self) -> int:
        return (self.keep + 1) // 2 if self.prior else self.keep

    def init(self) -> State:
        zero, n, tasks = xp.int32(0), self.i_max, len(self.prior.tasks) if self.prior else 0
        start = np.array(self.space.start, np.int32)
        none, pairs = np.zeros(n, np.int32), np.zeros(tasks, np.int32)
        return State(
            i=zero,
            position=start,
            r=zero,
            positions=np.zeros((n, self.space.d), np.int32),
            first=none,
            scores=none,
            inverse=np.zeros((n, n), np.int32),
            means=np.zeros((n, tasks), np.int32),
            con=pairs,
            dis=pairs,
            alpha=none,
            mean=none,
            best=start,
            expected=zero,
            deviation=zero,
        )

    def ask(self, key: Array, state: State) -> tuple[State, Asked]:
        asked = either(state.i == 0, self._begin, lambda: self._go_on(key, state))
        asked_for = dict(position=asked.position, r=asked.r)
        guess = dict(expected=asked.mean, deviation=asked.deviation)
        return state._replace(**asked_for, **guess), asked

    def _begin(self) -> Asked:
        """The first trial."""
        start = np.array(self.space.start, np.int32)
        zero = xp.int32(0)
        position = self._evidence.portfolio[0] if self._evidence else start
        return Asked(position, zero, zero, zero, np.bool_(False))

    def _go_on(self, key: Array, state: State) -> Asked:
        n = _room(state.i, state.scores)
        told = np.arange(n) < state.i
        known, first = state.positions[:n], state.first[:n]
        new = told & (first == np.arange(n))
        order = xp.argsort(-xp.where(new, state.mean[:n], LOW), stable=True)[:BASES]
        top = order[0]

        bases, distinct = xp.take(known, order, axis=0), xp.minimum(new.sum(), BASES)
        positions = self._candidates(key, bases, distinct.astype(np.int32))
        at = gaussian.coordinates(self.space.axes, positions)
        here = gaussian.coordinates(self.space.axes, known)
        k = xp.where(told[:, None], self._kernel(here, at), 0)
        mean = self._prior_mean(state, at)
        mean = mean + gaussian.product(k.T, state.alpha[:n])
        deviation = gaussian.deviation(state.inverse[:n, :n], k)
        chosen = xp.argmax(mean + self._optimism * deviation // 10)

        again = (told & (first == top)).sum() < 1 + state.i // self._keep
        position = xp.where(again, xp.take(known, top, axis=0), xp.take(positions, chosen, axis=0))
        if self._evidence:  # the second trial is at the start
            start = np.array(self.space.start, np.int32)
            early = (state.i == 1) & (start != state.positions[0]).any()
            position = xp.where(early, start, position)
        r = (told & (known == position[None]).all(1)).sum(dtype=np.int32)
        mean = xp.where(again, xp.take(state.mean[:n], top), xp.take(mean, chosen))
        deviation = xp.take(deviation, chosen)
        return Asked(position, r, mean.astype(np.int32), deviation, again)

    def _candidates(self, key: Array, bases: Array, distinct: Array) -> Array:
        """int32[drawn, d]; `key` is consumed."""
        words = candidates.WORDS + self.space.d
        drawn = streams.many(key, self.drawn * words).reshape(self.drawn, words)
        tenth = self.drawn // 10
        parts = [candidates.anywhere(self.space, drawn[:tenth, candidates.WORDS :])]
        if self._evidence:
            portfolio = self._evidence.portfolio
            parts.append(portfolio[np.arange(tenth) % len(portfolio)])
            tenth *= 2
        parts.append(candidates.near(self.space, bases, distinct, drawn[tenth:]))
        return xp.concatenate(parts)

    def _prior_mean(self, state: State, at: Array) -> Array:
        """int32[n] in units, at coordinates int32[n, d]."""
        if not self._evidence:
            return xp.int32(MEAN)
        trust = earlier.trust(state.con, state.dis, self.trust)
        return earlier.mixed(trust, self._evidence.means(at))

    def tell(self, state: State, score: ArrayLike) -> tuple[State, Told]:
        score, i = xp.asarray(score, np.int32), state.i
        n = _room(i + 1, state.scores)
        told = np.arange(n) <= i
        positions = both.put(state.positions, i, state.position)
        scores = both.put(state.scores, i, score)
        same = told & (positions[:n] == state.position[None]).all(1)
        first = both.put(state.first, i, xp.argmax(same).astype(np.int32))

        at = gaussian.coordinates(self.space.axes, positions[:n])
        here = gaussian.coordinates(self.space.axes, state.position[None])
        k = xp.where(told, self._kernel(here, at)[0], 0)
        row = gaussian.row(state.inverse[:n, :n], k, i)
        inverse = both.put(state.inverse, i, _filled(row, self.i_max))

        target = _targets(scores[:n], told, i + 1)
        trust, means, con, dis = state.con, state.means, state.con, state.dis
        prior = xp.int32(MEAN)
        if self._evidence:
            mine = self._evidence.means(here)[:, 0]
            means = both.put(means, i, mine)
            rose = _sign(score, scores[:n])[None] * _sign(mine[:, None], means[:n].T)
            rose = xp.where(told[None], rose, 0)
            con = con + (rose > 0).sum(1, dtype=np.int32)
            dis = dis + (rose < 0).sum(1, dtype=np.int32)
            trust = earlier.trust(con, dis, self.trust)
            prior = earlier.mixed(trust, means[:n].T)
        alpha = gaussian.weights(inverse[:n, :n], xp.where(told, target - prior, 0))
        # K alpha = target - prior - NOISE alpha, so no kernel is needed.
        mean = xp.where(told, target - alpha // TENTH, 0)

        count = both.sums(first[:n], told.astype(np.int32))
        own = both.sums(first[:n], target)
        value = xp.take(16 * (own + mean) // (count + 1), first[:n])
        which = xp.argmax(xp.where(told & (scores[:n] != DIVERGED), value, LOW))
        best = xp.take(positions, which, axis=0)
        after = state._replace(
            i=i + 1,
            positions=positions,
            first=first,
            scores=scores,
            inverse=inverse,
            means=means,
            con=con,
            dis=dis,
            alpha=_filled(alpha, self.i_max),
            mean=_filled(mean, self.i_max),
            best=best,
        )
        return after, Told(best, trust)

    def guess(self, state: State) -> list[tuple[int, float]]:
        """Whether the trial asked for last reaches the best score, the median, or neither, by the
        posterior; see `likely.Guessing`. On the host, in floats: no decision rests on it."""
        n = int(state.i)
        if n == 0:
            return [(0, 1.0)]
        told = np.sort(state.scores[:n])
        spread = sqrt((int(state.deviation) ** 2 + ONE * gaussian.NOISE) / ONE**2)
        mean = int(state.expected) / ONE
        above = [
            0.5 * erfc((target - mean) / (spread * sqrt(2)))
            for target in ((n / (n + 1)) ** 2, 0.25)  # of the best score, and of the median
        ]
        best = min(int(told[-1]) + 1, 2**31 - 1)
        upper, lower = (int(told[n * part // 4]) for part in (3, 1))
        chances = (above[0], above[1] - above[0], 1 - above[1])
        return list(zip((best, upper, lower), chances, strict=True))

    def done(self, state: State) -> Array:
        return state.i >= self.i_max

    def recommend(self, state: State) -> Array:
        return state.best


def _room(i: Array, all_: Array) -> int:
    """How many trials to look at: those told on the host, else as many as there can be."""
    return int(i) if both.on_host(i) else len(all_)


def _filled(x: Array, n: int) -> Array:
    """`x`, int32[m], with zeros up to n."""
    if len(x) == n:
        return x
    return xp.concatenate([x, np.zeros(n - len(x), np.int32)])


def _sign(a: Array, b: Array) -> Array:
    """int32: 1 where a > b, -1 where a < b, without their difference, which may leave int32."""
    return (a > b).astype(np.int32) - (a < b).astype(np.int32)


def _targets(scores: Array, told: Array, n: Array) -> Array:
    """Of `n` trials told, the square of the share that each did better than; int32 in units."""
    ordered = xp.sort(xp.where(told, scores, 2**31 - 1))
    below = xp.searchsorted(ordered, scores, side="left")
    upto = xp.minimum(xp.searchsorted(ordered, scores, side="right"), n)
    return xp.where(told, earlier.target(SHARE * (below + upto).astype(np.int32) // (2 * n)), 0)
