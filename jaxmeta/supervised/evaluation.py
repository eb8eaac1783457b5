"""The score of a network on a whole split, in batches of one size."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxmeta import score
from jaxmeta.arithmetic import tree_sum
from jaxmeta.supervised.dataset import Split

# Fixed, since the size of a batch can change the last bit of its rows.
BATCH = 500


def evaluate(
    outputs_of: Callable[[Any], jax.Array],
    points_of: Callable[[Any, Any], jax.Array],
    data: Split,
) -> jax.Array:
    """The sum of the points of all examples: int32, or float32 if they are; `score.DIVERGED` or NaN
    where an output is not finite.

    The rows that fill up the last batch are evaluated and not counted.
    """
    examples = len(jax.tree.leaves(data.y)[0])
    batch = min(BATCH, examples)
    batches = -(-examples // batch)

    def add(b, carry):
        total, finite = carry
        rows = b * batch + jnp.arange(batch)
        x, y = jax.tree.map(lambda array: array[jnp.minimum(rows, examples - 1)], (data.x, data.y))
        outputs = outputs_of(x)
        points = points_of(outputs, y)
        points = jnp.where(rows < examples, points, jnp.zeros_like(points))
        finite &= _all_finite(outputs)
        if jnp.issubdtype(points.dtype, jnp.floating):
            return total + tree_sum(points), finite
        return total + points.sum(dtype=jnp.int32), finite

    x, y = jax.tree.map(lambda array: array[:1], (data.x, data.y))
    kind = jax.eval_shape(lambda: points_of(outputs_of(x), y)).dtype
    floating = jnp.issubdtype(kind, jnp.floating)
    zero = jnp.float32(0) if floating else jnp.int32(0)
    total, finite = lax.fori_loop(0, batches, add, (zero, jnp.bool_(True)))
    return jnp.where(finite, total, jnp.nan if floating else score.DIVERGED)


def _all_finite(outputs: Any) -> jax.Array:
    finite = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(outputs)]
    return jnp.stack(finite).all() if len(finite) > 1 else finite[0]
