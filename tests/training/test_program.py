"""Train_N: its loop on problems whose every epoch is known beforehand, and on a real small one."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxmeta import keys, tasks
from jaxmeta.score import DIVERGED
from jaxmeta.training.program import Program, Training

KEY = keys.derive(keys.root(0), "train", 0)
RATE = {"learning_rate": 0.01}


class Scripted:
    """A problem whose "weights" count steps, and whose evaluation after step t is table[t].

    What it carries beside the weights says how often, and when, each example was trained on.
    """

    def __init__(self, table, examples=4, nan_at=None):
        self.table, self.examples = jnp.array(table, jnp.int32), examples
        self.nan_at = nan_at

    def init(self, key, x):
        return {"t": jnp.float32(0)}, jnp.zeros(self.examples, jnp.int32)

    def apply(self, params, rest, x, key):
        if key is None:
            return jnp.broadcast_to(params["t"], (len(x),)), rest
        return jnp.broadcast_to(params["t"], (len(x),)), rest * 10 + jnp.zeros_like(rest).at[x].add(
            1
        )

    def loss(self, outputs, y):
        bad = jnp.float32(jnp.nan) if self.nan_at is not None else jnp.float32(0)
        return jnp.where(outputs == (self.nan_at or -1), bad, outputs * 0)

    def points(self, outputs, y):
        first = jnp.arange(len(outputs)) == 0  # one row says it all
        return jnp.where(first, self.table[outputs.astype(jnp.int32)], 0)

    def optimizer(self, learning_rate):
        del learning_rate
        return optax.GradientTransformation(
            lambda params: (),
            lambda updates, state, params=None: (jax.tree.map(jnp.ones_like, updates), state),
        )


def scripted(table, steps=1, **training):
    problem = Scripted(table, examples=4 * steps)
    x = np.arange(4 * steps)
    return Program(problem, (x, x), (x[:1], x[:1]), Training(batch_size=4, **training))


def test_the_score_is_the_best_evaluation_seen_first():
    result, _ = scripted([0, 3, 7, 7, 5], epochs=4, patience=9).train(KEY, RATE)
    assert (result.score, result.best_epoch, result.epochs) == (7, 2, 4)
    assert result.curve == [3, 7, 7, 5]


@pytest.mark.parametrize(("patience", "epochs"), [(1, 2), (2, 3), (3, 6), (9, 6)])
def test_patience_waits_that_many_epochs_for_a_better_one(patience, epochs):
    """Evaluations 5 5 4 6 6 6, after epochs 1 to 6."""
    result, _ = scripted([0, 5, 5, 4, 6, 6, 6], epochs=6, patience=patience).train(KEY, RATE)
    assert result.epochs == epochs
    assert result.score == (5 if patience < 3 else 6)


def test_every_example_once_an_epoch_in_another_order_each_time():
    _, at = scripted([0] * 99, steps=5, epochs=1).train(KEY, RATE)
    orders = [np.asarray(at.rest)]
    assert sorted(orders[0].tolist()) == sorted([10**n for n in range(5)] * 4)
    program = scripted([0] * 99, steps=5, epochs=2, patience=9)
    _, at = program.train(KEY, RATE)
    second = np.asarray(at.rest) - orders[0] * 10**5
    assert sorted(second.tolist()) == sorted([10**n for n in range(5)] * 4)
    assert (second != orders[0]).any()


def test_what_the_batch_size_leaves_over_sits_out():
    problem = Scripted([0] * 9, examples=11)
    x = np.arange(11)
    _, at = Program(problem, (x, x), (x[:1], x[:1]), Training(1, 1, batch_size=4)).train(KEY, RATE)
    assert (np.asarray(at.rest) > 0).sum() == 8


def test_a_loss_that_is_not_a_number_ends_the_training_there():
    problem = Scripted([0, 1, 2, 3, 4, 5, 6, 7, 8], examples=8, nan_at=3)
    x = np.arange(8)
    training = Training(epochs=4, patience=9, batch_size=4)
    result, at = Program(problem, (x, x), (x[:1], x[:1]), training).train(KEY, RATE)
    assert result.diverged and result.score == DIVERGED and result.best_epoch == 0
    assert result.curve == [2, DIVERGED]
    assert np.isnan(result.losses[-1])
    assert float(at.params["t"]) == 4  # the step that met it was the last: steps 0 to 3


@pytest.mark.parametrize("rate", [1e20, 1e38])
def test_a_huge_learning_rate_is_data_not_an_exception(rate):
    task = tasks.make("spirals")
    program = Program(task, task.data.train, task.data.validation, Training(epochs=3))
    result, _ = program.train(KEY, {"learning_rate": rate})
    assert result.diverged and result.score == DIVERGED


@pytest.fixture(scope="module", params=["spirals", "sine"])
def small(request):
    task = tasks.make(request.param)
    return Program(task, task.data.train, task.data.validation, Training(epochs=6, patience=6))


def test_k_epochs_and_then_more_equal_one_longer_run(small):
    whole, at_whole = small.train(KEY, RATE)
    for k in (1, 2, 5):
        _, at = small.train(KEY, RATE, until=k)
        assert int(at.epoch) == k
        parts, at_parts = small.resume(at, KEY, RATE)
        assert parts == whole
        chex.assert_trees_all_equal(at_parts, at_whole)
    watched, at_watched = small.train(KEY, RATE, watch=lambda _: None)
    assert watched == whole
    chex.assert_trees_all_equal(at_watched, at_whole)


def test_control_another_key_and_another_rate_give_other_bits(small):
    digests = {
        small.train(key, {"learning_rate": rate}, until=1)[0].digests[0]
        for key in (KEY, keys.derive(keys.root(1), "train", 0))
        for rate in (0.01, 0.010000001)
    }
    assert len(digests) == 4


def test_many_learning_rates_one_compilation(small):
    small.train(KEY, RATE)
    for rate in (0.001, 0.003, 0.5):
        small.train(keys.root(7), {"learning_rate": rate})
    assert small.begin._cache_size() == 1
    assert small.go_on._cache_size() == 1


@pytest.mark.parametrize("n", [1, 499, 500, 501, 600])
def test_the_whole_split_is_counted_whatever_its_size(n):
    task = tasks.make("spirals")
    x, y = task.data.train.x[:n], task.data.train.y[:n]
    program = Program(task, task.data.train, (x, y), Training(epochs=1))
    result, at = program.train(KEY, RATE)
    logits, _ = task.apply(at.params, at.rest, jnp.asarray(x), None)
    assert result.score == int((np.argmax(logits, axis=1) == y).sum())


def test_the_program_is_named_by_what_it_computes():
    task = tasks.make("spirals")
    make = lambda **t: Program(task, task.data.train, task.data.validation, Training(**t))  # noqa: E731
    assert make(epochs=3).fingerprint() == make(epochs=3).fingerprint()
    assert make(epochs=3).fingerprint() != make(epochs=3, batch_size=49).fingerprint()


@pytest.mark.parametrize(
    "bad",
    [{"epochs": 0}, {"patience": 0}, {"batch_size": 0}, {"batch_size": -5}]
    + [{"batch_size": 5000}, {"steps_per_epoch": 0}, {"steps_per_epoch": 99}],
)
def test_bad_lengths_are_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Training(**bad).steps(1200)
