"""Losses and points of pictures: classes by one confusion matrix, depth by its logarithm.

Points are integers wherever they can be, summed over all pictures; one float is made of them at the
end. So mIoU is that of a single confusion matrix, and not a mean over pictures or batches.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmeta.arithmetic import absolute, quotient, times, tree_sum
from jaxmeta.supervised.losses import Classes

MEAN_IOU = "mean intersection over union"
DEPTH = "minus the mean absolute error of log depth"
BOTH = f"{MEAN_IOU}, {DEPTH}"


@dataclass(frozen=True)
class Segmentation:
    """Labels int32[B, H, W] for logits float32[B, H, W, classes]; `ignored` is no class."""

    classes: int
    ignored: int | None = None

    def loss(self, logits: jax.Array, y: jax.Array, label_smoothing: Any = 0.0) -> jax.Array:
        return Classes(self.classes, self.ignored).loss(logits, y, label_smoothing)

    def points(self, logits: jax.Array, y: jax.Array) -> jax.Array:
        """The confusion matrix of each picture: int32[B, classes, classes], rows are labels."""
        n = self.classes
        y, found = y.reshape(len(y), -1), jnp.argmax(logits, axis=-1).reshape(len(y), -1)
        cell = y * n + found.astype(y.dtype)
        if self.ignored is not None:
            cell = jnp.where(y == self.ignored, -1, cell)
        counts = (cell[:, :, None] == jnp.arange(n * n)[None, None]).sum(axis=1, dtype=jnp.int32)
        return counts.reshape(-1, n, n)

    def summary(self, confusion: jax.Array) -> jax.Array:
        """Mean intersection over union of the classes that are labelled or found at all; exact
        integers up to the divisions, counts below 2**24 pixels."""
        right = jnp.diagonal(confusion)
        union = confusion.sum(0) + confusion.sum(1) - right
        each = quotient(right.astype(jnp.float32), jnp.maximum(union, 1).astype(jnp.float32))
        number = jnp.maximum((union > 0).sum(dtype=jnp.int32), 1).astype(jnp.float32)
        return times(tree_sum(each), quotient(1, number))


@dataclass(frozen=True, eq=False)
class LogDepth:
    """Codes of depth int32[B, H, W] for log depth float32[B, H, W, 1]; code 0 is no depth.

    Attributes:
      logs: float32[codes], what each code stands for.
    """

    logs: np.ndarray

    def loss(self, outputs: jax.Array, y: jax.Array) -> jax.Array:
        """The mean absolute error of each picture."""
        total, number = self.points(outputs, y)
        return times(total, quotient(1, jnp.maximum(number, 1).astype(jnp.float32)))

    def points(self, outputs: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The sum of the absolute errors of each picture float32[B], of so many pixels int32[B]."""
        seen = (y > 0).reshape(len(y), -1)
        error = absolute(outputs.reshape(y.shape) - jnp.asarray(self.logs)[y]).reshape(len(y), -1)
        return tree_sum(jnp.where(seen, error, 0), axis=1), seen.sum(axis=1, dtype=jnp.int32)

    def summary(self, sums: tuple[jax.Array, jax.Array]) -> jax.Array:
        total, number = sums
        return times(-total, quotient(1, jnp.maximum(number, 1).astype(jnp.float32)))


@dataclass(frozen=True)
class Both:
    """Both at once: outputs float32[B, H, W, classes + 1], the last one log depth; targets
    int32[B, H, W, 2], a label and a code of depth. The score is the sum of the two scores."""

    labels: Segmentation
    depth: LogDepth

    def loss(
        self, outputs: jax.Array, y: jax.Array, depth_weight: Any = 1.0, label_smoothing: Any = 0.0
    ) -> jax.Array:
        depth = self.depth.loss(outputs[..., -1], y[..., 1])
        labels = self.labels.loss(outputs[..., :-1], y[..., 0], label_smoothing)
        return labels + times(depth, jnp.float32(depth_weight))

    def points(self, outputs: jax.Array, y: jax.Array) -> Any:
        return (
            self.labels.points(outputs[..., :-1], y[..., 0]),
            self.depth.points(outputs[..., -1], y[..., 1]),
        )

    def summary(self, sums: Any) -> jax.Array:
        return self.labels.summary(sums[0]) + self.depth.summary(sums[1])
