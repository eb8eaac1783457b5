"""Fixed-order sums and losses: exact where they can be, near float64 where not."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxmeta.arithmetic import cross_entropy, first_maximum, product, tree_sum


def test_a_sum_of_32769_known_values_is_right():
    """Where jaxlib 0.10.2 says 1065369600 (jax issue 39103); XLA's own sum of this process, too."""
    values = jnp.full(32769, 32768.0)
    assert float(tree_sum(values)) == 32769 * 32768
    assert float(jax.jit(jnp.sum)(values)) == 32769 * 32768


@pytest.mark.parametrize("n", [1, 2, 3, 50, 333, 1000])
def test_the_tree_adds_everything_once(n):
    values = np.random.default_rng(n).integers(-1000, 1000, (n, 3)).astype(np.float32)
    np.testing.assert_array_equal(tree_sum(jnp.asarray(values)), values.sum(0))
    np.testing.assert_array_equal(tree_sum(jnp.asarray(values.T), axis=1), values.sum(0))


def test_the_order_is_that_of_halving():
    """(a + c) + (b + 0) for three: seen where the order shows."""
    big, one = np.float32(2**24), np.float32(1)
    assert float(tree_sum(jnp.array([big, -big, one]))) == float((big + one) + (-big))


def test_cross_entropy_is_optaxs_with_its_gradient():
    draw = np.random.default_rng(0)
    logits = jnp.asarray(draw.normal(size=(20, 10)) * 10, jnp.float32)
    labels = jnp.asarray(draw.integers(0, 10, 20), jnp.int32)
    theirs = optax.softmax_cross_entropy_with_integer_labels
    np.testing.assert_allclose(cross_entropy(logits, labels), theirs(logits, labels), rtol=1e-5)
    got, want = (
        jax.grad(lambda x, f=f: f(x, labels).sum())(logits) for f in (cross_entropy, theirs)
    )
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_huge_logits_are_no_infinity_and_nan_stays_nan():
    labels = jnp.array([0, 1], jnp.int32)
    assert jnp.isfinite(cross_entropy(jnp.array([[1e30, -1e30], [0.0, 1e30]]), labels)).all()
    assert jnp.isnan(cross_entropy(jnp.array([[jnp.nan, 0.0], [0.0, 0.0]]), labels)[0])


def test_products_and_their_gradients_are_those_of_matmul():
    draw = np.random.default_rng(0)
    x, w = (jnp.asarray(draw.normal(size=s), jnp.float32) for s in ((450, 30), (30, 20)))
    ours, theirs = (
        jax.grad(lambda x, w, f=f: (f(x, w) ** 2).sum(), (0, 1))(x, w)
        for f in (product, jnp.matmul)
    )
    np.testing.assert_allclose(product(x, w), x @ w, rtol=1e-5, atol=1e-5)
    for got, want in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-3)


def test_first_maximum_takes_nan_and_the_first_of_equals():
    x = jnp.array([[1.0, 5.0, jnp.nan], [2.0, 5.0, 0.0]])
    np.testing.assert_array_equal(first_maximum(x), [2.0, 5.0, np.nan])
    gradient = jax.grad(lambda x: first_maximum(x).sum())(x[:, :2])
    np.testing.assert_array_equal(gradient, [[0, 1], [1, 0]])
