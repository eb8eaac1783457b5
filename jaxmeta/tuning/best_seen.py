"""What tuners share that stand for the best score seen: the first of equals."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxmeta.score import DIVERGED
from jaxmeta.space import Space
from jaxmeta.tuning.protocol import State as AnyState


class State(NamedTuple):
    i: jax.Array  # trials told
    position: jax.Array  # int32[d], asked for last
    score: jax.Array  # the best one so far
    best: jax.Array  # int32[d], where it was seen first


class Asked(NamedTuple):
    position: jax.Array


class Told(NamedTuple):
    best: jax.Array


class BestSeen:
    """`tell`, `done` and `recommend` for a state that has the fields of `State`."""

    space: Space

    @property
    def decisions(self) -> int:
        return self.i_max  # pyright: ignore[reportAttributeAccessIssue]: a field or a property

    def init(self) -> Any:
        start = jnp.array(self.space.start, jnp.int32)
        return State(jnp.int32(0), start, jnp.int32(DIVERGED), start)

    def tell(self, state: AnyState, score: ArrayLike) -> tuple[AnyState, Told]:
        score = jnp.asarray(score, jnp.int32)
        better = (state.i == 0) | (score > state.score)
        best = jnp.where(better, state.position, state.best)
        score = jnp.maximum(score, state.score)
        return state._replace(i=state.i + 1, score=score, best=best), Told(best)

    def done(self, state: AnyState) -> jax.Array:
        return state.i >= self.decisions

    def recommend(self, state: AnyState) -> jax.Array:
        return state.best


class Deaf(BestSeen):
    """Asks for the same trials whatever their scores are, so their one future can be foreseen."""

    reference: ClassVar[str] = "score"

    def outcome(self, state: State, score: ArrayLike) -> jax.Array:
        return jnp.int32(1)

    def refer(self, state: State, outcome: ArrayLike, score: ArrayLike) -> jax.Array:
        return state.score

    def suppose(self, state: State, outcome: ArrayLike) -> State:
        return state._replace(i=state.i + 1)
