"""What the optimiser learns on: functions to be made small, drawn at random.

Their parameters are one flat vector, so that many can be minimised side by side.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmeta import keys


class Optimizee(NamedTuple):
    """A family of functions.

    Attributes:
      begin: (key, data) -> what is drawn once, a pytree, and the first parameters, float32[n].
      loss: (drawn, parameters, key, data) -> float32 of shape (); the key draws a mini-batch.
    """

    begin: Callable[[jax.Array, Any], tuple[Any, jax.Array]]
    loss: Callable[[Any, jax.Array, jax.Array, Any], jax.Array]


def quadratics(n: int = 10) -> Optimizee:
    """|W x - y|^2 with W, y and the first x drawn from the normal distribution (section 3.1)."""

    def begin(key, data):
        del data
        w = jax.random.normal(keys.derive(key, "w"), (n, n))
        y = jax.random.normal(keys.derive(key, "y"), (n,))
        return (w, y), jax.random.normal(keys.derive(key, "x"), (n,))

    def loss(drawn, x, key, data):
        del key, data
        w, y = drawn
        return jnp.sum((w @ x - y) ** 2)

    return Optimizee(begin, loss)


ACTIVATIONS = {"sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu}


def networks(
    inputs: int, units: int = 20, layers: int = 1, activation: str = "sigmoid", batch: int = 128
) -> Optimizee:
    """Perceptrons that learn ten classes from mini-batches (section 3.2).

    The data are (x float32[examples, inputs], y int32[examples]). Weights are normal with standard
    deviation 0.01, as those of the authors' code, and biases zero; with ReLU they are as He et al.
    have them, or nothing would pass.
    """
    widths = [inputs, *[units] * layers, 10]
    shapes = list(zip(widths, widths[1:], strict=False))
    bounds = np.cumsum([0, *(a * b + b for a, b in shapes)]).tolist()
    act = ACTIVATIONS[activation]

    def begin(key, data):
        del data
        drawn = []
        for number, (a, b) in enumerate(shapes):
            normal = jax.random.normal(keys.derive(key, "weights", number), (a * b,))
            deviation = (2 / a) ** 0.5 if activation == "relu" else 0.01
            drawn += [normal * np.float32(deviation), jnp.zeros(b)]
        return (), jnp.concatenate(drawn)

    def loss(drawn, params, key, data):
        del drawn
        x, y = data
        rows = jax.random.randint(key, (batch,), 0, len(y))
        h, y = x[rows], y[rows]
        for number, (a, b) in enumerate(shapes):
            flat = params[bounds[number] : bounds[number + 1]]
            h = h @ flat[: a * b].reshape(a, b) + flat[None, a * b :]
            h = act(h) if number < len(shapes) - 1 else h
        said = jax.nn.log_softmax(h)
        return -jnp.take_along_axis(said, y[:, None], axis=1).mean()

    return Optimizee(begin, loss)


def minimize(
    optimizee: Optimizee, optimizer: Any, key: jax.Array, data: Any, steps: int
) -> jax.Array:
    """The loss before each step of an optax transformation and after the last, float32[steps + 1].

    Each is that of the mini-batch on which the next step is made.
    """
    drawn, params = optimizee.begin(keys.derive(key, "begin"), data)

    def step(carry, t):
        params, state = carry
        batch = keys.derive(key, "batch", t)
        value, gradient = jax.value_and_grad(optimizee.loss, 1)(drawn, params, batch, data)
        updates, state = optimizer.update(gradient, state, params)
        return (params + updates, state), value

    (params, _), values = jax.lax.scan(step, (params, optimizer.init(params)), jnp.arange(steps))
    last = optimizee.loss(drawn, params, keys.derive(key, "batch", steps), data)
    return jnp.append(values, last)
