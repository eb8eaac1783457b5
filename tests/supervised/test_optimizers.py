"""Optimisers: optax's of the same names as far as float32 goes, and the same bits in any program.

Adam is compared with Kingma and Ba's algorithm 1 in double precision as well.
"""

from typing import Any, cast

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax

from jaxmeta.supervised import OPTIMIZERS
from jaxmeta.supervised.optimizers import AdamState, _corrections, adam

PARAMS = {"w": jnp.linspace(-1, 1, 12).reshape(3, 4), "b": jnp.zeros(4)}
STEPS = 50
DRAW = np.random.default_rng(0)
GRADIENTS = {
    name: jnp.asarray(DRAW.standard_normal((STEPS, *leaf.shape), np.float32))
    for name, leaf in PARAMS.items()
}

THEIRS = {
    "sgd": lambda learning_rate: optax.sgd(learning_rate),
    "momentum": lambda learning_rate, momentum=0.9: optax.sgd(learning_rate, momentum),
    "nesterov": lambda learning_rate, momentum=0.9: optax.sgd(learning_rate, momentum, True),
    "rmsprop": lambda learning_rate, beta2=0.9: optax.rmsprop(
        learning_rate, beta2, eps_in_sqrt=False
    ),
    "adam": lambda learning_rate, beta1=0.9, beta2=0.999: optax.adam(learning_rate, beta1, beta2),
    "adamw": lambda learning_rate, beta1=0.9, beta2=0.999, weight_decay=1e-4: optax.adamw(
        learning_rate, beta1, beta2, weight_decay=weight_decay
    ),
    "lion": lambda learning_rate, beta1=0.9, beta2=0.99, weight_decay=1e-3: optax.lion(
        learning_rate, beta1, beta2, weight_decay=weight_decay
    ),
}
# Each with its defaults, and with other values of all its hyperparameters.
OTHERS: dict[str, dict[str, float]] = {
    "sgd": {},
    "momentum": {"momentum": 0.7},
    "nesterov": {"momentum": 0.7},
    "rmsprop": {"beta2": 0.97},
    "adam": {"beta1": 0.6, "beta2": 0.95},
    "adamw": {"beta1": 0.6, "beta2": 0.95, "weight_decay": 0.3},
    "lion": {"beta1": 0.6, "beta2": 0.8, "weight_decay": 0.3},
    "learned": {"weight_decay": 0.3},
}
# The hyperparameter that a step is proportional to.
RATE = {"learned": "update_scale"}
ALL = pytest.mark.parametrize("name", OPTIMIZERS)


def step(optimizer, carry, gradient):
    params, state = carry
    updates, state = optimizer.update(gradient, state, params)
    return optax.apply_updates(params, updates), state


def train(optimizer: optax.GradientTransformation, gradients=GRADIENTS):
    """Fifty steps; gradients [STEPS, ...]."""
    start = PARAMS, optimizer.init(PARAMS)
    return lax.scan(lambda carry, g: (step(optimizer, carry, g), None), start, gradients)[0]


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("other", [False, True])
def test_it_is_optaxs_of_the_same_name(name, other):
    """To a thousandth of the way gone; lion's signs fall the same way, but for rounding at zero."""
    given = OTHERS[name] if other else {}
    ours = train(OPTIMIZERS[name](0.01, **given))[0]
    theirs = train(THEIRS[name](0.01, **given))[0]
    way = max(float(jnp.abs(theirs[n] - PARAMS[n]).max()) for n in PARAMS)
    assert way > 0.02  # the control: it went somewhere
    chex.assert_trees_all_close(ours, theirs, rtol=0, atol=1e-3 * way)


def bits(tree: Any) -> bytes:
    return b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree))


@ALL
def test_the_same_bits_in_a_scan_step_by_step_in_lanes_and_side_by_side(name):
    """With every hyperparameter traced, and gradients of each lane's own, as in a training."""
    given = OTHERS[name]
    values = {RATE.get(name, "learning_rate"): 0.01, **given}
    lanes = {n: jnp.float32(v) * np.array([1, 0.9, 0.8], np.float32) for n, v in values.items()}

    def whole(values, gradients):
        return train(OPTIMIZERS[name](**values), gradients)[0]

    seen = [jax.tree.map(lambda g: g * scale, GRADIENTS) for scale in (1, 1.1, 0.7)]  # noqa: B023
    seen_together = jax.tree.map(lambda *g: jnp.stack(g), *seen)

    def lane(k):
        return {n: v[k] for n, v in lanes.items()}

    alone = [bits(jax.jit(whole)(lane(k), seen[k])) for k in range(3)]
    assert len(set(alone)) == 3

    one_step = jax.jit(lambda values, *rest: step(OPTIMIZERS[name](**values), *rest))
    carry = PARAMS, OPTIMIZERS[name](**lane(1)).init(PARAMS)
    for t in range(STEPS):
        carry = one_step(lane(1), carry, jax.tree.map(lambda g: g[t], seen[1]))  # noqa: B023
    assert bits(carry[0]) == alone[1]

    together = jax.jit(jax.vmap(whole))(lanes, seen_together)
    in_turn = jax.jit(lambda *every: lax.map(lambda one: whole(*one), every))(lanes, seen_together)
    for stack in (together, in_turn):
        assert [bits(jax.tree.map(lambda x: x[k], stack)) for k in range(3)] == alone  # noqa: B023


@ALL
def test_a_traced_hyperparameter_does_what_its_number_does_and_does_not_compile(name):
    values = {RATE.get(name, "learning_rate"): 0.01, **OTHERS[name]}
    traced = jax.jit(lambda values: train(OPTIMIZERS[name](**values))[0])
    expected = train(OPTIMIZERS[name](**values))[0]
    chex.assert_trees_all_close(traced(values), expected, rtol=1e-4, atol=1e-5)
    traced({n: v / 2 for n, v in values.items()})
    assert traced._cache_size() == 1


@pytest.mark.parametrize("name", THEIRS)
def test_weight_decay_takes_from_the_weights_themselves(name):
    """With no gradient and no momentum every step takes the learning rate times the decay away."""
    still = jax.tree.map(jnp.zeros_like, GRADIENTS)
    params, _ = train(OPTIMIZERS[name](0.01, weight_decay=0.5), still)
    shrunk = jax.tree.map(lambda p: p * (1 - 0.005) ** STEPS, PARAMS)
    chex.assert_trees_all_close(params, shrunk, rtol=1e-5)


HYPERPARAMETERS = pytest.mark.parametrize(
    "given",
    [{}, {"beta1": 0.5, "beta2": 0.9, "eps": 1e-3}, {"beta1": 0, "beta2": 0.99}],
)


@HYPERPARAMETERS
@pytest.mark.parametrize("traced", [False, True])
def test_adam_is_algorithm_1(given: dict[str, float], traced: bool) -> None:
    b1, b2, eps = given.get("beta1", 0.9), given.get("beta2", 0.999), given.get("eps", 1e-8)
    theta = np.asarray(PARAMS["w"], np.float64)
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, g in enumerate(np.asarray(GRADIENTS["w"], np.float64), start=1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        theta -= 0.01 * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
    betas = (jnp.float32(b1), jnp.float32(b2)) if traced else (b1, b2)
    params, _ = train(adam(0.01, *betas, eps=eps))
    np.testing.assert_allclose(params["w"], theta, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("b", [0.0, 0.5, 0.9, 0.999, 0.9999])
def test_the_corrections_go_on_until_they_are_one(b: float) -> None:
    table = _corrections(b)
    t = np.arange(1, len(table) + 5)
    exact = (1 / (1 - b ** t.astype(np.float64))).astype(np.float32)
    np.testing.assert_array_equal(table[1:], exact[: len(table) - 1])
    np.testing.assert_array_equal(exact[len(table) - 2 :], 1)


def test_a_step_far_beyond_the_table_is_not_corrected() -> None:
    optimizer = adam(1.0)
    adam_state, scale_state = cast(tuple[Any, Any], optimizer.init(PARAMS))
    assert isinstance(adam_state, AdamState)
    m, v = jax.tree.map(jnp.ones_like, PARAMS), jax.tree.map(lambda p: p * 0 + 4, PARAMS)
    late = adam_state._replace(count=jnp.int32(10**9), mu=m, nu=v)
    gradient = jax.tree.map(jnp.ones_like, PARAMS)
    updates, _ = optimizer.update(gradient, (late, scale_state), PARAMS)
    chex.assert_trees_all_close(updates, jax.tree.map(lambda p: p * 0 - 1 / 3.997**0.5, PARAMS))


def test_a_decay_that_cannot_be_tabled_is_named() -> None:
    with pytest.raises(ValueError, match="from 0 to below 1, got 1.0"):
        adam(0.01, 1.0)
