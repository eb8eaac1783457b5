"""Random search: every learning rate drawn anew, evenly in log λ, whatever came before.

Source: Bergstra, Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13 (2012).
"""

from dataclasses import dataclass
from decimal import Context, Decimal
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxmeta.tuning.lattice import positive, to_float32

_EXACT = Context(prec=60)
BITS = 10
POINTS = 1 << BITS  # a power of two, so that random bits draw each point equally often


class State(NamedTuple):
    i: jax.Array  # trainings told
    k: jax.Array  # the position asked for last
    best: jax.Array  # the best score so far
    k_best: jax.Array  # where it was seen first


class Asked(NamedTuple):
    k: jax.Array


class Told(NamedTuple):
    k_best: jax.Array


@dataclass(frozen=True)
class Random:
    """`i_max` learning rates drawn from 1024 between lr_min and lr_max, in equal ratios.

    Attributes:
      lr_min, lr_max: the lowest and the highest learning rate, 0 < lr_min < lr_max.
      i_max: the number of trainings, at least 1.
    """

    name: ClassVar[str] = "random"
    version: ClassVar[int] = 1
    keys: ClassVar[str] = "independent"
    reference: ClassVar[str] = "best"

    lr_min: float = 1e-5
    lr_max: float = 1.0
    i_max: int = 20

    def __post_init__(self) -> None:
        if not positive("lr_min", self.lr_min) < positive("lr_max", self.lr_max):
            raise ValueError(
                f"lr_min must be below lr_max, got {self.lr_min} and {self.lr_max}; swap them"
            )
        if self.i_max < 1:
            raise ValueError(f"i_max must be at least 1, got {self.i_max}; raise it")

    @property
    def trainings(self) -> int:
        return self.i_max

    @property
    def bounds(self) -> tuple[int, int]:
        return 0, POINTS - 1

    def init(self) -> State:
        zero = jnp.int32(0)
        return State(zero, zero, jnp.int32(jnp.iinfo(jnp.int32).min), zero)

    def ask(self, key: jax.Array, state: State) -> tuple[State, Asked]:
        k = (jax.random.bits(key, (), jnp.uint32) >> (32 - BITS)).astype(jnp.int32)
        return state._replace(k=k), Asked(k)

    def tell(self, state: State, score: ArrayLike) -> tuple[State, Told]:
        score = jnp.asarray(score, jnp.int32)
        better = (state.i == 0) | (score > state.best)
        k_best = jnp.where(better, state.k, state.k_best)
        state = State(state.i + 1, state.k, jnp.maximum(score, state.best), k_best)
        return state, Told(k_best)

    def outcome(self, state: State, score: ArrayLike) -> jax.Array:
        return jnp.int32(1)  # whatever comes, the next draw is another

    def refer(self, state: State, outcome: ArrayLike, score: ArrayLike) -> jax.Array:
        return state.best

    def suppose(self, state: State, outcome: ArrayLike) -> State:
        return state._replace(i=state.i + 1)

    def done(self, state: State) -> jax.Array:
        return state.i >= self.i_max

    def recommend(self, state: State) -> jax.Array:
        return state.k_best

    def values(self, k: int) -> dict[str, float]:
        low, high = Decimal(repr(float(self.lr_min))), Decimal(repr(float(self.lr_max)))
        ratio = _EXACT.power(_EXACT.divide(high, low), _EXACT.divide(k, POINTS - 1))
        return {"learning_rate": to_float32(_EXACT.multiply(low, ratio))}
