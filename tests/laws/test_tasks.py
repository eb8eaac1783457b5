"""Laws that every task must pass; a new one earns them all by its place in `TASKS`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmeta import keys
from jaxmeta.tasks import TASKS, make
from jaxmeta.training.program import Program, Training


@pytest.fixture(scope="module", params=list(TASKS))
def task(request):
    return make(request.param, train_size=100)


@pytest.fixture(scope="module")
def trained(task):
    """One short training, on part of the evaluation split."""
    program = Program(task, task.data.train, _first(task.data.validation, 200), Training(epochs=1))
    key = keys.derive(keys.root(0), "train", 0)
    return program, key, program.train(key, {"learning_rate": 1e-3})


def _first(split, n):
    return split.x[:n], split.y[:n]


def test_the_splits_have_targets_for_inputs_and_the_size_asked_for(task):
    for split in (task.data.train, task.data.validation, task.data.test):
        assert len(split.x) == len(split.y) > 0
        assert split.x.dtype in (np.uint8, np.float32) and split.y.dtype in (np.int32, np.float32)
    assert len(task.data.train.x) == 100


def test_no_example_is_in_two_splits(task):
    seen = [
        {(x.tobytes(), y.tobytes()) for x, y in zip(split.x, split.y, strict=True)}
        for split in (task.data.train, task.data.validation)
    ]
    assert not seen[0] & seen[1]


def test_the_data_are_the_same_each_time(task):
    assert make(task.name, **task.options).data.digest == task.data.digest
    assert make(task.name, train_size=99).data.digest != task.data.digest


def test_the_loss_is_one_finite_float_an_example(task):
    x, y = (jnp.asarray(a[:7]) for a in task.data.train)

    @jax.jit
    def measured(x, y):
        params, rest = task.init(keys.root(0), x[:1])
        outputs, _ = task.apply(params, rest, x, keys.root(1))
        return task.loss(outputs, y), task.points(outputs, y)

    loss, points = measured(x, y)
    assert loss.shape == (7,) and loss.dtype == jnp.float32 and jnp.isfinite(loss).all()
    assert points.shape == (7,)


def test_training_lowers_the_loss(task):
    """On a batch seen again and again; the learning rate is the task's business elsewhere."""
    params, rest = jax.jit(task.init)(keys.root(0), jnp.asarray(task.data.train.x[:1]))
    x, y = (jnp.asarray(a[:20]) for a in task.data.train)
    loss = jax.jit(lambda p: task.loss(task.apply(p, rest, x, None)[0], y).mean())
    optimizer = task.optimizer(learning_rate=jnp.float32(1e-3))
    state, before = optimizer.init(params), loss(params)

    @jax.jit
    def step(params, state):
        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        return jax.tree.map(jnp.add, params, updates), state

    for _ in range(10):
        params, state = step(params, state)
    assert loss(params) < before


def test_the_same_key_gives_the_same_training(trained):
    program, key, (result, _) = trained
    again, _ = program.train(key, {"learning_rate": 1e-3})
    assert again == result and not result.diverged
    assert program.go_on._cache_size() == 1


def test_another_key_gives_another(trained):
    program, _, (result, _) = trained
    other, _ = program.train(keys.root(9), {"learning_rate": 1e-3})
    assert other.digests != result.digests
