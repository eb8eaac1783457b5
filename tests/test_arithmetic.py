"""Fixed-order float32: each operation against the plain one, and its order against the rule."""

import re
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from jaxmeta.arithmetic import add_bias, contract, cross_entropy, first_maximum, product, tree_sum

few = settings(max_examples=15)  # each size is compiled anew


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def by_halving(numbers: list[np.float32]) -> np.float32:
    if len(numbers) == 1:
        return numbers[0]
    half = (len(numbers) + 1) // 2
    second = numbers[half:] + [np.float32(0)] * (len(numbers) % 2)
    return by_halving([a + b for a, b in zip(numbers[:half], second, strict=True)])


@few
@given(st.integers(1, 70), st.integers(0, 1))
def test_tree_sum_adds_by_halving(n: int, axis: int) -> None:
    x = draw(n, 3, seed=n)
    expected = [by_halving(list(column)) for column in x.T]
    found = jax.jit(partial(tree_sum, axis=axis))(x if axis == 0 else x.T)
    np.testing.assert_array_equal(found, expected)


def test_tree_sum_can_be_differentiated() -> None:
    x = draw(5, 7)
    gradient = jax.grad(lambda x: (tree_sum(x, 1) * jnp.arange(5.0)).sum())(x)
    np.testing.assert_array_equal(gradient, np.arange(5.0)[:, None] * np.ones((1, 7)))


@pytest.mark.parametrize(("batch", "classes"), [(1, 1), (5, 2), (50, 10), (3, 11)])
def test_cross_entropy_is_optaxs(batch: int, classes: int) -> None:
    logits, labels = 5 * draw(batch, classes, seed=batch), np.arange(batch) % classes
    weights = draw(batch, seed=1)

    def weighted(loss):
        def total(logits):
            return (loss(logits, labels) * weights).sum()

        return jax.jit(jax.value_and_grad(total))(logits)

    expected = weighted(optax.softmax_cross_entropy_with_integer_labels)
    chex.assert_trees_all_close(weighted(cross_entropy), expected, rtol=1e-5, atol=1e-5)


def test_cross_entropy_of_huge_logits_is_finite() -> None:
    logits = jnp.array([[3e38, 0.0, -3e38], [0.0, 1e4, -1e4]])
    losses, pull = jax.vjp(lambda logits: cross_entropy(logits, jnp.array([0, 2])), logits)
    np.testing.assert_array_equal(losses, [0, 2e4])
    np.testing.assert_array_equal(pull(jnp.ones(2))[0], [[0, 0, 0], [0, 1, -1]])


def test_a_nan_among_the_logits_is_seen_in_the_loss() -> None:
    logits = jnp.zeros((2, 3)).at[0, 2].set(jnp.nan)
    np.testing.assert_array_equal(
        jnp.isnan(cross_entropy(logits, jnp.zeros(2, int))), [True, False]
    )


# The number of blocks of rows that a CPU takes the weights in.
BLOCKS = [
    (1, 30, 20, 1),
    (50, 30, 20, 1),
    (450, 30, 20, 1),
    (50, 2048, 640, 16),
    (200, 1024, 1280, 1),  # the blocks' products would be larger than the weights
    (50, 2049, 640, 1),  # 3 blocks are too few, 683 too many
]


@pytest.mark.parametrize(("batch", "rows", "columns", "blocks"), BLOCKS)
def test_product_is_the_matrix_product(batch: int, rows: int, columns: int, blocks: int) -> None:
    x, w = draw(batch, rows), draw(rows, columns, seed=1)
    g = draw(batch, columns, seed=2)
    compiled = jax.jit(gradients).lower(x, w, g).compile()
    y, dx, dw = compiled(x, w, g)
    wide = np.float64(x), np.float64(w), np.float64(g)
    np.testing.assert_allclose(y, wide[0] @ wide[1], rtol=1e-5, atol=1e-4)
    one_by_one = max(1e-4, 1e-7 * columns)  # so JAX 0.12 adds 1,280 products
    np.testing.assert_allclose(dx, wide[2] @ wide[1].T, rtol=1e-5, atol=one_by_one)
    np.testing.assert_allclose(dw, wide[0].T @ wide[2], rtol=1e-5, atol=1e-4)
    made = set(re.findall(r"= f32\[([\d,]*)\]\S* dot\(", compiled.as_text() or ""))
    assert (f"{blocks},{batch},{columns}" in made) == (blocks > 1)
    in_vectors = -(-batch // 16) * 16
    assert (f"{rows},{in_vectors}" in made) == (blocks > 1)


def test_an_empty_batch_has_an_empty_product() -> None:
    y, dx, dw = gradients(draw(0, 2048), draw(2048, 640, seed=1), draw(0, 640))
    assert (y.shape, dx.shape) == ((0, 640), (0, 2048))
    np.testing.assert_array_equal(dw, np.zeros((2048, 640)))


def gradients(x: jax.Array, w: jax.Array, g: jax.Array) -> tuple[jax.Array, ...]:
    y, pull = jax.vjp(product, x, w)
    return y, *pull(g)


@pytest.mark.parametrize(
    ("batch", "rows", "columns"), [shape for *shape, _ in BLOCKS if shape[0] > 1]
)
def test_product_is_the_same_bits_everywhere(batch: int, rows: int, columns: int) -> None:
    of = draw(2, batch, rows), draw(2, rows, columns, seed=1), draw(2, batch, columns, seed=2)
    alone = [jax.jit(gradients)(*(a[k] for a in of)) for k in range(2)]
    side_by_side = jax.jit(jax.vmap(gradients))(*of)
    in_turn = jax.jit(partial(lax.map, lambda of: gradients(*of)))(of)
    for k in range(2):
        for ways in zip(alone[k], side_by_side, in_turn, strict=True):
            np.testing.assert_array_equal(ways[1][k], ways[0])
            np.testing.assert_array_equal(ways[2][k], ways[0])


@pytest.mark.parametrize("over", [(0, 0), (0, None), (None, 0)])
def test_contract_is_the_same_bits_under_vmap(over: tuple[int | None, int | None]) -> None:
    x, w = draw(3, 50, 64), draw(3, 64, 10, seed=1)
    a, b = (array if axis == 0 else array[0] for array, axis in zip((x, w), over, strict=True))

    def rows(a, b):
        return contract("bi,io->bo", a, b)

    together = jax.jit(jax.vmap(rows, over))(a, b)
    for k in range(3):
        alone = jax.jit(rows)(x[k if over[0] == 0 else 0], w[k if over[1] == 0 else 0])
        np.testing.assert_array_equal(together[k], alone)


def test_add_bias_adds_along_the_last_axis() -> None:
    x, bias, g = draw(4, 5, 3), draw(3, seed=1), draw(4, 5, 3, seed=2)
    y, pull = jax.vjp(add_bias, x, bias)
    np.testing.assert_array_equal(y, x + bias)
    dx, d_bias = pull(g)
    np.testing.assert_array_equal(dx, g)
    np.testing.assert_allclose(d_bias, g.sum((0, 1)), rtol=1e-5)


@few
@given(st.lists(st.sampled_from([-np.inf, -1, -0.5, 0, 2, 3]), min_size=1, max_size=9))
def test_the_first_maximum_gets_the_gradient(column: list[float]) -> None:
    x = np.array(column, np.float32)[:, None]

    @jax.jit
    def both(x):
        y, pull = jax.vjp(first_maximum, x)
        return y, *pull(jnp.array([7.0]))

    y, dx = both(x)
    assert float(y[0]) == max(column)
    expected = np.zeros_like(x)
    expected[int(np.argmax(column))] = 7
    np.testing.assert_array_equal(dx, expected)


@pytest.mark.parametrize("place", range(4))
def test_nan_is_a_maximum(place: int) -> None:
    x = jnp.array([3.0, 1.0, jnp.inf, 2.0]).at[place].set(jnp.nan)
    assert jnp.isnan(first_maximum(x[:, None])[0])
