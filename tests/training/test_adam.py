"""Adam: Kingma and Ba's algorithm 1 in double precision, and optax's as far as float32 goes."""

from typing import Any, cast

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxmeta.training.adam import _corrections, adam

PARAMS = {"w": jnp.linspace(-1, 1, 12).reshape(3, 4), "b": jnp.zeros(4)}


def gradients(steps: int) -> list[dict[str, np.ndarray]]:
    draw = np.random.default_rng(0)
    shapes = {name: leaf.shape for name, leaf in PARAMS.items()}
    return [
        {n: draw.standard_normal(s, np.float32) for n, s in shapes.items()} for _ in range(steps)
    ]


def train(optimizer: optax.GradientTransformation, steps: int = 50):
    params, state = PARAMS, optimizer.init(PARAMS)
    for gradient in gradients(steps):
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
    return params, state


HYPERPARAMETERS = pytest.mark.parametrize(
    "given",
    [{}, {"b1": 0.5, "b2": 0.9, "eps": 1e-3}, {"b1": 0, "b2": 0.99}, {"b1": 0.99, "b2": 0.95}],
)


@HYPERPARAMETERS
def test_it_is_algorithm_1(given: dict[str, float]) -> None:
    b1, b2, eps = given.get("b1", 0.9), given.get("b2", 0.999), given.get("eps", 1e-8)
    theta = np.asarray(PARAMS["w"], np.float64)
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, gradient in enumerate(gradients(50), start=1):
        g = gradient["w"].astype(np.float64)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        theta -= 0.01 * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
    params, _ = train(adam(0.01, **given))
    np.testing.assert_allclose(params["w"], theta, rtol=2e-5, atol=2e-6)


@HYPERPARAMETERS
def test_it_is_optaxs_adam_with_the_same_state(given: dict[str, float]) -> None:
    ours, theirs = train(adam(0.01, **given)), train(optax.adam(0.01, **given))
    chex.assert_trees_all_equal_structs(ours, theirs)
    chex.assert_trees_all_equal_dtypes(ours, theirs)
    chex.assert_trees_all_close(ours, theirs, rtol=5e-4, atol=1e-5)


def test_the_learning_rate_may_be_traced_or_a_schedule() -> None:
    expected = train(adam(0.01))[0]
    traced = jax.jit(lambda rate: train(adam(rate))[0])
    chex.assert_trees_all_close(traced(0.01), expected, rtol=1e-6)
    traced(0.02)
    assert traced._cache_size() == 1
    scheduled, _ = train(adam(optax.constant_schedule(0.01)))
    chex.assert_trees_all_close(scheduled, expected, rtol=1e-6)


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
    assert isinstance(adam_state, optax.ScaleByAdamState)
    m, v = jax.tree.map(jnp.ones_like, PARAMS), jax.tree.map(lambda p: p * 0 + 4, PARAMS)
    late = adam_state._replace(count=jnp.int32(10**9), mu=m, nu=v)
    gradient = jax.tree.map(jnp.ones_like, PARAMS)
    updates, _ = optimizer.update(gradient, (late, scale_state), PARAMS)
    chex.assert_trees_all_close(updates, jax.tree.map(lambda p: p * 0 - 1 / 3.997**0.5, PARAMS))


@pytest.mark.parametrize("given", [{"b1": 1.0}, {"b2": -0.1}, {"b2": jnp.float32(0.9)}])
def test_decays_that_cannot_be_tabled_are_named(given: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(given))):
        adam(0.01, **given)
