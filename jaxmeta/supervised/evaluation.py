"""The score of a network on a whole split, in batches of one size."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxmeta import score
from jaxmeta.arithmetic import tree_sum
from jaxmeta.supervised.dataset import Split

# Fixed, since the size of a batch can change the last bit of its rows; less where an example has
# many targets, as a picture has pixels, so that what lies between fits into memory.
BATCH, TARGETS = 500, 2**18


def evaluate(
    outputs_of: Callable[[Any], jax.Array],
    points_of: Callable[[Any, Any], Any],
    data: Split,
    summary: Callable[[Any], jax.Array] | None = None,
) -> jax.Array:
    """The sum of the points of all examples: int32, or float32 if they are; `score.DIVERGED` or NaN
    where an output is not finite.

    The rows that fill up the last batch are evaluated and not counted.

    Args:
      summary: with it points are a pytree of arrays [B, ...], each summed over all examples, and
        the score is what this makes of the sums.
    """
    examples = len(jax.tree.leaves(data.y)[0])
    targets = sum(leaf[0].size for leaf in jax.tree.leaves(data.y))
    batch = min(BATCH, examples, max(1, TARGETS // targets))
    batches = -(-examples // batch)

    def add(b, carry):
        total, finite = carry
        rows = b * batch + jnp.arange(batch)
        x, y = jax.tree.map(lambda array: array[jnp.minimum(rows, examples - 1)], (data.x, data.y))
        outputs = outputs_of(x)
        finite &= _all_finite(outputs)

        def added(total, points):
            counted = (rows < examples).reshape(-1, *[1] * (points.ndim - 1))
            points = jnp.where(counted, points, jnp.zeros_like(points))
            if jnp.issubdtype(points.dtype, jnp.floating):
                return total + tree_sum(points)
            return total + points.sum(axis=0, dtype=jnp.int32)

        return jax.tree.map(added, total, points_of(outputs, y)), finite

    x, y = jax.tree.map(lambda array: array[:1], (data.x, data.y))
    zero = jax.tree.map(_zero, jax.eval_shape(lambda: points_of(outputs_of(x), y)))
    total, finite = lax.fori_loop(0, batches, add, (zero, jnp.bool_(True)))
    found = total if summary is None else summary(total)
    floating = jnp.issubdtype(found.dtype, jnp.floating)
    return jnp.where(finite, found, jnp.nan if floating else score.DIVERGED)


def _zero(points: Any) -> jax.Array:
    floating = jnp.issubdtype(points.dtype, jnp.floating)
    return jnp.zeros(points.shape[1:], jnp.float32 if floating else jnp.int32)


def _all_finite(outputs: Any) -> jax.Array:
    finite = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(outputs)]
    return jnp.stack(finite).all() if len(finite) > 1 else finite[0]
