"""A tuner and the keys it draws from, walked one training at a time on the host."""

from typing import Any, NamedTuple

import jax
import numpy as np

from jaxmeta import keys
from jaxmeta.tuning.protocol import Tuner


class Wanted(NamedTuple):
    """The next training."""

    i: int  # its index, from 0
    k: int  # its position
    values: dict[str, float]  # its hyperparameters, float32 values
    asked: dict[str, Any]  # what the tuner says of the choice, as JSON


class Walk:
    """The decisions of a study: a function of its tuner, its seed and the scores told so far."""

    def __init__(self, tuner: Tuner, seed: int) -> None:
        self.tuner = tuner
        self._root = keys.root(seed)
        self._ask = jax.jit(lambda i, state: tuner.ask(keys.derive(self._root, "adjust", i), state))
        self._tell = jax.jit(tuner.tell)
        self._done = jax.jit(tuner.done)
        self.state = self._asked = tuner.init()
        self.i = 0

    @property
    def done(self) -> bool:
        return bool(self._done(self.state))

    def ask(self) -> Wanted:
        """The training of index i; asking twice gives the same answer."""
        self._asked, asked = self._ask(np.uint32(self.i), self.state)
        k = int(asked.k)
        return Wanted(self.i, k, self.tuner.values(k), as_json(asked))

    def tell(self, score: int) -> dict[str, Any]:
        """Learn the score of the training asked for last; what the tuner made of it, as JSON."""
        self.state, told = self._tell(self._asked, np.int32(score))
        self.i += 1
        return as_json(told)

    def training_key(self, i: int) -> jax.Array:
        """The key of training i ("independent" keys: it depends on i alone)."""
        return keys.derive(self._root, "train", i, 0)


def as_json(info: NamedTuple) -> dict[str, Any]:
    """A NamedTuple of int32 and bool arrays as plain numbers, truths and lists."""
    return {name: np.asarray(value).tolist() for name, value in info._asdict().items()}
