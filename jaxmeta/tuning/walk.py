"""A tuner and the keys it draws from, walked one training at a time on the host."""

from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxmeta import keys
from jaxmeta.tuning.protocol import Info, State, Tuner


class Wanted(NamedTuple):
    """The next training."""

    i: int  # its index, from 0
    k: int  # its position
    r: int  # which of its replicates; 0 for a tuner that asks for none
    values: dict[str, float]  # its hyperparameters, float32 values
    asked: dict[str, Any]  # what the tuner says of the choice, as JSON


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


class Walk:
    """The decisions of a chain: a function of its tuner, its keys and the scores told so far."""

    def __init__(self, tuner: Tuner, seed: int, chain: int = 0) -> None:
        self.tuner = tuner
        self.root = keys.chain(keys.root(seed), chain)
        self.state = self._asked = tuner.init()
        self.i = 0
        self._done: tuple[State, bool] | None = None

    @property
    def done(self) -> bool:
        if self._done is None or self._done[0] is not self.state:  # asked often, of many walks
            self._done = self.state, bool(_done(self.tuner, self.state))
        return self._done[1]

    def ask(self) -> Wanted:
        """The training of index i; asking twice gives the same answer."""
        self._asked, asked = _ask(self.tuner, self.root, np.uint32(self.i), self.state)
        k, r = int(asked.k), int(getattr(asked, "r", 0))
        return Wanted(self.i, k, r, self.tuner.values(k), as_json(asked))

    def tell(self, score: int) -> dict[str, Any]:
        """Learn the score of the training asked for last; what the tuner made of it, as JSON."""
        self.state, told = _tell(self.tuner, self._asked, np.int32(score))
        self.i += 1
        return as_json(told)


def as_json(info: NamedTuple) -> dict[str, Any]:
    """A NamedTuple of int32 and bool arrays as plain numbers, truths and lists."""
    return {name: np.asarray(value).tolist() for name, value in info._asdict().items()}
