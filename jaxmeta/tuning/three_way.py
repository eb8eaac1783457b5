"""ThreeWay: the poster's three moves, with a step that shrinks, and trainings compared in pairs.

From the best position so far, `at`, a draw u picks the move c under masses p, as in Algorithm 1:

    c = up     k = at + h        c = keep     k = at        c = down     k = at - h

A side move is compared with the training at `at` under the same replicate r (with paired keys: the
same seed). Not worse: `at` becomes k and p stands by c. Worse: c is shut and p stands by the other
side. When both sides are shut, h is halved and they open again; at the least h, all that is left is
keep: the next replicate begins, with the first h.

The first training is at λ0. If that is far from the middle of the range, the second is there.

What is recommended follows from all scores. With s_j the share of the trainings of replicate r_j
that training j did better than (ties count half), and w(d) = max(0, smooth - |d|),

    value(k) = (sum_j w(k - k_j) s_j + prior / 2) / (sum_j w(k - k_j) + prior)

is highest at the position that is recommended, one that was trained and did not diverge. docs/
three_way.md says what each part brought.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxmeta.score import DIVERGED
from jaxmeta.tuning import moves
from jaxmeta.tuning.lattice import Lattice, middle, positive
from jaxmeta.tuning.moves import DOWN, KEEP, ONE, UP

SHARE = 1 << 10  # one, as a share of trainings; with it and MOST, sums stay within int32
MOST = 1000  # trainings
PRIOR = 4  # trainings of middling rank that every position is given beforehand


class State(NamedTuple):
    i: jax.Array  # trainings told
    at: jax.Array  # the position that moves start from
    h: jax.Array  # the step, in positions
    won: jax.Array  # side moves in a row that were not worse, at most 2; 0 unless `grow`
    p: jax.Array  # (p1, p2, p3), int32[3] units; a side that is shut has p_min
    r: jax.Array  # the replicate
    c: jax.Array  # the move asked for last; 0 for λ0
    k: jax.Array  # its position
    score_at: jax.Array  # of the training at `at` under r
    ks: jax.Array  # int32[i_max], positions told
    rs: jax.Array  # int32[i_max], replicates told
    scores: jax.Array  # int32[i_max], scores told


class Asked(NamedTuple):
    k: jax.Array
    r: jax.Array
    u: jax.Array  # the draw, in units; 0 where none was needed
    c: jax.Array
    held: jax.Array  # bool: a bound of λ cut the step short
    h: jax.Array
    p: jax.Array  # the masses that the draw met


class Told(NamedTuple):
    better: jax.Array  # bool: not worse than the training at the position before the move
    p: jax.Array
    k_best: jax.Array


@dataclass(frozen=True)
class ThreeWay:
    """The tuner of our choice. Every part is an option, for the judge to say what it brings.

    Attributes:
      lr0: λ0, tried first; None: the middle of the range, √(lr_min lr_max).
      lr_min, lr_max: bounds of the learning rate, 0 < lr_min < lr_max.
      eps: neighbouring positions differ by a factor of 1 + eps.
      step_max, step_min: the first and the least step, in positions.
      i_max: at most so many trainings, from 1 to 1000.
      range_test: try the middle of the range after a λ0 that is a first step or more away from it.
      grow: double the step, up to the first, after two moves in a row; brings nothing.
      next_replicate: begin anew, with the next replicate, when nothing is left to try; or else go
        on trying both sides at the least step.
      smooth: width of the kernel of the recommendation, in positions; 0: the best score seen.
      p_min: floor under each probability, in [0, 1/3); above 0 it brings nothing.
    """

    name: ClassVar[str] = "three_way"
    version: ClassVar[int] = 1
    keys: ClassVar[str] = "paired"
    reference: ClassVar[str] = "score_at"

    lr0: float | None = None
    lr_min: float = 1e-5
    lr_max: float = 1.0
    eps: float = 0.1
    step_max: int = 16
    step_min: int = 2
    i_max: int = 20
    range_test: bool = True
    grow: bool = False
    next_replicate: bool = True
    smooth: int = 6
    p_min: float = 0.0

    def __post_init__(self) -> None:
        if not positive("lr_min", self.lr_min) < positive("lr_max", self.lr_max):
            raise ValueError(
                f"lr_min must be below lr_max, got {self.lr_min} and {self.lr_max}; swap them"
            )
        if not 1 <= self.step_min <= self.step_max:
            raise ValueError(
                "steps must be 1 <= step_min <= step_max, got "
                f"{self.step_min} and {self.step_max}; for example 2 and 16"
            )
        if not 1 <= self.i_max <= MOST:
            raise ValueError(f"i_max must be from 1 to {MOST}, got {self.i_max}; change it")
        if not 0 <= self.smooth <= 16:
            raise ValueError(f"smooth must be from 0 to 16 positions, got {self.smooth}; try 6")
        if not 0 <= self.p_min < 1 / 3:
            raise ValueError(f"p_min must be from 0 to below 1/3, got {self.p_min}; 0 is ours")
        _ = self.lattice  # its own complaints, now rather than later

    @cached_property
    def lattice(self) -> Lattice:
        lr0 = middle(self.lr_min, self.lr_max) if self.lr0 is None else self.lr0
        return Lattice(lr0, self.eps, "logarithmic", self.lr_min, self.lr_max)

    @property
    def trainings(self) -> int:
        return self.i_max

    @property
    def bounds(self) -> tuple[int, int]:
        return self.lattice.bounds

    @property
    def _jump(self) -> int:
        """From λ0 to the middle of the range; 0 where that is near, or is not to be tried."""
        far = sum(self.bounds) // 2
        return far if self.range_test and abs(far) >= self.step_max else 0

    def _towards(self, *sides: int) -> jax.Array:
        """All mass that the floor leaves, to equal parts on these moves."""
        floor = moves.units(self.p_min)
        rest = ONE - 3 * floor
        p = [floor + (rest // len(sides) if c in sides else 0) for c in (UP, KEEP, DOWN)]
        return jnp.array(p, jnp.int32).at[sides[0] - UP].add(ONE - sum(p))

    def init(self) -> State:
        zero, none = jnp.int32(0), jnp.zeros(self.i_max, jnp.int32)
        step, open_ = jnp.int32(self.step_max), self._towards(UP, DOWN)
        return State(zero, zero, step, zero, open_, zero, zero, zero, zero, none, none, none)

    def ask(self, key: jax.Array, state: State) -> tuple[State, Asked]:
        return self.move(moves.draw(key), state)

    def move(self, u: ArrayLike, state: State) -> tuple[State, Asked]:
        """`ask` with its draw `u` (int32 units) given."""
        low, high = self.bounds
        c = moves.adjust(u, state.p)
        wanted = state.at + moves.step(c) * state.h
        first, jump = state.i == 0, (state.i == 1) & (self._jump != 0)
        u = jnp.where(first | jump, 0, u)
        c = jnp.where(first, 0, jnp.where(jump, UP if self._jump > 0 else DOWN, c))
        wanted = jnp.where(first, 0, jnp.where(jump, self._jump, wanted))
        k = jnp.clip(wanted, low, high)
        r = state.r + (c == KEEP)
        return state._replace(c=c, k=k, r=r), Asked(k, r, u, c, k != wanted, state.h, state.p)

    def outcome(self, state: State, score: ArrayLike) -> jax.Array:
        """int32: 0 if the side move did worse than the training it left, else 1.

        Of two trainings that diverged the one at the smaller rate did better.
        """
        diverged = (jnp.asarray(score) == DIVERGED) & (state.k > state.at)
        equal = (score == state.score_at) & ~diverged
        aside = (state.c == UP) | (state.c == DOWN)
        return (~aside | (score > state.score_at) | equal).astype(jnp.int32)

    def refer(self, state: State, outcome: ArrayLike, score: ArrayLike) -> jax.Array:
        return jnp.where(jnp.asarray(outcome) == 1, score, state.score_at).astype(jnp.int32)

    def suppose(self, state: State, outcome: ArrayLike) -> State:
        """`tell` when this is all that is known: all of it that a later `ask` or `done` notices."""
        low, high = self.bounds
        floor = moves.units(self.p_min)
        aside = (state.c == UP) | (state.c == DOWN)
        moved = aside & (jnp.asarray(outcome) == 1)
        at = jnp.where(moved | (state.i == 0), state.k, state.at)
        jump = (state.i == 1) & (self._jump != 0)

        shut_up, shut_down = state.p[0] <= floor, state.p[2] <= floor
        # After a move all but its direction is shut; the middle of the range has no direction.
        shut_up = jnp.where(moved, (state.c == DOWN) & ~jump, shut_up | (state.c == UP))
        shut_down = jnp.where(moved, (state.c == UP) & ~jump, shut_down | (state.c == DOWN))
        shut_up, shut_down = shut_up & aside, shut_down & aside  # λ0 and keep open both
        shut_up, shut_down = shut_up | (at == high), shut_down | (at == low)

        won = jnp.where(moved & ~jump & self.grow, jnp.minimum(state.won + 1, 2), 0)
        h = jnp.where(won == 2, jnp.minimum(2 * state.h, self.step_max), state.h)
        shut = shut_up & shut_down
        least = shut & (h <= self.step_min)
        h = jnp.where(shut, jnp.maximum(h // 2, self.step_min), h)
        h = jnp.where(least & self.next_replicate, self.step_max, h)
        both = jnp.where(least & self.next_replicate, self._towards(KEEP), self._towards(UP, DOWN))
        p = jnp.where(shut_up, self._towards(DOWN), self._towards(UP))
        p = jnp.where(shut_up == shut_down, both, p)
        return state._replace(i=state.i + 1, at=at, h=h, won=won, p=p)

    def tell(self, state: State, score: ArrayLike) -> tuple[State, Told]:
        score, i = jnp.asarray(score, jnp.int32), state.i
        outcome = self.outcome(state, score)
        told = self.suppose(state, outcome)._replace(
            score_at=self.refer(state, outcome, score),
            ks=state.ks.at[i].set(state.k),
            rs=state.rs.at[i].set(state.r),
            scores=state.scores.at[i].set(score),
        )
        return told, Told(outcome == 1, told.p, self.recommend(told))

    def done(self, state: State) -> jax.Array:
        return state.i >= self.i_max

    def recommend(self, state: State) -> jax.Array:
        told = jnp.arange(self.i_max) < state.i
        score, r = state.scores, state.rs
        if self.smooth == 0:
            return state.ks[jnp.argmax(jnp.where(told, score, DIVERGED))]
        peers = told[None] & (r[:, None] == r[None])
        beaten = (peers & (score[:, None] > score[None])).sum(1) * 2
        beaten += (peers & (score[:, None] == score[None])).sum(1)
        share = SHARE // 2 * beaten // jnp.maximum(peers.sum(1), 1)
        apart = abs(state.ks[:, None] - state.ks[None])
        near = jnp.where(told[None], jnp.maximum(self.smooth - apart, 0), 0)
        prior = PRIOR * self.smooth
        above = (near * share[None]).sum(1) + prior * SHARE // 2
        # int32[i_max] in units of 1 / (64 SHARE); a training that diverged stands for no position.
        value = 64 * above // (near.sum(1) + prior)
        return state.ks[jnp.argmax(jnp.where(told & (score != DIVERGED), value, -1))]

    def values(self, k: int) -> dict[str, float]:
        return {"learning_rate": self.lattice(k)}
