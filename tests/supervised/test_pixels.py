"""Scores of pictures: one confusion matrix, whatever the batches, and what it is made of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmeta.supervised import evaluation
from jaxmeta.supervised.dataset import Split
from jaxmeta.supervised.pixels import Both, LogDepth, Segmentation
from jaxmeta.tasks import perception
from jaxmeta.tasks.crossroads_data import encode, log_depths

DRAW = np.random.default_rng(0)
IGNORED, CLASSES = 4, 4
LABELS = DRAW.integers(0, 5, (7, 8, 16)).astype(np.int32)
LOGITS = DRAW.normal(size=(7, 8, 16, CLASSES)).astype(np.float32)
CODES = DRAW.integers(0, 256, (7, 8, 16)).astype(np.int32)
FOUND = DRAW.normal(3, 1, (7, 8, 16, 1)).astype(np.float32)
LOGS = log_depths()


def score(kind, outputs, y):
    """Of a network that gives its input back."""
    split = Split(jnp.asarray(outputs), jnp.asarray(y))
    return float(evaluation.evaluate(lambda x: x, kind.points, split, kind.summary))


@pytest.mark.parametrize("targets", [2**18, 3 * 128])  # one batch; batches of 3, 3 and 1
def test_miou_is_that_of_one_matrix_over_all_pictures(targets, monkeypatch):
    monkeypatch.setattr(evaluation, "TARGETS", targets)
    counts = perception.confusion(LABELS, LOGITS.argmax(-1), CLASSES, IGNORED)
    assert counts.sum() == (LABELS != IGNORED).sum()
    kind = Segmentation(CLASSES, IGNORED)
    np.testing.assert_array_equal(kind.points(LOGITS, LABELS).sum(0), counts)
    expected = perception.segmentation(counts)["miou"]
    assert score(kind, LOGITS, LABELS) == pytest.approx(expected, rel=1e-6)


def test_a_label_among_the_classes_can_be_ignored():
    kind = Segmentation(5, ignored=2)
    logits = np.concatenate([LOGITS, FOUND], 3)
    counts = perception.confusion(LABELS, logits.argmax(-1), 5, 2)
    np.testing.assert_array_equal(kind.points(logits, LABELS).sum(0), counts)
    assert counts.sum() == (LABELS != 2).sum()


def test_a_class_that_does_not_occur_has_no_part_in_the_mean():
    y = np.zeros((1, 2, 2), np.int32)
    logits = np.zeros((1, 2, 2, 3), np.float32)
    logits[..., 0] = 1
    logits[0, 0, 0, 1] = 2  # one pixel of four is found as class 1; class 2 is nowhere
    assert score(Segmentation(3), logits, y) == pytest.approx((3 / 4 + 0) / 2)
    counts = perception.confusion(y, logits.argmax(-1), 3)
    assert perception.segmentation(counts) == {"miou": pytest.approx(3 / 8), "accuracy": 3 / 4}


def test_depth_is_the_mean_over_pixels_that_have_one(monkeypatch):
    monkeypatch.setattr(evaluation, "TARGETS", 3 * 128)
    seen = CODES > 0
    expected = -np.abs(FOUND[..., 0] - LOGS[CODES])[seen].mean()
    assert score(LogDepth(LOGS), FOUND, CODES) == pytest.approx(expected, rel=1e-5)


def test_both_is_the_sum_of_the_two_and_its_weight_is_the_losss_alone():
    both = Both(Segmentation(CLASSES, IGNORED), LogDepth(LOGS))
    outputs, y = np.concatenate([LOGITS, FOUND], 3), np.stack([LABELS, CODES], 3)
    alone = score(both.labels, LOGITS, LABELS) + score(both.depth, FOUND, CODES)
    assert score(both, outputs, y) == pytest.approx(alone, rel=1e-5)
    loss = jax.jit(lambda w: both.loss(outputs, y, depth_weight=w))
    expected = 2 * jax.jit(both.depth.loss)(FOUND, CODES)
    np.testing.assert_allclose(loss(2.5) - loss(0.5), expected, rtol=1e-4)


def test_what_is_ignored_has_no_gradient():
    both = Both(Segmentation(CLASSES, IGNORED), LogDepth(LOGS))
    outputs, y = np.concatenate([LOGITS, FOUND], 3), np.stack([LABELS, CODES], 3)
    gradient = np.asarray(jax.jit(jax.grad(lambda x: both.loss(x, y).sum()))(outputs))
    assert (np.abs(gradient[..., :-1]).sum(-1) > 0).tolist() == (LABELS != IGNORED).tolist()
    assert (gradient[..., -1] != 0).tolist() == (CODES != 0).tolist()


def test_an_output_that_is_not_finite_is_no_score():
    outputs = FOUND.copy()
    outputs[5, 0, 0, 0] = np.inf
    assert np.isnan(score(LogDepth(LOGS), outputs, np.zeros_like(CODES)))


def test_depth_as_a_code_is_within_a_hundredth():
    metres = np.geomspace(2, 100, 1000)
    np.testing.assert_allclose(np.exp(log_depths())[encode(metres)], metres, rtol=0.008)
    assert encode(np.array([np.inf, 0.1, 1e9])).tolist() == [0, 1, 255]


def test_measures_of_depth_by_hand():
    true, found = np.array([[1.0, 2.0], [4.0, np.inf]]), np.array([[1.0, 3.0], [4.0, 7.0]])
    expected = {"abs_rel": 0.5 / 3, "rmse": (1 / 3) ** 0.5, "delta": 2 / 3}
    assert perception.depth(true, found) == pytest.approx(expected)


def test_the_gain_of_both_heads_counts_errors_the_other_way():
    alone = {"miou": 0.5, "abs_rel": 0.2}
    assert perception.gain({"miou": 0.6, "abs_rel": 0.1, "rmse": 9.0}, alone) == pytest.approx(0.35)
