"""Optimisers in fixed-order float32: the same bits alone, in lanes, and in any program.

Each does what optax's of the same name does, with the same defaults, but for what is said here. Two
rules keep the bits: an average is m + (1 - b) (g - m), with one product, and nothing is divided by
a scalar that is traced. In portable arithmetic (`jaxmeta.arithmetic`) the bits are those of every
machine. The hyperparameters are arguments by name; all may be traced.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxmeta.arithmetic import quotient, root, times
from jaxmeta.learned.optimizer import learned

Scalar = float | jax.Array
Optimizer = optax.GradientTransformation


def sgd(learning_rate: Scalar, weight_decay: Scalar = 0.0) -> Optimizer:
    """Stochastic gradient descent."""
    return _descent(optax.identity(), learning_rate, weight_decay)


def momentum(
    learning_rate: Scalar, momentum: Scalar = 0.9, weight_decay: Scalar = 0.0
) -> Optimizer:
    """Polyak's heavy ball: `optax.sgd` with momentum."""
    return _descent(_trace(momentum), learning_rate, weight_decay)


def nesterov(
    learning_rate: Scalar, momentum: Scalar = 0.9, weight_decay: Scalar = 0.0
) -> Optimizer:
    """Nesterov's momentum: `optax.sgd` with nesterov=True."""
    return _descent(_trace(momentum, nesterov=True), learning_rate, weight_decay)


def rmsprop(
    learning_rate: Scalar, beta2: Scalar = 0.9, eps: float = 1e-8, weight_decay: Scalar = 0.0
) -> Optimizer:
    """Tieleman and Hinton, 2012; `beta2` is optax's `decay`, and `eps` stands outside the root."""

    def init(params):
        return jax.tree.map(jnp.zeros_like, params)

    def update(updates, state, params=None):
        del params
        nu = _average(beta2, state, jax.tree.map(lambda g: times(g, g), updates))
        small = np.float32(eps)
        return jax.tree.map(lambda g, v: quotient(g, root(v) + small), updates, nu), nu

    return _descent(Optimizer(init, update), learning_rate, weight_decay)


def adam(
    learning_rate: Scalar,
    beta1: Scalar = 0.9,
    beta2: Scalar = 0.999,
    eps: float = 1e-8,
    weight_decay: Scalar = 0.0,
) -> Optimizer:
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, algorithm 1."""
    return _descent(_scale_by_adam(beta1, beta2, eps), learning_rate, weight_decay)


def adamw(
    learning_rate: Scalar,
    beta1: Scalar = 0.9,
    beta2: Scalar = 0.999,
    eps: float = 1e-8,
    weight_decay: Scalar = 1e-4,
) -> Optimizer:
    """Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019: Adam that decays."""
    return adam(learning_rate, beta1, beta2, eps, weight_decay)


def lion(
    learning_rate: Scalar,
    beta1: Scalar = 0.9,
    beta2: Scalar = 0.99,
    weight_decay: Scalar = 1e-3,
) -> Optimizer:
    """Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023."""

    def init(params):
        return jax.tree.map(jnp.zeros_like, params)

    def update(updates, state, params=None):
        del params
        signs = jax.tree.map(jnp.sign, _average(beta1, state, updates))
        return signs, _average(beta2, state, updates)

    return _descent(Optimizer(init, update), learning_rate, weight_decay)


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    made.__name__: made for made in (adam, sgd, momentum, nesterov, rmsprop, adamw, lion, learned)
}


# Those that a study chooses among where nobody names them: `learned` costs far more a step.
HAND_DESIGNED = tuple(name for name in OPTIMIZERS if name != "learned")


def is_off(x: Any) -> bool:
    """Whether a hyperparameter is the constant 0, so that what it is for is not in the program."""
    return isinstance(x, int | float) and x == 0


def _descent(direction: Optimizer, learning_rate: Scalar, weight_decay: Scalar) -> Optimizer:
    """Against `direction` and, decoupled from it, the weights themselves."""

    def decayed(updates, params):
        return jax.tree.map(lambda u, w: u + times(w, weight_decay), updates, params)

    def scaled(updates, params):
        del params
        return jax.tree.map(lambda u: times(u, -1 * learning_rate), updates)

    decay = () if is_off(weight_decay) else (optax.stateless(decayed),)
    return optax.chain(direction, *decay, optax.stateless(scaled))


def _trace(decay: Scalar, nesterov: bool = False) -> Optimizer:
    """`optax.trace`: g + decay times the last of it."""

    def init(params):
        return optax.TraceState(jax.tree.map(jnp.zeros_like, params))

    def update(updates, state, params=None):
        del params

        def onto(g, t):
            return g + times(t, decay)

        trace = jax.tree.map(onto, updates, state.trace)
        return jax.tree.map(onto, updates, trace) if nesterov else trace, optax.TraceState(trace)

    return Optimizer(init, update)


def _average(b: Scalar, old: Any, new: Any) -> Any:
    """b old + (1 - b) new, of each leaf."""
    rate = 1 - b if isinstance(b, jax.Array) else np.float32(1 - b)
    return jax.tree.map(lambda m, g: m + times(g - m, rate), old, new)


class AdamState(NamedTuple):
    """optax's `ScaleByAdamState`, and beside it the powers of those decays that are traced."""

    count: jax.Array
    mu: Any
    nu: Any
    powers: tuple[Any, Any]


def _scale_by_adam(beta1: Scalar, beta2: Scalar, eps: float) -> Optimizer:
    corrections = _correction(beta1), _correction(beta2)

    def init(params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return AdamState(jnp.int32(0), zeros, zeros, (corrections[0][0], corrections[1][0]))

    def update(updates, state, params=None):
        del params
        t = jnp.asarray(optax.safe_increment(state.count))
        mu = _average(beta1, state.mu, updates)
        nu = _average(beta2, state.nu, jax.tree.map(lambda g: times(g, g), updates))
        (c1, power1), (c2, power2) = (
            advance(power, t) for (_, advance), power in zip(corrections, state.powers, strict=True)
        )
        small = np.float32(eps)
        step = jax.tree.map(lambda m, v: quotient(times(m, c1), root(times(v, c2)) + small), mu, nu)
        return step, AdamState(t, mu, nu, (power1, power2))

    return Optimizer(init, update)


def _correction(b: Scalar) -> tuple[Any, Callable[[Any, jax.Array], tuple[jax.Array, Any]]]:
    """The bias correction 1 / (1 - b^t): what it carries at first, and from that and t to the
    factor and what it carries on. From a table where b is a number, else from b^t."""
    if isinstance(b, jax.Array):
        # Carried, not made here, so that no product stands beside the difference.
        return b, lambda power, t: (quotient(1, 1 - power), times(power, b))
    table = _corrections(b)
    return (), lambda nothing, t: (jnp.take(table, t, mode="clip"), nothing)


@cache
def _corrections(b: float) -> np.ndarray:
    """1 / (1 - b^t) at t = 1, 2, ..., ending with the first that is 1 in float32; 0 is unused."""
    if not 0 <= b < 1:
        raise ValueError(f"beta1 and beta2 must be from 0 to below 1, got {b}; change it")
    t, table = 1, [0.0]
    while table[-1] != 1:
        table.append(float(np.float32(1 / (1 - b**t))))
        t += 1
    return np.array(table, np.float32)
