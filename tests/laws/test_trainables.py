"""Laws that every trainable must pass; a new task earns them all by its place in `TASKS`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.cartpole import cartpole
from jaxmeta import keys, objective, score, tasks
from jaxmeta.learned.meta import meta_training
from jaxmeta.learned.optimizees import quadratics
from jaxmeta.space import Space, Values
from jaxmeta.supervised import Task
from jaxmeta.tasks import TASKS
from jaxmeta.training import Lanes, Program, Stack, Trainable, Training, admit, train
from jaxmeta.training.lanes import FORMULATIONS

EPOCHS = 3


def small(name):
    return tasks.make(name, train_size=100)


def wave():
    return objective(lambda key, v: -((v["x"] - 1) ** 2) * v["n"], WAVES, name="wave")


def meta_training_of_quadratics():
    return meta_training("quadratics", quadratics(4), side_by_side=2, rounds=1, held_out=2)


WAVES = Space(x=Values(0.5, 1.0), n=Values(1, 2))
# A new trainable is one line here: how it is made, and a value for one of its hyperparameters.
MADE = {
    **{name: (lambda name=name: small(name), {"learning_rate": 1e-3}) for name in TASKS},
    "cartpole": (cartpole, {"learning_rate": 0.01}),
    "wave": (wave, {"x": 0.5}),
    "meta-training": (meta_training_of_quadratics, {"learning_rate": 0.01}),
}
CONSTANTS = {
    "cartpole": {"episodes": 4, "width": 4},
    "wave": {"n": 2},
    "meta-training": {"unroll": 50, "truncated": 2},
}


# These take long to compile; tests/models/test_bits.py has a small network's lanes, and
# tests/training/test_functions.py trains cartpole.
SLOW = {"mnist", "steering", "crossroads", "meta-training", "cartpole"}


@pytest.fixture(
    scope="module",
    params=[pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in MADE],
)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def made(name):
    return MADE[name][0]()


def key(n):
    return keys.training(keys.root(0), n, 0)


def program(name, made, lanes=Lanes()):  # noqa: B008
    if isinstance(made, Task):  # a part of the held-out split is enough
        made = few(made)
    constants = CONSTANTS.get(name, {})
    return Program(made, Training(EPOCHS, EPOCHS), constants, MADE[name][1], lanes=lanes)


def few(task, n=50):
    import dataclasses

    held_out = task.data.validation
    data = dataclasses.replace(task.data, validation=type(held_out)(held_out.x[:n], held_out.y[:n]))
    return dataclasses.replace(task, data=data)


@pytest.fixture(scope="module")
def alone(name, made):
    one = program(name, made)
    return one, [train(one, key(n), MADE[name][1]) for n in range(2)]


def shown(results):
    return [result._replace(compiled="") for result in results]


def test_it_says_what_it_is(made):
    assert isinstance(made, Trainable)
    assert made.kind in (score.COUNT, score.FLOAT) and made.meaning
    assert made.promises in ("plain", "fixed order")
    assert {"validation"} <= set(made.held_out) <= {"validation", "test"}
    assert (made.of("validation") is None) == (made.kind == score.FLOAT)
    assert set(made.preset_axes) <= {"poster", "logarithmic"}


def test_every_axis_of_its_own_may_be_tuned(made):
    for tuned, axis in made.axes.items():
        fixed = {"regularizer": "l2"} if tuned == "strength" else {}
        if isinstance(made, Task) and tuned == "momentum":
            fixed = {"optimizer": "nesterov"}
        space = Space(**{tuned: axis}).resolve(lambda axis: axis.evenly(5))
        if isinstance(made, Task) or tuned in made.defaults:
            admit(made, space, fixed)


def test_the_same_key_and_values_give_the_same_training(alone, name):
    one, [(result, _), (other, _)] = alone
    assert train(one, key(0), MADE[name][1])[0] == result
    assert result.digests != other.digests or not MADE[name][0]().defaults
    assert result.score != score.DIVERGED and not result.diverged


def test_pieces_of_any_length_give_the_same_bits(alone, name):
    one, [(result, _), _] = alone
    for lengths in ((1, 1), (2,)):
        at = None
        for length in lengths:
            done = 0 if at is None else int(at.epoch)
            _, at = train(one, key(0), MADE[name][1], at=at, until=done + length)
        assert train(one, key(0), MADE[name][1], at=at)[0] == result


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_lanes_give_the_bits_that_are_promised(alone, name, made, formulation):
    """Alone, or where the order is not fixed in the same lanes with another neighbour."""
    wide = program(name, made, Lanes(2, formulation))
    stack, values = Stack(wide), MADE[name][1]

    def together(*numbers):
        for lane, n in enumerate(numbers):
            stack.start(lane, wide.fresh(key(n), values), key(n), values)
        stack.advance(dict.fromkeys(range(len(numbers)), EPOCHS))
        return shown(stack.results())

    side_by_side = together(0, 1)
    assert together(1, 0) == side_by_side[::-1]
    assert together(0, 5)[0] == side_by_side[0]
    if made.promises == "fixed order":
        assert side_by_side == shown(result for result, _ in alone[1])


def test_another_value_is_another_training_and_no_other_program(alone, name):
    one, [(result, _), _] = alone
    [(tuned, value)] = MADE[name][1].items()
    executables = one.begin, one.go_on
    other, _ = train(one, key(0), {tuned: value * 1.5})
    assert (other.digests, other.curve) != (result.digests, result.curve)
    assert (one.begin, one.go_on) == executables and other.compiled == result.compiled


TASKS_ONLY = pytest.mark.parametrize("task", TASKS)


@TASKS_ONLY
def test_the_splits_have_targets_for_inputs_and_the_size_asked_for(task):
    data = small(task).data
    for split in (data.train, data.validation, data.test):
        assert len(split.x) == len(split.y) > 0
        assert split.x.dtype in (np.uint8, np.float32) and split.y.dtype in (np.int32, np.float32)
    assert len(data.train.x) == 100


@TASKS_ONLY
def test_no_example_is_in_two_splits(task):
    data = small(task).data
    seen = [
        {(x.tobytes(), y.tobytes()) for x, y in zip(split.x, split.y, strict=True)}
        for split in (data.train, data.validation)
    ]
    assert not seen[0] & seen[1]


@TASKS_ONLY
def test_the_data_are_the_same_each_time(task):
    one = small(task)
    assert tasks.make(one.name, **one.options).data_record() == one.data_record()
    assert tasks.make(one.name, train_size=99).data.digest != one.data.digest


@pytest.mark.parametrize(
    "task",
    [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in TASKS],
)
def test_training_lowers_the_loss_and_it_is_one_finite_float_an_example(task):
    """On a batch seen again and again; the learning rate is the task's business elsewhere."""
    one = small(task)
    network = one.network.network({})
    x, y = (jnp.asarray(a[:20]) for a in one.data.train)
    x = x.astype(jnp.float32)
    params, rest = jax.jit(network.init)(keys.root(0), x[:1])
    each = jax.jit(lambda p: one.loss(network.apply(p, rest, x, None)[0], y))
    losses = each(params)
    assert losses.shape == (20,) and losses.dtype == jnp.float32 and jnp.isfinite(losses).all()
    optimizer = one.optimizers["adam"](learning_rate=jnp.float32(1e-3))

    @jax.jit
    def step(params, state):
        gradient = jax.grad(lambda p: each(p).mean())(params)
        updates, state = optimizer.update(gradient, state, params)
        return jax.tree.map(jnp.add, params, updates), state

    state = optimizer.init(params)
    for _ in range(10):
        params, state = step(params, state)
    assert each(params).mean() < losses.mean()
