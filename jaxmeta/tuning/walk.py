"""A tuner and the keys it draws from, walked one decision at a time on the host."""

from functools import partial
from typing import Any

import jax
import numpy as np

from jaxmeta import keys
from jaxmeta.trial import Suggestion
from jaxmeta.tuning.protocol import Info, State, Tuner


# Compiled once for all walks of equal tuners, whatever their seeds.
@partial(jax.jit, static_argnames="tuner")
def _ask(tuner: Tuner, root: jax.Array, i: jax.Array, state: State) -> tuple[State, Info]:
    return tuner.ask(keys.derive(root, "adjust", i), state)


@partial(jax.jit, static_argnames="tuner")
def _tell(tuner: Tuner, state: State, score: jax.Array) -> tuple[State, Info]:
    return tuner.tell(state, score)


@partial(jax.jit, static_argnames="tuner")
def _done(tuner: Tuner, state: State) -> jax.Array:
    return tuner.done(state)


@partial(jax.jit, static_argnames="tuner")
def _recommend(tuner: Tuner, state: State) -> jax.Array:
    return tuner.recommend(state)


class Walk:
    """The decisions of a chain: a function of its tuner, its keys and the scores told so far."""

    def __init__(self, tuner: Tuner, seed: int, chain: int = 0) -> None:
        self.tuner = tuner
        self.root = keys.chain(keys.root(seed), chain)
        self.state = self._asked = tuner.init()
        self.i = 0

    @property
    def done(self) -> bool:
        return bool(_done(self.tuner, self.state))

    @property
    def recommended(self) -> tuple[int, ...]:
        """The position that the tuner stands for; defined after the first `tell`."""
        return tuple(np.asarray(_recommend(self.tuner, self.state)).tolist())

    def ask(self) -> Suggestion:
        """The trial of iteration i; asking twice gives the same answer."""
        self._asked, asked = _ask(self.tuner, self.root, np.uint32(self.i), self.state)
        position = tuple(np.asarray(asked.position).tolist())
        r = int(getattr(asked, "r", 0))
        return Suggestion(self.i, position, r, self.tuner.space.values(position), as_json(asked))

    def tell(self, score: int) -> dict[str, Any]:
        """Learn the score of the trial asked for last; what the tuner made of it, as JSON."""
        self.state, told = _tell(self.tuner, self._asked, np.int32(score))
        self.i += 1
        return as_json(told)


def as_json(info: Any) -> Any:
    """A NamedTuple of arrays, or of tuples of arrays, as plain numbers, truths and lists."""
    if hasattr(info, "_asdict"):
        return {name: as_json(value) for name, value in info._asdict().items()}
    if isinstance(info, tuple):
        return [as_json(value) for value in info]
    return np.asarray(info).tolist()
