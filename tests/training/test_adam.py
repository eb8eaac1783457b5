"""Adam against optax's own: the same within rounding, the same state, the same as its equations."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxmeta.training.adam import adam


def run(optimizer, gradients, params):
    state = optimizer.init(params)

    @jax.jit
    def step(params, state, gradient):
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

    for gradient in gradients:
        params, state = step(params, state, gradient)
    return params, state


def random_gradients(n):
    draw = np.random.default_rng(0)
    return [{"w": jnp.asarray(draw.normal(size=8) * 10.0**-i, jnp.float32)} for i in range(n)]


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.9), (0.0, 0.99)])
def test_it_is_optaxs_adam_within_rounding(betas):
    params = {"w": jnp.linspace(-1, 1, 8)}
    gradients = [{"w": jnp.sin(jnp.arange(8.0) + t)} for t in range(300)]
    ours, our_state = run(adam(0.01, *betas), gradients, params)
    theirs, their_state = run(optax.adam(0.01, *betas), gradients, params)
    np.testing.assert_allclose(ours["w"], theirs["w"], rtol=2e-5, atol=2e-6)
    assert jax.tree.structure(our_state) == jax.tree.structure(their_state)
    assert int(our_state[0].count) == 300


def test_it_is_the_papers_in_double_precision():
    gradients, rate, b1, b2, eps = random_gradients(5), 0.1, 0.9, 0.999, 1e-8
    got, _ = run(adam(rate, b1, b2, eps), gradients, {"w": jnp.zeros(8)})
    w = m = v = np.zeros(8)
    for t, gradient in enumerate(gradients, 1):
        g = np.asarray(gradient["w"], np.float64)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        w = w - rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
    np.testing.assert_allclose(got["w"], w, rtol=1e-5)


def test_the_rate_may_be_traced_and_so_needs_no_second_compilation():
    @jax.jit
    def once(rate):
        optimizer = adam(rate)
        params = {"w": jnp.ones(3)}
        updates, _ = optimizer.update(params, optimizer.init(params), params)
        return updates["w"]

    np.testing.assert_allclose(once(0.5), -0.5, rtol=1e-6)
    np.testing.assert_allclose(once(0.25), -0.25, rtol=1e-6)
    assert once._cache_size() == 1


@pytest.mark.parametrize("bad", [{"b1": 1.0}, {"b2": -0.1}, {"b1": jnp.float32(0.9)}])
def test_betas_that_cannot_be_tabled_are_named(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be a number from 0 to below 1"):
        adam(0.1, **bad)
