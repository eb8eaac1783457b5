"""A trainable of a user's own functions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from jaxmeta import keys
from jaxmeta import score as scores
from jaxmeta.length import Training
from jaxmeta.training.data import digest
from jaxmeta.trial import Values


@dataclass(frozen=True, eq=False)
class Functions:
    """See `Trainable`; made by `trainable` and `objective`."""

    name: str
    begin: Callable[..., Any]
    epoch: Callable[..., Any]
    score: Callable[..., Any]
    axes: Mapping[str, Any]
    kind: str = scores.FLOAT
    meaning: str = "score"
    defaults: Values = field(default_factory=dict)
    preset_axes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    train: Any = ()
    held_out: Mapping[str, Any] = field(default_factory=lambda: {"validation": ()})
    examples: Mapping[str, int] = field(default_factory=dict)
    weights: Callable[[Any], Any] = lambda state: state
    kept: Callable[[Any], Any] = lambda state: state
    options: dict[str, Any] = field(default_factory=dict)
    training: Training = Training()
    promises: str = "plain"

    def __post_init__(self) -> None:
        if self.kind not in (scores.COUNT, scores.FLOAT):
            raise ValueError(
                f"kind must be {scores.COUNT!r} or {scores.FLOAT!r}, got {self.kind!r}; choose one"
            )
        if "validation" not in self.held_out or self.held_out.keys() - {"validation", "test"}:
            raise ValueError(
                "held_out must have a validation split, and may have a test split, got "
                f"{', '.join(self.held_out) or 'none'}; name them so"
            )

    def of(self, split: str) -> int | None:
        return self.examples.get(split)

    def data_record(self) -> dict[str, Any] | None:
        splits = {"train": self.train, **self.held_out}
        if not jax.tree.leaves(splits):
            return None
        return {"name": self.name, "digest": digest(splits), **self.examples}

    def takes(self, values: Values) -> frozenset[str]:
        del values
        return frozenset(self.axes) | frozenset(self.defaults)

    def check(self, values: Values) -> None:
        taken = self.takes(values)
        if unknown := sorted(values.keys() - taken):
            raise ValueError(
                f"{self.name} takes {', '.join(sorted(taken))}, and not {', '.join(unknown)}; "
                "leave it out, or name it in axes or defaults"
            )


def trainable(
    name: str,
    begin: Callable[..., Any],
    epoch: Callable[..., Any],
    score: Callable[..., Any],
    axes: Mapping[str, Any],
    **more: Any,
) -> Functions:
    """A trainable of three pure functions, which JAX can trace.

    Args:
      name: how the record calls it; "package.module:function" where that function makes it again.
      begin: (key, values, train) -> state, a pytree of arrays.
      epoch: (key, n, values, state, train) -> (state, loss); n epochs were done before, and `key`
        is the same in all of them: what is drawn anew in each comes from
        `jax.random.fold_in(key, n)`. A loss that is NaN or infinite ends the training as diverged.
      score: (key, values, state, held_out) -> float32 (NaN: diverged), or int32 where `kind` is
        "count"; higher is better.
      axes: for each hyperparameter that can be tuned, its axis (`jaxmeta.Log` and the like). In
        `values` a float is a traced float32 scalar; ints and strings are Python's own.
      more: what else there is to say:

        - defaults: hyperparameters and their values where neither tuned nor set.
        - preset_axes: axes by the name of a tuner's preset.
        - train: a pytree of arrays that `begin` and `epoch` get; () without one.
        - held_out: pytrees for `score`: "validation" and, if there is a test, "test". Without it
          the split is () and there is no test; {"validation": (), "test": ()} tests with another
          key.
        - examples: how many examples a count on a split is out of, by the split's name.
        - kind, meaning: "float" or "count", and what the score is, in words.
        - weights: state -> what the record's digests are of; the whole state without it.
        - kept: state -> what a study keeps of its best trial; the whole state without it. `weights`
          must find the same weights in it.
        - options: as JSON, the arguments with which the function called `name` makes it again.
        - training: how long a training lasts where nobody says otherwise.

    Raises:
      ValueError: `kind` or the splits are not of these.
    """
    return Functions(name, begin, epoch, score, axes, **more)


def objective(
    function: Callable[..., Any], space: Any, name: str | None = None, **more: Any
) -> Functions:
    """A trainable of one function, (key, values) -> score, a float, which JAX can trace.

    Its training is one epoch, in which the function is called once. Higher is better, NaN counts as
    diverged.

    Args:
      space: its hyperparameters, a `jaxmeta.Space`.
      name: how the record calls it; without one the function's own name.
      more: `options`, `meaning`, `preset_axes`, as for `trainable`.
    """

    def begin(key, values, train):
        del key, values, train
        return jnp.float32(0)

    def epoch(key, n, values, state, train):
        del state, train
        found = function(keys.derive(key, "objective", n), values)
        return jnp.asarray(found, jnp.float32), jnp.float32(0)

    def score(key, values, state, held_out):
        del key, values, held_out
        return state

    return Functions(
        name or getattr(function, "__name__", "objective"),
        begin,
        epoch,
        score,
        dict(zip(space.names, space.axes, strict=True)),
        **{"training": Training(1, 1), "kept": lambda state: None, **more},
    )
