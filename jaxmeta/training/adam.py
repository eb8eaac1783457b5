"""Adam in fixed-order float32: a drop-in for `optax.adam`.

Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, algorithm 1. Two deviations, both
for the same bits in every context (BITS, section 3): the moving averages are m + (1 - b1) (g - m)
and v + (1 - b2) (g^2 - v), with one product each, and the bias corrections are products with
1 / (1 - b^t), tabled on the host in double precision for as long as they are not 1 in float32.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax


def adam(
    learning_rate: optax.ScalarOrSchedule,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
) -> optax.GradientTransformation:
    """As `optax.adam`, with the same state.

    Args:
      learning_rate: a number, a traced float32 scalar or a schedule.
      b1, b2: decay of the moving averages of the gradient and of its square, numbers in [0, 1).
      eps: added to the root of the latter.
    """
    for name, b in (("b1", b1), ("b2", b2)):
        if not isinstance(b, int | float) or not 0 <= b < 1:
            raise ValueError(
                f"{name} must be a number from 0 to below 1 that is not traced, got {b}; "
                "only learning_rate may be traced"
            )
    scale = _scale_by_adam(b1, b2, eps)
    return optax.chain(scale, optax.scale_by_learning_rate(learning_rate))


def _scale_by_adam(b1: float, b2: float, eps: float) -> optax.GradientTransformation:
    corrections = _corrections(b1), _corrections(b2)
    rates = np.float32(1 - b1), np.float32(1 - b2)

    def init(params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return optax.ScaleByAdamState(jnp.int32(0), mu=zeros, nu=zeros)

    def update(updates, state, params=None):
        del params
        t = optax.safe_increment(state.count)
        mu = jax.tree.map(lambda m, g: m + rates[0] * (g - m), state.mu, updates)
        nu = jax.tree.map(lambda v, g: v + rates[1] * (g * g - v), state.nu, updates)
        c1, c2 = (jnp.take(table, t, mode="clip") for table in corrections)
        step = jax.tree.map(lambda m, v: m * c1 / (jnp.sqrt(v * c2) + np.float32(eps)), mu, nu)
        return step, optax.ScaleByAdamState(t, mu, nu)

    return optax.GradientTransformation(init, update)


@cache
def _corrections(b: float) -> np.ndarray:
    """1 / (1 - b^t) at t = 1, 2, ..., ending with the first that is 1 in float32; 0 is unused."""
    t, table = 1, [0.0]
    while table[-1] != 1:
        table.append(float(np.float32(1 / (1 - b**t))))
        t += 1
    return np.array(table, np.float32)
