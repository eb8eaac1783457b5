"""Meta-training: its gradient against plain differentiation, its truncation, and that it learns."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmeta import keys
from jaxmeta.learned import gradient, lstm, meta
from jaxmeta.learned.optimizees import minimize, networks, quadratics
from jaxmeta.learned.optimizer import optimizer
from jaxmeta.score import to_float
from jaxmeta.supervised.optimizers import sgd
from jaxmeta.training import Program, Training, train

WEIGHTS = lstm.init(keys.root(1))
K, N, UNROLL = 3, 10, 4


def drawn():
    """K quadratics and their parameters, float32[K, N]."""
    problem = quadratics(N)
    each = jax.random.split(keys.root(2), K)
    what, x = jax.vmap(problem.begin, (0, None))(each, ())
    return jax.vmap(lambda what, x: problem.loss(what, x, keys.root(0), ()), (0, 0)), what, x


@partial(jax.jit, static_argnums=1)
def unrolled(weights, losses, what, x, memory):
    """The sum of log losses over a stretch, the optimisee's gradients held constant."""
    total = 0.0
    slope = jax.grad(lambda x: losses(what, x).sum())
    for _ in range(UNROLL):
        seen = jax.lax.stop_gradient(slope(x)).reshape(-1)
        memory, said = lstm.step(weights, memory, seen)
        x = x + 0.1 * said.reshape(x.shape)
        total += jnp.log(losses(what, x)).mean()
    return total, (x, memory)


@partial(jax.jit, static_argnums=0)
def recorded(losses, what, x, memory):
    """What the meta-gradient is made of, as a stretch leaves it."""
    slope = jax.grad(lambda x: losses(what, x).sum())
    seen, values, after = [], [], []
    for _ in range(UNROLL):
        seen.append(slope(x).reshape(-1))
        memory, said = lstm.step(WEIGHTS, memory, seen[-1])
        x = x + 0.1 * said.reshape(x.shape)
        values.append(losses(what, x))
        after.append(slope(x))
    seen, values, after = (jnp.stack(one) for one in (seen, values, after))
    return seen, gradient.slopes(values, after, 0.1)


@partial(jax.jit, static_argnums=4)
def meta_gradient(key, memory, seen, slopes, coordinates):
    return gradient.meta_gradient(key, WEIGHTS, memory, seen, slopes, coordinates)


def close(found, expected, rtol):
    size = max(float(jnp.abs(leaf).max()) for leaf in expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=rtol * size)


def test_the_meta_gradient_is_that_of_the_unrolled_loop():
    losses, what, x = drawn()
    memory = lstm.fresh(K * N)
    expected = jax.jit(jax.grad(lambda w: unrolled(w, losses, what, x, memory)[0]))(WEIGHTS)
    seen, slopes = recorded(losses, what, x, memory)
    found = meta_gradient(keys.root(3), memory, seen, slopes, K * N)
    close(found, expected, 1e-4)


@pytest.mark.slow
def test_no_gradient_crosses_from_one_stretch_into_the_one_before():
    """The second stretch's is that of a loop that begins there; that through both is another."""
    losses, what, x = drawn()
    memory = lstm.fresh(K * N)
    _, (later, carried) = unrolled(WEIGHTS, losses, what, x, memory)

    def through_both(weights):
        _, (x_later, memory_later) = unrolled(weights, losses, what, x, memory)
        return unrolled(weights, losses, what, x_later, memory_later)[0]

    expected = jax.jit(jax.grad(lambda w: unrolled(w, losses, what, later, carried)[0]))(WEIGHTS)
    seen, slopes = recorded(losses, what, later, carried)
    found = meta_gradient(keys.root(3), carried, seen, slopes, K * N)
    close(found, expected, 1e-4)
    crossing = jax.jit(jax.grad(through_both))(WEIGHTS)
    assert float(jnp.abs(crossing.second - found.second).max()) > 1e-3


def test_drawn_coordinates_give_the_meta_gradient_on_average():
    losses, what, x = drawn()
    memory = lstm.fresh(K * N)
    seen, slopes = recorded(losses, what, x, memory)
    whole = meta_gradient(keys.root(3), memory, seen, slopes, K * N)
    of_part = jax.jit(jax.vmap(lambda key: meta_gradient(key, memory, seen, slopes, 8)))(
        jax.random.split(keys.root(4), 2000)
    )
    close([leaf.mean(0) for leaf in of_part], whole, 0.05)


@pytest.mark.slow
def test_meta_training_learns_to_minimise_quadratics():
    """In seconds the mean final loss falls to less than half; the first epoch is the control."""
    made = meta.meta_training("quadratics", quadratics(), side_by_side=32, rounds=10, held_out=32)
    program = Program(
        made, Training(4, 4), {"unroll": 20, "truncated": 3}, ["learning_rate", "output_scale"]
    )
    values = {"learning_rate": 5e-3, "output_scale": 0.1}
    result, at = train(program, keys.root(0), values)
    scores = [to_float(points) for points in result.curve]
    fresh = lstm.init(keys.derive(keys.root(0), "weights"))
    each = jax.random.split(keys.derive(keys.root(0), "validation"), 32)

    def mean(weights):
        run = jax.jit(lambda key: minimize(quadratics(), optimizer(weights, 0.1), key, (), 100))
        return float(np.mean([run(key)[-1] for key in each]))

    assert -max(scores) < 0.5 * mean(fresh)
    best = scores.index(max(scores)) + 1
    if best == len(scores):  # what is kept is what was scored
        np.testing.assert_allclose(mean(at.state.mean), -scores[-1], rtol=1e-2)


def test_a_minimised_network_is_plain_descent_with_sgd():
    """One hidden layer by hand: logits, their loss, and one step of sgd downhill."""
    rng = np.random.default_rng(0)
    data = jnp.asarray(rng.random((50, 6)), jnp.float32), jnp.asarray(rng.integers(0, 10, 50))
    problem = networks(6, units=4, batch=50)
    losses = minimize(problem, sgd(0.5), keys.root(0), data, 30)
    assert losses.shape == (31,) and losses[-1] < losses[0]
    _, params = problem.begin(keys.root(1), ())
    assert params.shape == (6 * 4 + 4 + 4 * 10 + 10,)
    value = problem.loss((), jnp.zeros_like(params), keys.root(0), data)
    np.testing.assert_allclose(value, np.log(10), rtol=1e-6)
