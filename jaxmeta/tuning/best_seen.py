"""What tuners share that stand for the best score seen: the first of equals."""

from typing import Any, ClassVar, NamedTuple

import numpy as np

from jaxmeta.score import DIVERGED
from jaxmeta.space import Space
from jaxmeta.tuning.both import Array, ArrayLike, xp
from jaxmeta.tuning.protocol import State as AnyState


class State(NamedTuple):
    i: Array  # trials told
    position: Array  # int32[d], asked for last
    score: Array  # the best one so far
    best: Array  # int32[d], where it was seen first


class Asked(NamedTuple):
    position: Array


class Told(NamedTuple):
    best: Array


class BestSeen:
    """`tell`, `done` and `recommend` for a state that has the fields of `State`."""

    space: Space

    @property
    def decisions(self) -> int:
        return self.i_max  # pyright: ignore[reportAttributeAccessIssue]: a field or a property

    def init(self) -> Any:
        start = np.array(self.space.start, np.int32)
        return State(xp.int32(0), start, xp.int32(DIVERGED), start)

    def tell(self, state: AnyState, score: ArrayLike) -> tuple[AnyState, Told]:
        score = xp.asarray(score, np.int32)
        better = (state.i == 0) | (score > state.score)
        best = xp.where(better, state.position, state.best)
        score = xp.maximum(score, state.score)
        return state._replace(i=state.i + 1, score=score, best=best), Told(best)

    def done(self, state: AnyState) -> Array:
        return state.i >= self.decisions

    def recommend(self, state: AnyState) -> Array:
        return state.best


class Deaf(BestSeen):
    """Asks for the same trials whatever their scores are, so their one future can be foreseen."""

    reference: ClassVar[str] = "score"

    def outcome(self, state: State, score: ArrayLike) -> Array:
        return xp.int32(1)

    def refer(self, state: State, outcome: ArrayLike, score: ArrayLike) -> Array:
        return state.score

    def suppose(self, state: State, outcome: ArrayLike) -> State:
        return state._replace(i=state.i + 1)
