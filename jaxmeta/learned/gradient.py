"""The meta-gradient of one stretch of steps.

As in the paper the optimisee's gradients are constants to the meta-gradient (figure 2), and none
flows from one stretch into the one before. So a coordinate's steps depend on the weights by its own
gradients alone: a stretch is run first without differentiation, and then the LSTM is run over its
gradients again and differentiated. That is done at some coordinates only, drawn in proportion to
what they contribute and divided by their probability, so that the mean is the whole meta-gradient.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxmeta.learned import lstm


def slopes(losses: jax.Array, gradients: jax.Array, scale: Any) -> jax.Array:
    """The derivative of the sum of log losses by each output: a step moves all that comes after it.

    Args:
      losses: float32[unroll, k], of k optimisees after each step.
      gradients: float32[unroll, k, n], theirs.
      scale: of the outputs.

    Returns:
      float32[unroll, k n]
    """
    of_logs = gradients / jnp.maximum(losses, 1e-8)[..., None]
    later = jnp.cumsum(of_logs[::-1], axis=0)[::-1]
    return (scale / losses.shape[1]) * later.reshape(len(later), -1)


def meta_gradient(
    key: jax.Array,
    weights: lstm.Weights,
    state: lstm.State,
    gradients: jax.Array,
    slopes: jax.Array,
    drawn: int,
) -> lstm.Weights:
    """The derivative of the sum of log losses by the weights; an estimate where `drawn` < n.

    Args:
      key: is consumed.
      state: before the first step, of n coordinates.
      gradients: float32[unroll, n], what the LSTM saw.
      slopes: float32[unroll, n].
      drawn: at how many coordinates the LSTM is differentiated.
    """
    n = gradients.shape[1]
    if drawn < n:
        size = jnp.abs(slopes).sum(axis=0)
        probability = 0.9 * size / size.sum() + 0.1 / n
        rows = jax.random.choice(key, n, (drawn,), p=probability)
        state = jax.tree.map(lambda x: x[..., rows], state)
        gradients = gradients[:, rows]
        slopes = slopes[:, rows] / (drawn * probability[rows])[None]

    def moved(weights):
        _, said = lax.scan(lambda state, g: lstm.step(weights, state, g), state, gradients)
        return (said * slopes).sum()

    return jax.grad(moved)(weights)
