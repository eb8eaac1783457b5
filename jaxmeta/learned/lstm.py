"""The network that makes the steps: two layers of LSTM for each coordinate, with shared weights.

Andrychowicz et al., "Learning to learn by gradient descent by gradient descent", 2016: section 2.1
and appendix A. In fixed-order float32: the coordinates of all weights lie along the last axis, and
what one of them gets depends on no other.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmeta import keys
from jaxmeta.arithmetic import alone, product, tree_sum

UNITS = 20
P = 10  # of the preprocessing; the authors' code has 5


class Weights(NamedTuple):
    """5,141 numbers; a layer's gates are input, forget, candidate and output, in this order."""

    first: jax.Array  # float32[4 UNITS, 2 + UNITS]: of the two inputs, and of what it said before
    first_bias: jax.Array  # float32[4 UNITS]
    second: jax.Array  # float32[4 UNITS, UNITS + UNITS]: of the first layer, and of itself before
    second_bias: jax.Array
    out: jax.Array  # float32[UNITS]
    out_bias: jax.Array  # float32[]


class Layer(NamedTuple):
    """What a layer carries from one step to the next, of n coordinates."""

    hidden: jax.Array  # float32[UNITS, n]
    cell: jax.Array  # float32[UNITS, n]


class State(NamedTuple):
    """80 numbers for each coordinate."""

    first: Layer
    second: Layer


def init(key: jax.Array) -> Weights:
    """Weights uniform within 1 / sqrt(inputs), forget gates open, and an output of nearly nothing;
    `key` is consumed."""

    def uniform(name, rows, inputs):
        bound = 1 / np.sqrt(inputs)
        return jax.random.uniform(
            keys.derive(key, name), (rows, inputs), minval=-bound, maxval=bound
        )

    bias = jnp.zeros(4 * UNITS).at[UNITS : 2 * UNITS].set(1.0)
    return Weights(
        uniform("first", 4 * UNITS, 2 + UNITS),
        bias,
        uniform("second", 4 * UNITS, 2 * UNITS),
        bias,
        0.1 * uniform("out", 1, UNITS)[0],
        jnp.float32(0),
    )


def fresh(n: int) -> State:
    """The state of n coordinates before their first step."""
    zeros = jnp.zeros((UNITS, n))
    return State(Layer(zeros, zeros), Layer(zeros, zeros))


def preprocess(gradient: jax.Array) -> jax.Array:
    """Appendix A: (log|g| / p, sign g) where |g| >= exp(-p), else (-1, exp(p) g).

    float32[n] -> float32[2, n]
    """
    size = jnp.abs(gradient)
    large = size >= np.float32(np.exp(-P))
    log = jnp.log(jnp.where(large, size, 1)) * np.float32(1 / P)
    return jnp.stack(
        [
            jnp.where(large, log, -1),
            jnp.where(large, jnp.sign(gradient), gradient * np.float32(np.exp(P))),
        ]
    )


def step(weights: Weights, state: State, gradient: jax.Array) -> tuple[State, jax.Array]:
    """The state after this gradient, float32[n], and the output of each coordinate, float32[n]."""
    first = _layer(weights.first, weights.first_bias, preprocess(gradient), state.first)
    second = _layer(weights.second, weights.second_bias, first.hidden, state.second)
    said = tree_sum(alone(second.hidden * weights.out[:, None])) + weights.out_bias
    return State(first, second), said


def _layer(kernel, bias, inputs, before):
    gates = product(kernel, jnp.concatenate([inputs, before.hidden])) + bias[:, None]
    i, f, g, o = jnp.split(gates, 4)
    i, f, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jax.nn.sigmoid(o)
    cell = alone(f * before.cell) + i * jnp.tanh(g)
    return Layer(o * jnp.tanh(cell), cell)
