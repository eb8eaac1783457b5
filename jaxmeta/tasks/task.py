"""A task is what is trained: data, a network, a loss, a score. It knows no tuner."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxmeta.arithmetic import cross_entropy, tree_sum
from jaxmeta.models.network import Network, network
from jaxmeta.tasks.data import Dataset, Split, digest
from jaxmeta.training.adam import adam

# What the sum of the points is, in the words of the record (`record.lines` reads them).
COUNT, EXACT = "correct predictions", "minus the sum of squared errors"


@dataclass(frozen=True)
class Task:
    """Data, a network, a loss, a score and an optimiser; satisfies `training.program.Problem`.

    Attributes:
      name: how the record calls it.
      data: training, validation and test split.
      network: init and apply, see `models.network`.
      loss: outputs [B, ...], targets [B, ...] -> float32[B].
      points: the same -> bool[B], counted, or float32[B], added; higher is better.
      score: what the sum of the points is, in words: COUNT or EXACT.
      optimizer: hyperparameter values, float32 scalars by name -> an optax transformation.
      options: what the record must say so that the task can be built again by name.
    """

    name: str
    data: Dataset
    network: Network
    loss: Callable[[jax.Array, jax.Array], jax.Array]
    points: Callable[[jax.Array, jax.Array], jax.Array]
    score: str
    optimizer: Callable[..., optax.GradientTransformation] = adam
    options: dict[str, Any] = field(default_factory=dict)

    def init(self, key: jax.Array, x: jax.Array) -> tuple[Any, Any]:
        return self.network.init(key, scale(x))

    def apply(
        self, params: Any, rest: Any, x: jax.Array, key: jax.Array | None
    ) -> tuple[jax.Array, Any]:
        return self.network.apply(params, rest, scale(x), key)


def scale(x: jax.Array) -> jax.Array:
    """Images of uint8 to float32 in [0, 1], by one multiplication; anything else as it is."""
    return x.astype(jnp.float32) * np.float32(1 / 255) if x.dtype == jnp.uint8 else x


def classification(name: str, net: Any, data: Dataset, **more: Any) -> Task:
    """A task of classes: outputs are logits [B, classes], targets int32[B]; score: a count.

    Raises:
      ValueError: the data have not one label an example, or a label that is no class.
    """
    for part in ("train", "validation", "test"):
        y = getattr(data, part).y
        if y.ndim != 1 or y.dtype.kind not in "iu":
            raise ValueError(
                "a task of classes must have one integer label an example, shape [n], got "
                f"{y.dtype} {list(y.shape)} in the {part} split; labels of every pixel are not "
                "supported yet, and numbers are for regression"
            )
        if y.max() >= data.classes:
            raise ValueError(
                f"labels must be below {data.classes}, the number of classes, got {y.max()} in the "
                f"{part} split; number them from 0"
            )

    def correct(logits: jax.Array, y: jax.Array) -> jax.Array:
        if logits.shape != (len(y), data.classes):
            raise ValueError(
                f"the network's outputs must be logits of {data.classes} classes, shape "
                f"{(len(y), data.classes)}, got {logits.shape}; change its last layer"
            )
        return jnp.argmax(logits, axis=-1) == y

    return Task(name, data, network(net), cross_entropy, correct, COUNT, **more)


def regression(name: str, net: Any, data: Dataset, **more: Any) -> Task:
    """A task of numbers: outputs and targets float32[B, ...] of one shape; score: an "
    "exact float."""

    def squared_error(outputs: jax.Array, y: jax.Array) -> jax.Array:
        if outputs.shape != y.shape:
            raise ValueError(
                f"the network's outputs must have the shape of the targets, {y.shape}, "
                f"got {outputs.shape}; reshape one of them"
            )
        error = (outputs - y).reshape(len(y), -1)
        return tree_sum(error * error, axis=1)

    def minus_squared_error(outputs: jax.Array, y: jax.Array) -> jax.Array:
        return -squared_error(outputs, y)

    return Task(name, data, network(net), squared_error, minus_squared_error, EXACT, **more)


def arrays(
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    *,
    test: tuple[np.ndarray, np.ndarray],
    validation: int | None = None,
) -> Dataset:
    """A user's own NumPy arrays as a data set.

    Args:
      x, y: inputs [n, ...] (float32, or uint8 images) and targets: integers [n], or floats [n,
      ...].
      test: inputs and targets that are read once, at the end.
      validation: how many of the last examples of `x` are held out for the score; None: a twelfth.

    Raises:
      ValueError: a split is empty or not finite, a label is negative, or one stands in validation
        or test that training lacks.
    """
    held_out = max(1, len(x) // 12) if validation is None else validation
    if not 0 < held_out < len(x):
        raise ValueError(
            f"validation must leave some of the {len(x)} examples for training, got {held_out}; "
            "make it smaller"
        )
    pairs = {
        "train": (x[:-held_out], y[:-held_out]),
        "validation": (x[-held_out:], y[-held_out:]),
        "test": test,
    }
    splits = {}
    for part, (inputs, targets) in pairs.items():
        inputs, targets = np.asarray(inputs), np.asarray(targets)
        if len(inputs) != len(targets) or not len(inputs):
            raise ValueError(
                f"the {part} split must have as many targets as inputs, and some, got "
                f"{len(inputs)} inputs and {len(targets)} targets; check the arrays"
            )
        if inputs.dtype != np.uint8:
            inputs = inputs.astype(np.float32)
        integral = np.issubdtype(targets.dtype, np.integer)
        if integral and targets.min() < 0:
            raise ValueError(
                f"labels must be 0, 1, 2, ..., got {targets.min()} in the {part} split; number them"
            )
        targets = targets.astype(np.int32 if integral else np.float32)
        if not (np.isfinite(inputs).all() and np.isfinite(targets).all()):
            raise ValueError(
                f"inputs and targets must be finite, and some of the {part} split are not; "
                "mend or leave out these examples"
            )
        splits[part] = Split(inputs, targets)
    targets = splits["train"].y
    if targets.dtype == np.int32:
        _check_labels({part: np.unique(split.y) for part, split in splits.items()}, held_out)
    classes = int(targets.max()) + 1 if targets.dtype == np.int32 else 0
    return Dataset(name=name, classes=classes, digest=digest(splits), **splits)


def _check_labels(labels: dict[str, np.ndarray], held_out: int) -> None:
    """Classes are counted on the training split: no other label can ever be learned."""
    for part in ("validation", "test"):
        lacks = np.setdiff1d(labels[part], labels["train"])
        if lacks.size:
            raise ValueError(
                f"every label must be among the training examples, and {lacks[0]} of the {part} "
                f"split is not; the last {held_out} examples are held out for validation as they "
                "come, so shuffle first (and give targets that are numbers as floats)"
            )
