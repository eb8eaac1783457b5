"""ThreeWay: the poster's moves, with a step that shrinks, and trials compared in pairs.

One axis at a time has its turn. From the best position so far, `at`, a draw u picks the axis' move
c under its masses p, as in Algorithm 1: on an ordered axis h positions up or down, on an unordered
one another choice. All mass is on the moves that are *open*, in equal parts.

The trial is compared with the one at `at` under the same replicate r (with paired keys: the same
seed). Not worse: `at` is where it was, and on an ordered axis only the direction that was moved in
stays open. Worse: that move is shut. A choice that was tried is shut, and so is a side that a bound
cuts off. When all moves are shut the axis is exhausted: they open again, h is halved, and the next
axis has its turn. When every axis in a row was exhausted at its least step without a move, all that
is left is keep: the next replicate begins, with the first steps and the first axis.

The first trial is at the start. If that is far from the middle of some ordered axes, the second is
at their middles. What is recommended follows from all scores, see `recommend`. docs/three_way.md
says what each part brought.
"""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar, NamedTuple

import numpy as np

from jaxmeta.score import DIVERGED
from jaxmeta.space import Space
from jaxmeta.space.axis import whole
from jaxmeta.space.ranges import Range
from jaxmeta.tuning import both, kernel, moves
from jaxmeta.tuning.both import Array, ArrayLike, either, xp
from jaxmeta.tuning.moves import DOWN, ONE, UP
from jaxmeta.tuning.options import put, truth


class State(NamedTuple):
    i: Array  # trials told
    at: Array  # int32[d], the position that moves start from
    turn: Array  # the axis whose turn it is
    idle: Array  # axes in a row that were exhausted at their least steps without a move
    h: Array  # int32[d], the steps, in positions
    p: tuple[Array, ...]  # for each axis the masses of its moves, int32[n] units; 0: shut
    r: Array  # the replicate
    c: Array  # int32[d], the moves asked for last; 0 of an axis that did not move
    position: Array  # int32[d], asked for last
    score_at: Array  # of the trial at `at` under r
    positions: Array  # int32[i_max, d], positions told
    rs: Array  # int32[i_max], replicates told
    scores: Array  # int32[i_max], scores told


class Asked(NamedTuple):
    position: Array
    r: Array
    u: Array  # int32[d], the draws, in units; 0 where none was needed
    c: Array  # int32[d], the moves; 0 of an axis that did not move
    held: Array  # bool[d]: a bound of the axis cut the step short
    h: Array  # int32[d]
    p: tuple[Array, ...]  # the masses that the draws met


class Told(NamedTuple):
    better: Array  # bool: not worse than the trial at the position before the move
    p: tuple[Array, ...]
    best: Array


@dataclass(frozen=True)
class ThreeWay:
    """The tuner of our choice. Every part is an option, for the judge to say what it brings.

    Attributes:
      space: what is tuned; ranges without positions get steps, see `Range.steps`.
      step_max, step_min: the first and the least step, in positions. An axis of n + 1 positions
        takes no more than n / 2 and n / 8, and 1 at least.
      i_max: the number of decisions, from 1 to 1000.
      range_test: after a start that is a first step or more from the middle of an ordered axis, try
        the middle.
      next_replicate: begin anew, with the next replicate, when nothing is left to try; or else go
        on trying at the least steps.
      smooth: width of the kernel of the recommendation, in positions; 0: the best score seen.
    """

    name: ClassVar[str] = "three_way"
    version: ClassVar[int] = 2
    keys: ClassVar[str] = "paired"
    reference: ClassVar[str] = "score_at"
    memory: ClassVar[tuple[str, ...]] = ("positions", "rs", "scores")

    space: Space
    step_max: int = 16
    step_min: int = 2
    i_max: int = 20
    range_test: bool = True
    next_replicate: bool = True
    smooth: int = 6

    def __post_init__(self) -> None:
        put(self, "space", self.space.resolve(Range.steps))
        put(self, "step_max", whole("step_max", self.step_max, 1, 10_000))
        put(self, "step_min", whole("step_min", self.step_min, 1, self.step_max))
        put(self, "i_max", whole("i_max", self.i_max, 1, kernel.MOST))
        put(self, "smooth", whole("smooth", self.smooth, 0, kernel.WIDEST))
        for name in ("range_test", "next_replicate"):
            truth(name, getattr(self, name))

    @property
    def decisions(self) -> int:
        return self.i_max

    def _steps(self, most: int, part: int) -> tuple[int, ...]:
        spans = (high - low for low, high in (axis.bounds for axis in self.space.axes))
        return tuple(min(most, max(1, span // part)) for span in spans)

    @cached_property
    def first_steps(self) -> tuple[int, ...]:
        """The step that each axis begins with; unordered ones have no use for it."""
        return self._steps(self.step_max, 2)

    @cached_property
    def least_steps(self) -> tuple[int, ...]:
        """The step at which each axis gives up."""
        return self._steps(self.step_min, 8)

    @cached_property
    def _jumps(self) -> tuple[int, ...]:
        """From the start to each axis' middle; 0 where that is near, or is not to be tried."""
        far = [
            (sum(axis.bounds) // 2 - axis.first) * (axis.ordered and self.range_test)
            for axis in self.space.axes
        ]
        return tuple(k if abs(k) >= h else 0 for k, h in zip(far, self.first_steps, strict=True))

    def init(self) -> State:
        zero, start = xp.int32(0), np.array(self.space.start, np.int32)
        return State(
            i=zero,
            at=start,
            turn=zero,
            idle=zero,
            h=np.array(self.first_steps, np.int32),
            p=tuple(moves.equal(moves.sides(axis, axis.first)) for axis in self.space.axes),
            r=zero,
            c=xp.zeros_like(start),
            position=start,
            score_at=zero,
            positions=np.zeros((self.i_max, self.space.d), np.int32),
            rs=np.zeros(self.i_max, np.int32),
            scores=np.zeros(self.i_max, np.int32),
        )

    def _kept(self, at: Array) -> Array:
        """int32[d]: for each axis the move that stays at its position."""
        return xp.array([moves.kept(axis, at[a]) for a, axis in enumerate(self.space.axes)])

    def ask(self, key: Array, state: State) -> tuple[State, Asked]:
        return self.move(moves.draws(key, self._moving(state)), state)

    def _jump(self, state: State) -> Array:
        """bool: the trial after the start, which is at the middle."""
        return (state.i == 1) & any(self._jumps)

    def _moving(self, state: State) -> Array:
        """bool[d]: the axis whose turn it is."""
        return (state.i > 0) & ~self._jump(state) & (state.turn == np.arange(self.space.d))

    def move(self, u: Array, state: State) -> tuple[State, Asked]:
        """`ask` with its draws `u` (int32[d] units) given."""
        moving = self._moving(state)
        u = xp.where(moving, u, 0)

        def step() -> tuple[Array, ...]:
            c = xp.array([moves.drawn(moving[a], u[a], p) for a, p in enumerate(state.p)])
            axes = enumerate(self.space.axes)
            went = [moves.go(axis, state.at[a], c[a], state.h[a]) for a, axis in axes]
            position, held = (xp.array(x) for x in zip(*went, strict=True))
            return position, held, c

        def jump() -> tuple[Array, ...]:
            by = np.array(self._jumps, np.int32)
            c = np.where(by > 0, UP, np.where(by < 0, DOWN, 0))
            return state.at + by, np.zeros(self.space.d, bool), c

        position, held, c = either(self._jump(state), jump, step)
        r = state.r + (moving & (c == self._kept(state.at))).any()
        asked = Asked(position, r, u, c, held, state.h, state.p)
        return state._replace(position=position, r=r, c=c), asked

    def _tried(self, state: State) -> Array:
        """bool: the trial is at another position than `at`."""
        return ((state.c != 0) & (state.c != self._kept(state.at))).any()

    def outcome(self, state: State, score: ArrayLike) -> Array:
        """int32: 0 if the trial did worse than the one that it moved away from, else 1.

        A trial that diverged is worse than any other, and than another that diverged, unless it is
        at lower positions alone: then the walk comes down from a cliff.
        """
        score = xp.asarray(score)

        def level() -> Array:
            ordered = np.array([axis.ordered for axis in self.space.axes])
            lower = (state.position <= state.at) & (ordered | (state.position == state.at))
            return (score != DIVERGED) | lower.all()

        equal = either(score == state.score_at, level, lambda: np.bool_(False))
        return (~self._tried(state) | (score > state.score_at) | equal).astype(np.int32)

    def refer(self, state: State, outcome: ArrayLike, score: ArrayLike) -> Array:
        return xp.where(xp.asarray(outcome) == 1, score, state.score_at).astype(np.int32)

    def suppose(self, state: State, outcome: ArrayLike) -> State:
        """`tell` when this is all that is known: all of it that a later `ask` or `done` notices."""
        tried = self._tried(state)
        moved = tried & (xp.asarray(outcome) == 1)
        at = xp.where(moved | (state.i == 0), state.position, state.at)
        # The start, the middle, or the first trial of a replicate: every side is open.
        fresh = ~tried | (moved & self._jump(state))
        turn = xp.where(fresh, 0, state.turn)
        each = range(self.space.d)
        here = turn == np.array(each)
        idle = xp.where(fresh | moved, 0, state.idle)

        def left(a: int) -> Array:
            """bool[n]: the moves of axis a that are open; of another axis those that were."""
            some = partial(self._left, a, state, at[a], moved)
            return either(here[a], some, lambda: state.p[a] > 0)

        open_ = list(map(left, each))
        exhausted = ~fresh & ~xp.array([some.any() for some in open_]).all()

        def leave() -> tuple[Array, ...]:
            """Half the step, and the next axis has its turn; or the next replicate begins."""
            first, least = (np.array(h, np.int32) for h in (self.first_steps, self.least_steps))
            at_least = (here & (state.h <= least)).any()
            in_vain = xp.minimum(xp.where(at_least, idle + 1, 0), self.space.d)
            again = (in_vain == self.space.d) & self.next_replicate
            h = xp.where(here, xp.maximum(state.h // 2, least), state.h)
            following = xp.where(again, turn, (turn + 1) % self.space.d)
            return in_vain, again, xp.where(again, first, h), following

        idle, again, h, turn = either(
            exhausted, leave, lambda: (idle, np.bool_(False), state.h, turn)
        )

        def opened(a: int) -> Array:
            return moves.equal(moves.sides(self.space.axes[a], at[a]))

        def keep(a: int) -> Array:
            axis = self.space.axes[a]
            return xp.where(moves.each(axis) == moves.kept(axis, at[a]), ONE, 0)

        def mine(a: int) -> Array:
            some = partial(either, exhausted, partial(opened, a), lambda: moves.equal(open_[a]))
            return either(again, partial(keep, a), some)

        def masses(a: int) -> Array:
            same = partial(either, here[a], partial(mine, a), lambda: state.p[a])
            return either(fresh, partial(opened, a), same)

        p = tuple(map(masses, each))
        return state._replace(i=state.i + 1, at=at, turn=turn, idle=idle, h=h, p=p)

    def _left(self, a: int, state: State, at: Array, moved: Array) -> Array:
        """bool[n]: the moves of axis a that are open after the trial, now that it is at `at`."""
        axis, c = self.space.axes[a], state.c[a]
        each = moves.each(axis)
        left = (state.p[a] > 0) & (each != c)
        if axis.ordered:
            left = xp.where(moved, each == c, left)
        return left & moves.sides(axis, at)

    def tell(self, state: State, score: ArrayLike) -> tuple[State, Told]:
        score, i = xp.asarray(score, np.int32), state.i
        outcome = self.outcome(state, score)
        told = self.suppose(state, outcome)._replace(
            score_at=self.refer(state, outcome, score),
            positions=both.put(state.positions, i, state.position),
            rs=both.put(state.rs, i, state.r),
            scores=both.put(state.scores, i, score),
        )
        return told, Told(outcome == 1, told.p, self.recommend(told))

    def done(self, state: State) -> Array:
        return state.i >= self.i_max

    def recommend(self, state: State) -> Array:
        """The position of the trial with the highest smoothed rank, see `kernel.best`."""
        if both.on_host(state.i, state.scores):
            n, told = int(state.i), (state.positions, state.rs, state.scores)
            known = (np.asarray(x)[:n] for x in told)
            which = kernel.best_on_host(self.space.axes, self._units, self.smooth, *known)
            return state.positions[which]
        apart = kernel.apart(self.space.axes, state.positions, self._units, self.smooth)
        which = kernel.best(state.i, state.rs, state.scores, apart, self.smooth)
        return xp.take(state.positions, which, axis=0)

    @cached_property
    def _units(self) -> tuple[int, ...]:
        """What a position counts on each axis: more where the axis has few of them."""
        return tuple(self.step_max // h for h in self.first_steps)
