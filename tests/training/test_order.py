"""Which programs have the same bits on any number of threads. That they have: tests/repro."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from jax import lax

from jaxmeta import keys, runtime
from jaxmeta.arithmetic import cross_entropy, tree_sum
from jaxmeta.models.layers import Dense
from jaxmeta.models.poster import PosterNet
from jaxmeta.supervised.optimizers import adam
from jaxmeta.training.order import threads

ROWS = 30


class Net(nn.Module):
    """A layer of this package, and `between` behind it."""

    between: object

    @nn.compact
    def __call__(self, x, *, train: bool):
        x = self.between(Dense(8)(x.reshape(len(x), -1)))  # pyright: ignore[reportCallIssue]
        return Dense(10)(x)


def step(net: nn.Module, optimizer=adam):
    """One step of a training."""
    x, y = jnp.zeros((ROWS, 8, 8, 1)), jnp.zeros(ROWS, jnp.int32)
    params = jax.eval_shape(lambda: net.init(keys.root(0), x, train=False))

    def one(rate, params, x, y):
        def loss(params):
            rngs = {"dropout": keys.root(1)}
            losses = cross_entropy(net.apply(params, x, train=True, rngs=rngs), y)  # pyright: ignore
            return tree_sum(losses) * np.float32(1 / ROWS)

        gradient = jax.grad(loss)(params)
        update, moments = optimizer(rate).update(gradient, optimizer(rate).init(params), params)
        return optax.apply_updates(params, update), moments

    return one, (jnp.float32(1), params, x, y)


def is_fixed(function, *arguments) -> bool:
    traced = jax.jit(function).trace(*arguments)
    found = threads(traced.jaxpr, traced.lower().compile().as_text() or "")
    assert found in ("any", str(runtime.threads()))
    return found == "any"


def test_a_network_of_this_package_is_fixed():
    one, arguments = step(PosterNet(dropout=0.4))
    assert is_fixed(one, *arguments)


@pytest.mark.slow
def test_lanes_and_a_loop_of_it_are_fixed():
    one, arguments = step(PosterNet(dropout=0.4))

    def lanes(rates, *rest):
        return jax.vmap(one, (0, *(None for _ in rest)))(rates, *rest)

    assert is_fixed(lanes, jnp.ones(3), *arguments[1:])

    def loop(rate, params, *rest):
        return lax.fori_loop(0, 3, lambda _, p: one(rate, p, *rest)[0], params)

    assert is_fixed(loop, *arguments)


@pytest.mark.parametrize(
    "layer",
    [
        lambda x: x - x.mean(axis=1, keepdims=True),
        lambda x: jnp.cumsum(x, axis=1),
        lambda x: lax.reduce(x, np.float32(0), lambda a, b: b + a * 1, (1,))[:, None],
        nn.LayerNorm(),
        nn.Dense(8),  # the gradient of its weights contracts the rows
        lambda x: nn.Conv(1, (3, 3))(x.reshape(-1, 2, 4, 1)).reshape(-1, 8),
        lambda x: nn.avg_pool(x[..., None], (2,), (2,))[..., 0],
        lambda x: x.at[:, 0].add(x[:, 1]),
        lambda x: x @ jnp.linalg.cholesky(jnp.eye(8) + x[0, 0]),
    ],
)
def test_a_layer_that_adds_in_no_order_is_not(layer):
    one, arguments = step(Net(layer))
    assert not is_fixed(one, *arguments)


def test_without_such_a_layer_it_is():
    one, arguments = step(Net(nn.relu))
    assert is_fixed(one, *arguments)


def test_whole_numbers_have_one_sum():
    assert is_fixed(lambda x: (x.sum(), x.argmax(), jnp.cumsum(x)), jnp.arange(9))
    assert not is_fixed(lambda x: x.sum(), jnp.arange(9.0))


def test_of_what_goes_by_the_platform_the_part_for_a_cpu_counts():
    def here(x):
        return lax.platform_dependent(x, cpu=lambda x: 2 * x, default=jnp.cumsum)

    def elsewhere(x):
        return lax.platform_dependent(x, tpu=lambda x: 2 * x, default=jnp.cumsum)

    assert is_fixed(here, jnp.ones(8))
    assert not is_fixed(elsewhere, jnp.ones(8))
