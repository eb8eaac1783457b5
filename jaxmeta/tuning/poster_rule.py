"""The poster's Algorithm 2 on any hyperparameters, one trial at a time.

Source: Verucchi, Franchini, Spallanzani, Bertogna, Zanni, "A meta-learning approach to tune
hyperparameters in Neural Networks" (poster, University of Modena), where it tunes one number, λ,
and is meant for any hyperparameter. `ask` is lines 5 and 18, `tell` lines 7 to 16 and 19 to 20,
`done` is line 6. The trial of λ0 (line 3) is i = 0, and its score is the first acc_old.

Where the poster is silent (unordered axes, several axes, borders of the simplex and of an axis, a
trial that diverged, λ_best before any success, every default below) the choices are ours and stand
in docs/poster.md.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from jaxmeta.score import DIVERGED
from jaxmeta.space import Space
from jaxmeta.space.axis import whole
from jaxmeta.space.ranges import Range
from jaxmeta.tuning import moves
from jaxmeta.tuning.both import Array, ArrayLike, either, xp
from jaxmeta.tuning.options import MOST, probability, put

WAYS = ("in_turn", "all")


class State(NamedTuple):
    i: Array  # the iteration whose trial is asked for next, or was asked for and not yet told
    position: Array  # of λ_i, int32[d]
    c: Array  # int32[d], the move of each axis that led to λ_i; 0 of one that did not move
    p: tuple[Array, ...]  # for each axis the masses of its moves, int32[n] units
    acc_old: Array  # the score of the trial before
    noprog: Array  # trials in a row that were worse than the one before
    best: Array  # int32[d], the position of λ_best


class Asked(NamedTuple):
    position: Array  # of λ_i, int32[d]
    u: Array  # int32[d], each axis' draw, in units; 0 where none was needed
    c: Array  # int32[d], the moves; 0 of an axis that did not move
    held: Array  # bool[d]: the move would have left the axis and was not taken
    p: tuple[Array, ...]  # the masses that the draws met


class Told(NamedTuple):
    better: Array  # bool: acc_new >= acc_old and not diverged; true for λ0
    p: tuple[Array, ...]  # the masses after the update
    noprog: Array
    best: Array


@dataclass(frozen=True)
class PosterRule:
    """The poster's walk over a space.

    Attributes:
      space: what is tuned; ranges without positions get steps, see `Range.steps`.
      p_eps: p_ε in (0, 1], how far a success or a failure moves the chosen probability.
      p_min: floor under each probability, at most one over the moves of any axis; 0 is the poster.
      i_max: at most this many decisions, from 1 to 10**6.
      noprog_max: stop after this many trials in a row that were worse than the one before.
      axes: "in_turn": iteration i moves axis (i - 1) mod d alone; "all": every iteration moves all.
    """

    name: ClassVar[str] = "poster"
    version: ClassVar[int] = 1
    keys: ClassVar[str] = "independent"
    reference: ClassVar[str] = "acc_old"

    space: Space
    p_eps: float = 0.1
    p_min: float = 0.0
    i_max: int = 100
    noprog_max: int = 10
    axes: str = "in_turn"

    def __post_init__(self) -> None:
        put(self, "space", self.space.resolve(Range.steps))
        most = max(map(moves.count, self.space.axes))
        put(self, "p_eps", probability("p_eps", self.p_eps, 1.0))
        put(self, "p_min", probability("p_min", self.p_min, 1 / most))
        if moves.units(self.p_eps) // (most - 1) == 0:
            raise ValueError(f"p_eps must be above 0, got {self.p_eps}; try 0.1")
        for name in ("i_max", "noprog_max"):
            put(self, name, whole(name, getattr(self, name), 1, MOST))
        if self.axes not in WAYS:
            raise ValueError(
                f"axes must be one of {', '.join(WAYS)}, got {self.axes!r:.100}; choose one"
            )

    @property
    def decisions(self) -> int:
        return self.i_max

    def init(self) -> State:
        zero, start = xp.int32(0), np.array(self.space.start, np.int32)
        p = tuple(map(moves.start, self.space.axes))
        return State(zero, start, xp.zeros_like(start), p, zero, zero, start)

    def ask(self, key: Array, state: State) -> tuple[State, Asked]:
        return self.move(moves.draws(key, self._moving(state)), state)

    def _moving(self, state: State) -> Array:
        """bool[d]: the axes that iteration i moves."""
        moving = xp.full(self.space.d, state.i > 0)
        if self.axes == "in_turn":
            moving &= (state.i - 1) % self.space.d == np.arange(self.space.d)
        return moving

    def move(self, u: Array, state: State) -> tuple[State, Asked]:
        """`ask` with its draws `u` (int32[d] units) given."""
        moving, at = self._moving(state), state.position
        u = xp.where(moving, u, 0)
        c = xp.array([moves.drawn(moving[a], u[a], p) for a, p in enumerate(state.p)])
        went = [moves.go(axis, at[a], c[a]) for a, axis in enumerate(self.space.axes)]
        position, held = (xp.array(x) for x in zip(*went, strict=True))
        return state._replace(position=position, c=c), Asked(position, u, c, held, state.p)

    def tell(self, state: State, score: ArrayLike) -> tuple[State, Told]:
        score = xp.asarray(score, np.int32)
        outcome = self.outcome(state, score)
        better = outcome == 1
        acc_old = self.refer(state, outcome, score)
        best = xp.where(better, state.position, state.best)
        state = self.suppose(state, outcome)._replace(acc_old=acc_old, best=best)
        return state, Told(better, state.p, state.noprog, best)

    def outcome(self, state: State, score: ArrayLike) -> Array:
        """Line 8; the trial of λ0 has none before it, and one that diverged is worse than any."""
        as_good = (xp.asarray(score) >= state.acc_old) & (xp.asarray(score) != DIVERGED)
        return ((state.i == 0) | as_good).astype(np.int32)

    def refer(self, state: State, outcome: ArrayLike, score: ArrayLike) -> Array:
        """Line 19."""
        return xp.asarray(score, np.int32)

    def suppose(self, state: State, outcome: ArrayLike) -> State:
        """Lines 9, 10, 12 and 14 to 16: all of `tell` that a later `ask` or `done` can notice."""
        better = xp.asarray(outcome) == 1
        by, floor = moves.units(self.p_eps), moves.units(self.p_min)
        p = tuple(
            either(c == 0, lambda p=p: p, lambda p=p, c=c: moves.update(p, c, better, by, floor))
            for p, c in zip(state.p, state.c, strict=True)
        )
        return state._replace(i=state.i + 1, p=p, noprog=xp.where(better, 0, state.noprog + 1))

    def done(self, state: State) -> Array:
        return (state.i >= self.i_max) | (state.noprog >= self.noprog_max)

    def recommend(self, state: State) -> Array:
        return state.best
