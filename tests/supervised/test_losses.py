"""Losses against optax's and plain ones, values and gradients; dense labels and ignored ones."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxmeta.arithmetic import cross_entropy
from jaxmeta.supervised.losses import Classes, minus_squared_error, squared_error

DRAW = np.random.default_rng(0)
LOGITS = jnp.asarray(DRAW.standard_normal((6, 4), np.float32) * 3)
LABELS = jnp.asarray(DRAW.integers(0, 4, 6), jnp.int32)


@pytest.mark.parametrize("smoothing", [0.1, 0.75])
def test_smoothed_labels_are_optaxs(smoothing):
    def ours(logits, s):
        return Classes(4).loss(logits, LABELS, label_smoothing=s)

    def theirs(logits):
        hot = optax.smooth_labels(jax.nn.one_hot(LABELS, 4), smoothing)
        return optax.softmax_cross_entropy(logits, hot)

    for s in (smoothing, jnp.float32(smoothing)):
        chex.assert_trees_all_close(ours(LOGITS, s), theirs(LOGITS), rtol=1e-5)
        gradients = [
            jax.jit(jax.grad(lambda x, f=f: f(x) @ jnp.arange(6.0)))(LOGITS)
            for f in (lambda x: ours(x, s), theirs)  # noqa: B023 called at once
        ]
        chex.assert_trees_all_close(*gradients, rtol=1e-4, atol=1e-6)


def test_no_smoothing_is_the_plain_loss_bit_for_bit():
    plain = cross_entropy(LOGITS, LABELS)
    chex.assert_trees_all_equal(Classes(4).loss(LOGITS, LABELS), plain)
    chex.assert_trees_all_equal(Classes(4).loss(LOGITS, LABELS, 0.0), plain)
    traced = Classes(4).loss(LOGITS, LABELS, jnp.float32(0))
    chex.assert_trees_all_close(traced, plain, rtol=1e-6)


def test_several_labels_an_example_are_their_mean_and_their_count():
    logits = DRAW.standard_normal((2, 3, 5, 4), np.float32)
    labels = DRAW.integers(0, 4, (2, 3, 5))
    each = jax.jit(cross_entropy)(logits.reshape(-1, 4), labels.reshape(-1))
    expected = np.asarray(each).reshape(2, -1).mean(axis=1)
    chex.assert_trees_all_close(jax.jit(Classes(4).loss)(logits, labels), expected, rtol=1e-6)
    points = jax.jit(Classes(4).points)(logits, labels)
    assert points.dtype == jnp.int32
    right = logits.argmax(-1) == labels
    np.testing.assert_array_equal(points, right.reshape(2, -1).sum(axis=1))


@pytest.mark.parametrize("ignored", [255, -1])
def test_an_ignored_label_has_no_part_in_loss_gradient_and_points(ignored):
    logits, labels = DRAW.standard_normal((2, 6, 4), np.float32), DRAW.integers(0, 4, (2, 6))
    labels[0, 2:] = ignored
    dense = Classes(4, ignored)
    loss, points = jax.jit(dense.loss), jax.jit(dense.points)
    seen = loss(logits[:1, :2], labels[:1, :2])
    chex.assert_trees_all_close(loss(logits, labels)[:1], seen, rtol=1e-6)
    gradient = np.asarray(jax.jit(jax.grad(lambda x: dense.loss(x, labels).sum()))(logits))
    assert not gradient[0, 2:].any() and gradient[0, :2].all() and gradient[1].all()
    sure = np.eye(4, dtype=np.float32)[np.maximum(labels, 0) % 4]
    np.testing.assert_array_equal(points(sure, labels), [2, 6])
    nothing = np.full((2, 6), ignored)
    np.testing.assert_array_equal(loss(logits, nothing), [0, 0])
    np.testing.assert_array_equal(points(logits, nothing), [0, 0])


def test_an_ignored_label_may_be_the_number_of_a_class():
    labels = jnp.array([[0, 1, 2], [0, 0, 1]])
    right = jax.nn.one_hot(labels, 3)
    np.testing.assert_array_equal(Classes(3, 0).points(right, labels), [2, 1])


def test_ignored_labels_one_an_example():
    labels = LABELS.at[3].set(9)
    loss = Classes(4, 9).loss(LOGITS, labels)
    kept = jnp.arange(6) != 3
    chex.assert_trees_all_close(loss, jnp.where(kept, cross_entropy(LOGITS, LABELS), 0), rtol=1e-6)
    assert Classes(4, 9).points(LOGITS, labels)[3] == 0


def test_squared_errors_are_summed_over_an_example():
    outputs, y = LOGITS, LOGITS[::-1] * 2
    expected = ((np.asarray(outputs) - np.asarray(y)) ** 2).sum(axis=1)
    np.testing.assert_allclose(squared_error(outputs, y), expected, rtol=1e-6)
    np.testing.assert_allclose(minus_squared_error(outputs, y), -expected, rtol=1e-6)


def test_outputs_of_another_shape_are_named():
    with pytest.raises(ValueError, match=r"logits of 5 classes, shape \(6, 5\), got \(6, 4\)"):
        Classes(5).loss(LOGITS, LABELS)
    with pytest.raises(ValueError, match=r"shape of the targets, \(6, 3\), got \(6, 4\)"):
        squared_error(LOGITS, LOGITS[:, :3])
