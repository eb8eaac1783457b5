"""Grid search, the strategy that the poster calls naive: train on every point, keep the best."""

from dataclasses import dataclass
from decimal import Context, Decimal
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxmeta.tuning.lattice import GEOMETRIES, positive, to_float32

_EXACT = Context(prec=60)


class State(NamedTuple):
    i: jax.Array  # the point whose training is asked for next, or was asked for and not yet told
    best: jax.Array  # the best score so far
    k_best: jax.Array  # where it was seen first


class Asked(NamedTuple):
    k: jax.Array


class Told(NamedTuple):
    k_best: jax.Array


@dataclass(frozen=True)
class Grid:
    """`i_max` learning rates from lr_min to lr_max, evenly spaced in the geometry, in rising order.

    Attributes:
      lr_min, lr_max: the first and the last learning rate, 0 < lr_min < lr_max.
      i_max: the number of points, at least 2.
      geometry: "additive" (equal differences) or "logarithmic" (equal ratios).
    """

    name: ClassVar[str] = "grid"
    version: ClassVar[int] = 1
    keys: ClassVar[str] = "independent"
    reference: ClassVar[str] = "best"

    lr_min: float = 1e-5
    lr_max: float = 1e-1
    i_max: int = 9
    geometry: str = "logarithmic"

    def __post_init__(self) -> None:
        if not positive("lr_min", self.lr_min) < positive("lr_max", self.lr_max):
            raise ValueError(
                f"lr_min must be below lr_max, got {self.lr_min} and {self.lr_max}; swap them"
            )
        if self.geometry not in GEOMETRIES:
            raise ValueError(
                f"geometry must be one of {', '.join(GEOMETRIES)}, got {self.geometry!r}; "
                "choose one"
            )
        if self.i_max < 2:
            raise ValueError(f"i_max must be at least 2 for a grid, got {self.i_max}; raise it")

    @property
    def trainings(self) -> int:
        return self.i_max

    @property
    def bounds(self) -> tuple[int, int]:
        return 0, self.i_max - 1

    def init(self) -> State:
        return State(jnp.int32(0), jnp.int32(jnp.iinfo(jnp.int32).min), jnp.int32(0))

    def ask(self, key: jax.Array, state: State) -> tuple[State, Asked]:
        del key  # a grid draws nothing
        return state, Asked(state.i)

    def tell(self, state: State, score: ArrayLike) -> tuple[State, Told]:
        score = jnp.asarray(score, jnp.int32)
        better = score > state.best
        k_best = jnp.where(better, state.i, state.k_best)
        return State(state.i + 1, jnp.maximum(score, state.best), k_best), Told(k_best)

    def outcome(self, state: State, score: ArrayLike) -> jax.Array:
        return jnp.int32(1)  # a grid asks for the same points, however they do

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
        part = _EXACT.divide(k, self.i_max - 1)
        if self.geometry == "additive":
            return {"learning_rate": to_float32(_EXACT.fma(part, high - low, low))}
        ratio = _EXACT.power(_EXACT.divide(high, low), part)
        return {"learning_rate": to_float32(_EXACT.multiply(low, ratio))}
