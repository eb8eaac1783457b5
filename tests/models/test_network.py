"""Any Flax network, Linen or NNX, becomes the same two pure functions."""

import chex
import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn
from flax import nnx

from jaxmeta import keys
from jaxmeta.models.network import network

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


BOTH = pytest.mark.parametrize("source", [Linen(), Nnx], ids=["linen", "nnx"])


@BOTH
def test_weights_are_a_function_of_the_key(source):
    net = network(source)
    first, again = net.init(KEY, X), net.init(KEY, X)
    chex.assert_trees_all_equal(first, again)
    assert sum(leaf.size for leaf in jax.tree.leaves(first[0])) == 3 * 5 + 5 + 10
    other = net.init(keys.root(1), X)
    with pytest.raises(AssertionError):
        chex.assert_trees_all_equal(first[0], other[0])


@BOTH
def test_training_draws_dropout_from_its_key_and_moves_the_batch_statistics(source):
    net = network(source)
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
def test_evaluation_needs_no_key_and_changes_nothing(source):
    net = network(source)
    params, rest = net.init(KEY, X)
    outputs, after = jax.jit(lambda p, r, x: net.apply(p, r, x, None))(params, rest, X)
    again, _ = net.apply(params, rest, X, None)
    chex.assert_trees_all_close(outputs, again, rtol=1e-6)
    chex.assert_trees_all_equal(rest, after)


@BOTH
def test_it_can_be_differentiated_inside_jit(source):
    net = network(source)
    params, rest = net.init(KEY, X)
    gradient = jax.jit(jax.grad(lambda p: (net.apply(p, rest, X, KEY)[0] ** 2).sum()))(params)
    chex.assert_trees_all_equal_shapes(gradient, params)


def test_a_linen_module_without_a_mode_is_called_without_one():
    net = network(Plain())
    params, rest = net.init(KEY, X)
    assert net.apply(params, rest, X, KEY)[0].shape == net.apply(params, rest, X, None)[0].shape
    assert rest == {}


def test_anything_else_is_refused():
    with pytest.raises(TypeError, match="must be a flax.linen module or a function from nnx.Rngs"):
        network(3)  # pyright: ignore[reportArgumentType]
