"""Any Flax network, Linen or NNX, becomes the same two pure functions."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn
from flax import nnx

from jaxmeta import keys
from jaxmeta.models.network import source

KEY, X = keys.root(0), jnp.arange(12.0).reshape(4, 3) ** 2


class Linen(nn.Module):
    @nn.compact
    def __call__(self, x, *, train: bool):
        x = nn.BatchNorm(use_running_average=not train)(nn.Dense(5)(x))
        return nn.Dropout(0.5, deterministic=not train)(x)


class Plain(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(5)(x)


class Nnx(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.dense = nnx.Linear(3, 5, rngs=rngs)
        self.norm = nnx.BatchNorm(5, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.dropout(self.norm(self.dense(x)))


BOTH = pytest.mark.parametrize("net", [Linen(), Nnx], ids=["linen", "nnx"])


@BOTH
def test_weights_are_a_function_of_the_key(net):
    net = source(net).network({})
    first, again = net.init(KEY, X), net.init(KEY, X)
    chex.assert_trees_all_equal(first, again)
    assert sum(leaf.size for leaf in jax.tree.leaves(first[0])) == 3 * 5 + 5 + 10
    other = net.init(keys.root(1), X)
    with pytest.raises(AssertionError):
        chex.assert_trees_all_equal(first[0], other[0])


@BOTH
def test_training_draws_dropout_from_its_key_and_moves_the_batch_statistics(net):
    net = source(net).network({})
    params, rest = net.init(KEY, X)
    a, moved = net.apply(params, rest, X * 3, keys.root(1))
    b, _ = net.apply(params, rest, X * 3, keys.root(1))
    c, _ = net.apply(params, rest, X * 3, keys.root(2))
    chex.assert_trees_all_equal(a, b)
    assert (a != c).any()
    assert ((a == 0).mean() > 0.1) and ((c == 0).mean() > 0.1)
    with pytest.raises(AssertionError):
        chex.assert_trees_all_equal(rest, moved)
    chex.assert_trees_all_equal_shapes_and_dtypes(rest, moved)


@BOTH
def test_evaluation_needs_no_key_and_changes_nothing(net):
    net = source(net).network({})
    params, rest = net.init(KEY, X)
    outputs, after = jax.jit(lambda p, r, x: net.apply(p, r, x, None))(params, rest, X)
    again, _ = net.apply(params, rest, X, None)
    chex.assert_trees_all_close(outputs, again, rtol=1e-6)
    chex.assert_trees_all_equal(rest, after)


@BOTH
def test_it_can_be_differentiated_inside_jit(net):
    net = source(net).network({})
    params, rest = net.init(KEY, X)
    gradient = jax.jit(jax.grad(lambda p: (net.apply(p, rest, X, KEY)[0] ** 2).sum()))(params)
    chex.assert_trees_all_equal_shapes(gradient, params)


def test_a_linen_module_without_a_mode_is_called_without_one():
    net = source(Plain()).network({})
    params, rest = net.init(KEY, X)
    assert net.apply(params, rest, X, KEY)[0].shape == net.apply(params, rest, X, None)[0].shape
    assert rest == {}


def test_anything_else_is_refused():
    with pytest.raises(TypeError, match="must be a flax.linen module, or a function or class"):
        source(3)  # pyright: ignore[reportArgumentType]


class Wide(nn.Module):
    width: int
    scale: float = 1.0

    @nn.compact
    def __call__(self, x):
        return nn.Dense(self.width)(x) * self.scale


class NnxWide(nnx.Module):
    def __init__(self, width: int, scale: float = 1.0, *, rngs: nnx.Rngs):
        self.dense = nnx.Linear(3, width, rngs=rngs)
        self.norm = nnx.BatchNorm(width, rngs=rngs)
        self.scale = scale

    def __call__(self, x):
        return self.norm(self.dense(x)) * self.scale


FACTORIES = {
    "a Linen class": Wide,
    "a function": lambda width, scale=1.0: Wide(width, scale),
    "a partial function": partial(lambda wide, **more: Wide(**more), Wide),
    "an NNX class": NnxWide,
    "an NNX function": lambda rngs, width, scale=1.0: NnxWide(width, scale, rngs=rngs),
}


@pytest.mark.parametrize("name", [name for name in FACTORIES if "partial" not in name])
def test_hyperparameters_are_the_arguments_of_what_makes_the_network(name):
    made = source(FACTORIES[name])
    assert made.takes == {"width": True, "scale": False}

    @jax.jit
    def outputs(scale):
        net = made.network({"width": 7, "scale": scale, "somebody_else's": 1})
        params, rest = net.init(KEY, X)
        params = jax.tree.map(jnp.asarray, params)
        return net.apply(params, rest, X, KEY)[0], net.apply(params, rest, X, None)[0]

    for one, two in zip(outputs(jnp.float32(1)), outputs(jnp.float32(2)), strict=True):
        assert one.shape == (4, 7)
        chex.assert_trees_all_close(2 * one, two, rtol=1e-6)
    assert outputs._cache_size() == 1


def test_of_a_partial_function_the_arguments_that_are_left():
    assert source(partial(Wide, 5)).takes == {"scale": False}
    assert source(FACTORIES["a partial function"]).takes == {}  # **more names nothing


def test_a_function_that_makes_no_module_is_told_so():
    with pytest.raises(TypeError, match="must make a flax.linen module, got int; for an NNX"):
        source(lambda width: width).network({"width": 3})
