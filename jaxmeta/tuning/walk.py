"""A tuner and the keys it draws from, walked one decision at a time on the host, by NumPy."""

from typing import Any

import numpy as np

from jaxmeta import keys
from jaxmeta.trial import Suggestion
from jaxmeta.tuning.both import int32
from jaxmeta.tuning.protocol import Tuner


class Walk:
    """The decisions of a chain: a function of its tuner, its keys and the scores told so far.

    Attributes:
      root: the key of its draws and of its trials, on the host.
      state: the tuner's, in NumPy's arrays.
      asked: the same after `ask`.
      i: how many scores were told.
      done: whether the tuner wants no further trial.
    """

    def __init__(self, tuner: Tuner, seed: int, chain: int = 0) -> None:
        self.tuner = tuner
        self.root: keys.Words = keys.chain(keys.words(seed), chain)
        self.go_on(tuner.init(), 0)

    def go_on(self, state: Any, i: int) -> None:
        """Be at the state before decision i."""
        state = int32(state)
        self.state, self.i, self.done = state, i, bool(self.tuner.done(state))
        self._suggestion: Suggestion | None = None

    @property
    def recommended(self) -> tuple[int, ...]:
        """The position that the tuner stands for; defined after the first `tell`."""
        return tuple(np.asarray(self.tuner.recommend(self.state)).tolist())

    def ask(self) -> Suggestion:
        """The trial of iteration i; asking twice gives the same answer."""
        if self._suggestion is None:
            key = keys.derive(self.root, "adjust", self.i)
            state, asked = self.tuner.ask(key, self.state)
            self.asked = int32(state)
            position = tuple(np.asarray(asked.position).tolist())
            r = int(getattr(asked, "r", 0))
            values = self.tuner.space.values(position)
            self._suggestion = Suggestion(self.i, position, r, values, as_json(asked))
        return self._suggestion

    def tell(self, score: int) -> dict[str, Any]:
        """Learn the score of the trial asked for last; what the tuner made of it, as JSON."""
        self.ask()
        state, told = self.tuner.tell(self.asked, np.int32(score))
        self.go_on(state, self.i + 1)
        return as_json(told)


def as_json(info: Any) -> Any:
    """A NamedTuple of arrays, or of tuples of arrays, as plain numbers, truths and lists."""
    if hasattr(info, "_asdict"):
        return {name: as_json(value) for name, value in info._asdict().items()}
    if isinstance(info, tuple):
        return [as_json(value) for value in info]
    return np.asarray(info).tolist()
