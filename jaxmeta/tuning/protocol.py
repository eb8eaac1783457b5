"""What every tuner is: `init`, `ask` and `tell` on a small immutable state, over a search space.

A tuner knows no network, no data and no disk. Its three functions are pure, jit-able and
vmap-able; all that they carry, draw and decide is int32, so that every decision of a study can be
computed again, exactly, from its seed and its scores.

A *position* is int32[d], an integer for each axis of the space.
"""

from typing import Any, ClassVar, Protocol, runtime_checkable

from jaxmeta.score import DIVERGED
from jaxmeta.space import Space
from jaxmeta.tuning.both import Array, ArrayLike

# Between these lies a score that is not known. Look-ahead leaves them as they are, so that branches
# are alike that would differ in how far from them they are.
LOWEST, HIGHEST = DIVERGED, 2**31 - 1

State = Any  # a NamedTuple of int32 arrays, or tuples of them, fixed in shape
Info = Any  # a NamedTuple of int32 and bool arrays, or tuples of them: what the record says


class Tuner(Protocol):
    """Who chooses the next trial. A frozen, hashable dataclass: its fields configure it."""

    name: ClassVar[str]  # in `TUNERS` and in the record
    version: ClassVar[int]  # goes up whenever the same seed and scores would be decided differently
    keys: ClassVar[str]  # of trials, if nothing else is asked for: "independent" or "paired"

    @property
    def space(self) -> Space:
        """What is tuned; every range in it has positions."""
        ...

    @property
    def decisions(self) -> int:
        """How many decisions are made, at most. With paired keys fewer trials may be run."""
        ...

    def init(self) -> State:
        """The state before the first decision."""
        ...

    def ask(self, key: Array, state: State) -> tuple[State, Info]:
        """Choose the next trial: `info.position`, int32[d]; `key` is consumed.

        A tuner that asks for replicates says in `info.r`, int32, which one.
        """
        ...

    def tell(self, state: State, score: ArrayLike) -> tuple[State, Info]:
        """Learn the score (int32, higher is better) of the trial that was asked for last.

        `info.best` is what `recommend` says from now on, int32[d].
        """
        ...

    def done(self, state: State) -> Array:
        """bool: no further trial is wanted."""
        ...

    def recommend(self, state: State) -> Array:
        """The position that the tuner stands for, int32[d]; defined after the first `tell`."""
        ...


@runtime_checkable
class Foreseeable(Tuner, Protocol):
    """A tuner whose choices hang on one bit of each score: what `lookahead` can look ahead of.

    The bit is whether the score reaches another one, its reference, which is part of the state.
    """

    reference: ClassVar[str]  # the name of the state's field that holds it
    # A tuner may name, in `memory`, fields of its state that `recommend` alone reads.

    def outcome(self, state: State, score: ArrayLike) -> Array:
        """int32: 1 if the score of the trial asked for last is as good as its reference, else 0.

        Rises with the score and falls with the reference, or is the same for all of them.
        """
        ...

    def suppose(self, state: State, outcome: ArrayLike) -> State:
        """`tell` when only its outcome is known of a score.

        All fields that a later `ask` or `done` reads are as after `tell`. Fields that they never
        read, such as the reference, are left as they were: so equal futures are equal states.
        """
        ...

    def refer(self, state: State, outcome: ArrayLike, score: ArrayLike) -> Array:
        """int32: the reference after this trial: its score, or the one that was."""
        ...


def bare(tuner: Tuner, state: State) -> State:
    """`state` without what no choice looks at, so that a branch does not grow with the trials."""
    names = getattr(tuner, "memory", ())
    return state._replace(**{name: getattr(state, name)[:0] for name in names})
