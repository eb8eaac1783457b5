"""Losses and scores of examples, in fixed-order float32.

A loss is (outputs, targets, hyperparameters by name) -> float32[B], the loss of each example. What
each adds to the score, its points, is (outputs, targets) -> bool or int32[B], counted, or
float32[B], added; higher is better.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jaxmeta.arithmetic import (
    cross_entropy,
    quotient,
    smoothed_cross_entropy,
    times,
    tree_sum,
)
from jaxmeta.supervised.optimizers import is_off

CORRECT, SQUARED_ERROR = "correct predictions", "minus the sum of squared errors"


@dataclass(frozen=True)
class Classes:
    """Loss and points of labels int32[B, ...] for logits float32[B, ..., classes].

    With more than one label an example, as for pixels or tokens, its loss is their mean, and its
    points are how many are right. A label equal to `ignored` has no part in either.
    """

    classes: int
    ignored: int | None = None

    def loss(self, logits: jax.Array, y: jax.Array, label_smoothing: Any = 0.0) -> jax.Array:
        self._check(logits, y)
        if y.ndim == 1 and self.ignored is None:
            return _entropy(logits, y, label_smoothing)
        losses = _entropy(logits.reshape(-1, self.classes), y.reshape(-1), label_smoothing)
        losses, seen = losses.reshape(len(y), -1), self._seen(y).reshape(len(y), -1)
        number = jnp.maximum(seen.sum(axis=1, dtype=jnp.int32), 1).astype(jnp.float32)
        return times(tree_sum(jnp.where(seen, losses, 0), axis=1), quotient(1, number))

    def points(self, logits: jax.Array, y: jax.Array) -> jax.Array:
        self._check(logits, y)
        right = jnp.argmax(logits, axis=-1) == y
        if y.ndim == 1 and self.ignored is None:
            return right
        return (right & self._seen(y)).reshape(len(y), -1).sum(axis=1, dtype=jnp.int32)

    def _seen(self, y: jax.Array) -> jax.Array:
        return jnp.ones(y.shape, bool) if self.ignored is None else y != self.ignored

    def _check(self, logits: jax.Array, y: jax.Array) -> None:
        if logits.shape != (*y.shape, self.classes):
            raise ValueError(
                f"the network's outputs must be logits of {self.classes} classes, shape "
                f"{(*y.shape, self.classes)}, got {logits.shape}; change its last layer"
            )


def _entropy(logits: jax.Array, labels: jax.Array, smoothing: Any) -> jax.Array:
    if is_off(smoothing):
        return cross_entropy(logits, labels)
    return smoothed_cross_entropy(logits, labels, jnp.float32(smoothing))


def squared_error(outputs: jax.Array, y: jax.Array) -> jax.Array:
    """The sum of the squared errors of each example; outputs and targets have one shape."""
    if outputs.shape != y.shape:
        raise ValueError(
            f"the network's outputs must have the shape of the targets, {y.shape}, "
            f"got {outputs.shape}; reshape one of them"
        )
    error = (outputs - y).reshape(len(y), -1)
    return tree_sum(times(error, error), axis=1)


def minus_squared_error(outputs: jax.Array, y: jax.Array) -> jax.Array:
    return -squared_error(outputs, y)


Loss = Callable[..., jax.Array]
