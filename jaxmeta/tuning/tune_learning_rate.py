"""TuneLearningRate: the poster's Algorithm 2, one training at a time.

Source: Verucchi, Franchini, Spallanzani, Bertogna, Zanni, "A meta-learning approach to tune
hyperparameters in Neural Networks" (poster, University of Modena). `ask` is lines 5 and 18, `tell`
lines 7 to 16 and 19 to 20, `done` is line 6. The training of λ0 (line 3) is i = 0, and its score
is the first acc_old. Where the poster is silent (borders of the simplex and of λ, λ_best before any
success, every default below) the choices are ours and stand in the README.
"""

from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxmeta.tuning import moves
from jaxmeta.tuning.lattice import Lattice


class State(NamedTuple):
    i: (
        jax.Array
    )  # the iteration whose training is asked for next, or was asked for and not yet told
    k: jax.Array  # λ_i is λ(k)
    c: jax.Array  # the move that led to λ_i; 0 for λ0
    p: jax.Array  # (p1, p2, p3), int32[3] units
    acc_old: jax.Array  # the score of the training before
    noprog: jax.Array  # trainings in a row that were worse than the one before
    k_best: jax.Array  # λ_best is λ(k_best)


class Asked(NamedTuple):
    k: jax.Array  # position of λ_i
    u: jax.Array  # the draw, in units; 0 for λ0, which needs none
    c: jax.Array  # the move; 0 for λ0
    held: jax.Array  # bool: the move would have left the bounds of λ and was not taken
    p: jax.Array  # the masses that the draw met


class Told(NamedTuple):
    better: jax.Array  # bool: acc_new >= acc_old; true for λ0
    p: jax.Array  # the masses after the update
    noprog: jax.Array
    k_best: jax.Array


@dataclass(frozen=True)
class TuneLearningRate:
    """The three-way walk over a lattice of learning rates.

    Attributes:
      lattice: positions and their learning rates.
      p_eps: p_ε in (0, 1], how far a success or a failure moves the chosen probability.
      p_min: floor under each probability, in [0, 1/3]; 0 is the poster.
      i_max: at most this many trainings run.
      noprog_max: stop after this many trainings in a row that were worse than the one before.
    """

    name: ClassVar[str] = "tune_learning_rate"
    version: ClassVar[int] = 1
    keys: ClassVar[str] = "independent"
    reference: ClassVar[str] = "acc_old"

    lattice: Lattice = field(default_factory=lambda: Lattice(lr0=1e-4, eps=5e-5))
    p_eps: float = 0.1
    p_min: float = 0.0
    i_max: int = 100
    noprog_max: int = 10

    def __post_init__(self) -> None:
        if not (self.p_eps <= 1 and moves.units(self.p_eps) > 0):
            raise ValueError(f"p_eps must be above 0 and at most 1, got {self.p_eps}; try 0.1")
        if not 0 <= self.p_min <= 1 / 3:
            raise ValueError(f"p_min must be from 0 to 1/3, got {self.p_min}; 0 is the poster's")
        for name in ("i_max", "noprog_max"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}; raise it")

    @property
    def trainings(self) -> int:
        return self.i_max

    @property
    def bounds(self) -> tuple[int, int]:
        return self.lattice.bounds

    def init(self) -> State:
        zero = jnp.int32(0)
        return State(zero, zero, zero, moves.thirds(), zero, zero, zero)

    def ask(self, key: jax.Array, state: State) -> tuple[State, Asked]:
        return self.move(moves.draw(key), state)

    def move(self, u: ArrayLike, state: State) -> tuple[State, Asked]:
        """`ask` with its draw `u` (int32 units) given."""
        first = state.i == 0
        u = jnp.where(first, 0, u)
        c = jnp.where(first, 0, moves.adjust(u, state.p))
        low, high = self.lattice.bounds
        wanted = jnp.where(first, state.k, state.k + moves.step(c))
        k = jnp.clip(wanted, low, high)
        return state._replace(k=k, c=c), Asked(k, u, c, k != wanted, state.p)

    def tell(self, state: State, score: ArrayLike) -> tuple[State, Told]:
        score = jnp.asarray(score, jnp.int32)
        outcome = self.outcome(state, score)
        better = outcome == 1
        acc_old = self.refer(state, outcome, score)
        k_best = jnp.where(better, state.k, state.k_best)
        state = self.suppose(state, outcome)._replace(acc_old=acc_old, k_best=k_best)
        return state, Told(better, state.p, state.noprog, state.k_best)

    def outcome(self, state: State, score: ArrayLike) -> jax.Array:
        """Line 8; the training of λ0 has none before it."""
        return ((state.i == 0) | (score >= state.acc_old)).astype(jnp.int32)

    def refer(self, state: State, outcome: ArrayLike, score: ArrayLike) -> jax.Array:
        """Line 19."""
        return jnp.asarray(score, jnp.int32)

    def suppose(self, state: State, outcome: ArrayLike) -> State:
        """Lines 9, 10, 12 and 14 to 16: all of `tell` that a later `ask` or `done` can notice."""
        better = jnp.asarray(outcome) == 1
        learned = moves.update(
            state.p, state.c, better, moves.units(self.p_eps), moves.units(self.p_min)
        )
        return state._replace(
            i=state.i + 1,
            p=jnp.where(state.i == 0, state.p, learned),
            noprog=jnp.where(better, 0, state.noprog + 1),
        )

    def done(self, state: State) -> jax.Array:
        return (state.i >= self.i_max) | (state.noprog >= self.noprog_max)

    def recommend(self, state: State) -> jax.Array:
        return state.k_best

    def values(self, k: int) -> dict[str, float]:
        return {"learning_rate": self.lattice(k)}
