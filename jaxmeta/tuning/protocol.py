"""What every tuner is: `init`, `ask` and `tell` on a small immutable state.

A tuner knows no network, no data and no disk. Its three functions are pure, jit-able and
vmap-able; all that they carry, draw and decide is int32, so that every decision of a study can be
computed again, exactly, from its seed and its scores.
"""

from typing import Any, ClassVar, Protocol, runtime_checkable

import jax
from jax.typing import ArrayLike

State = Any  # a NamedTuple of int32 arrays, fixed in shape
Info = Any  # a NamedTuple of int32 and bool arrays: what the record says of a step


class Tuner(Protocol):
    """Who chooses the next training. A frozen, hashable dataclass: its fields configure it."""

    name: ClassVar[str]  # in `TUNERS` and in the record
    version: ClassVar[int]  # goes up whenever the same seed and scores would be decided differently
    keys: ClassVar[str]  # of trainings, if nothing else is asked for: "independent" or "paired"

    @property
    def trainings(self) -> int:
        """At most this many trainings are asked for."""
        ...

    @property
    def bounds(self) -> tuple[int, int]:
        """The lowest and the highest position that can be asked for (host only)."""
        ...

    def init(self) -> State:
        """The state before the first training."""
        ...

    def ask(self, key: jax.Array, state: State) -> tuple[State, Info]:
        """Choose the next training; `info.k` is its position, int32. `key` is consumed."""
        ...

    def tell(self, state: State, score: ArrayLike) -> tuple[State, Info]:
        """Learn the score (int32, higher is better) of the training that was asked for last."""
        ...

    def done(self, state: State) -> jax.Array:
        """bool: no further training is wanted."""
        ...

    def recommend(self, state: State) -> jax.Array:
        """The position that the tuner stands for, int32; defined after the first `tell`."""
        ...

    def values(self, k: int) -> dict[str, float]:
        """The hyperparameters at position `k`: float32 values as Python floats (host only)."""
        ...


@runtime_checkable
class Foreseeable(Tuner, Protocol):
    """A tuner whose choices hang on one bit of each score: what `lookahead` can look ahead of.

    The bit is whether the score reaches another one, its reference, which is part of the state.
    """

    reference: ClassVar[str]  # the name of the state's field that holds it

    def outcome(self, state: State, score: ArrayLike) -> jax.Array:
        """int32: 1 if the score of the training asked for last is as good as its reference, else 0.

        Rises with the score and falls with the reference, or is the same for all of them.
        """
        ...

    def suppose(self, state: State, outcome: ArrayLike) -> State:
        """`tell` when only its outcome is known of a score.

        The state is that of `tell` for all that a later `ask` or `done` notices; what they never
        read stays, the reference too, so that equal futures are equal.
        """
        ...

    def refer(self, state: State, outcome: ArrayLike, score: ArrayLike) -> jax.Array:
        """int32: the reference after this training: its score, or the one that was."""
        ...
