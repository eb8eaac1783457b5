"""What a training is: pure functions on a pytree, from which the program makes all the rest.

Early stopping, lanes, checkpoints, digests, curves, resumption and verification are the program's.
A trainable knows no tuner. The built-in one is `jaxmeta.supervised.Task`; `jaxmeta.trainable` and
`jaxmeta.objective` make one of a user's own functions.
"""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import jax

from jaxmeta.length import Training
from jaxmeta.trial import Values


@runtime_checkable
class Trainable(Protocol):
    """Three pure functions, `begin`, `epoch` and `score`, and what must be known about them.

    The `values` that these are called with hold all hyperparameters by name. A float of the search
    space is a traced float32 scalar, so that a new one never compiles; all else is a Python
    constant. Every `key` is a typed PRNG key of shape (); derive what you need from it, by name
    (`jaxmeta.keys.derive`) or by `jax.random.split`.

    Attributes:
      name: how the record calls it.
      options: as JSON, what the record must say so that it can be built again by name.
      kind: `score.COUNT`, int32 scores, or `score.FLOAT`, float32 scores. Higher is better.
      meaning: what the score is, in words.
      promises: which bits are promised: "fixed order", the same however and beside whatever a
        training is run; "plain", the same in the same compiled program.
      training: how long a training lasts, where nobody says otherwise.
      axes: for each hyperparameter that its name alone tunes, its axis.
      preset_axes: the same for each preset of the tuners that has axes of its own.
      defaults: hyperparameters and their values where neither tuned nor set.
      train: what is trained on, a pytree of host arrays; may be ().
      held_out: what scores are taken on, a pytree for "validation" and, if there is one, "test".
    """

    @property
    def name(self) -> str: ...

    @property
    def options(self) -> dict[str, Any]: ...

    @property
    def kind(self) -> str: ...

    @property
    def meaning(self) -> str: ...

    @property
    def promises(self) -> str: ...

    @property
    def training(self) -> Training: ...

    @property
    def axes(self) -> Mapping[str, Any]: ...

    @property
    def preset_axes(self) -> Mapping[str, Mapping[str, Any]]: ...

    @property
    def defaults(self) -> Values: ...

    @property
    def train(self) -> Any: ...

    @property
    def held_out(self) -> Mapping[str, Any]: ...

    def of(self, split: str) -> int | None:
        """How many examples a count on `split` is out of; None where there is no such number."""
        ...

    def data_record(self) -> dict[str, Any] | None:
        """Name, digest and sizes of the data, as JSON; None where there are none."""
        ...

    def takes(self, values: Values) -> frozenset[str]:
        """The hyperparameters that change something, where the static ones have these values."""
        ...

    def check(self, values: Values) -> None:
        """Whether it can be trained with these values of all its hyperparameters.

        Raises:
          ValueError: it cannot, in one sentence.
        """
        ...

    def begin(self, key: jax.Array, values: Mapping[str, Any], train: Any, /) -> Any:
        """The state of a training at its beginning, a pytree of arrays."""
        ...

    def epoch(
        self, key: jax.Array, n: jax.Array, values: Mapping[str, Any], state: Any, train: Any, /
    ) -> tuple[Any, jax.Array]:
        """The state one epoch later, and a loss, float32 of shape (), that is finite as long as
        the training has not diverged.

        Args:
          key: the training's own, the same in every epoch.
          n: epochs done before, int32 of shape ().
        """
        ...

    def score(
        self, key: jax.Array, values: Mapping[str, Any], state: Any, held_out: Any, /
    ) -> jax.Array:
        """The score of `state`, of shape (): int32, with `score.DIVERGED` for diverged, or float32,
        with NaN for diverged. `key` belongs to the training and the split."""
        ...

    def weights(self, state: Any, /) -> Any:
        """What the record's digests are of, a pytree: of a state, and the same of what `kept` makes
        of it, so that kept weights can be told to be the record's."""
        ...

    def kept(self, state: Any, /) -> Any:
        """What a study keeps of its best trial, a pytree; None: nothing."""
        ...
