"""The built-in training: who takes which hyperparameter, what it does, what is met at the door."""

import re
from functools import partial

import chex
import cloudpickle
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from flax import nnx

from jaxmeta import keys, score, tasks
from jaxmeta.models.layers import dropout
from jaxmeta.models.network import Network, Source
from jaxmeta.space import Choice, Linear, Log, Space, Values
from jaxmeta.supervised import Task, arrays, classification, regression
from jaxmeta.supervised.regularizers import STRENGTHS, resolve
from jaxmeta.supervised.task import permutation
from jaxmeta.training import Program, Training, admit, train

KEY = keys.training(keys.root(0), 0, 0)
DRAW = np.random.default_rng(0)
TWO = Training(2, 2)


@pytest.mark.parametrize("n", [1, 2, 1625, 1626, 50_000])  # from 1,626 on it sorts twice
def test_the_order_is_jaxs_permutation(n):
    for seed in range(3):
        order = jax.jit(partial(permutation, n=n))(keys.root(seed))
        assert order.dtype == jnp.int32
        np.testing.assert_array_equal(order, jax.random.permutation(keys.root(seed), n))


class Net(nn.Module):
    outputs: int = 3
    width: int = 8
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x, *, train: bool):
        x = nn.relu(nn.Dense(self.width)(x))
        if train:
            x = dropout(x, self.dropout, self.make_rng("dropout"))
        return nn.Dense(self.outputs)(x)


def points(examples=60, classes=3):
    x = np.random.default_rng(0).standard_normal((examples, 2)).astype(np.float32)
    y = np.arange(examples) % classes
    return arrays("points", x, y, test=(x[:9], y[:9]), validation=20)


def task(net=Net, data=None, **more):
    return classification("mine", net, data or points(), **more)


def one(made, traced=None, until=None, training=TWO, **constants):
    """One training; the values of `traced` are traced, all else is constant."""
    program = Program(made, training, constants, traced or ())
    return train(program, KEY, {n: float(v) for n, v in (traced or {}).items()}, until=until)


def written(made, **constants):
    """The program as JAX wrote it, not compiled."""
    program = Program(made, TWO, constants)
    arguments = *program.abstract_stack(), program.data["train"], program.data["validation"]
    return jax.jit(program._go_on).lower(*arguments).as_text()


def test_every_example_once_an_epoch_in_another_order_each_time_and_the_rest_sits_out():
    """What this network carries says how often, and when, it saw each example."""

    def apply(params, rest, x, key):
        if key is None:
            return jnp.zeros((len(x), 1)), rest
        return jnp.zeros((len(x), 1)) * params, rest * 10 + jnp.zeros_like(rest).at[x].add(1)

    network = Network(lambda key, x: (jnp.float32(0), jnp.zeros(11, jnp.int32)), apply)
    x = np.arange(14)
    data = arrays("counted", x, np.zeros((14, 1)), test=(x, np.zeros((14, 1))), validation=3)
    counted = regression("counted", Net, data)
    made = Task(
        "counted", data, Source({}, lambda values: network), counted.loss, counted.points,
        score.FLOAT, "nothing",
    )  # fmt: skip
    _, at = one(made, until=1, batch_size=4)
    first = np.asarray(at.state.rest)
    assert sorted(first.tolist()) == [0] * 3 + [1] * 4 + [10] * 4
    _, at = one(made, batch_size=4)
    second = np.asarray(at.state.rest) - first * 100
    assert sorted(second.tolist()) == [0] * 3 + [1] * 4 + [10] * 4
    assert (second != first).any()
    _, at = one(made, until=1, batch_size=4, steps_per_epoch=1)
    assert sorted(np.asarray(at.state.rest).tolist()) == [0] * 7 + [1] * 4


@pytest.mark.parametrize("n", [501, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 500))])
def test_the_whole_split_is_counted_whatever_its_size(n):
    spirals = tasks.make("spirals")
    x, y = spirals.data.train
    data = arrays("some", x, y, test=(x[:n], y[:n]), validation=600)
    made = classification("some", partial(Net, 3), data)
    program = Program(made, Training(1, 1), {"learning_rate": 0.01})
    result, at = train(program, KEY, {})
    net = Net()
    logits = net.apply({"params": at.state.params}, jnp.asarray(x[:n]), train=False)
    right = int((np.argmax(logits, axis=1) == y[:n]).sum())
    assert program.score("test", KEY, {}, at) == right and made.of("test") == n
    logits = net.apply({"params": at.state.params}, jnp.asarray(x[-600:]), train=False)
    assert result.score == int((np.argmax(logits, axis=1) == y[-600:]).sum())


def test_every_number_changes_the_training_and_none_compiles():
    names = ["learning_rate", "beta1", "beta2", "l2", "weight_decay", "label_smoothing", "dropout"]
    values = dict.fromkeys(names, 0.1)
    program = Program(task(), TWO, {"batch_size": 10}, names)
    others = [values, *(values | {name: 0.2} for name in names)]
    results = [train(program, KEY, other, until=1)[0] for other in others]
    assert len({result.digests[0] for result in results}) == len(others) == 8
    assert len({result.compiled for result in results}) == 1


def test_every_static_value_changes_the_program():
    programs = [
        written(task(), **{"batch_size": 10, **given})
        for given in ({}, {"batch_size": 20}, {"steps_per_epoch": 1}, {"optimizer": "lion"})
        + ({"width": 4},)
    ]
    assert len(set(programs)) == len(programs)
    assert written(task(), batch_size=10, optimizer="adam", beta1=0.9) == programs[0]


def test_a_number_that_is_traced_does_what_its_constant_does():
    """To the last bits: XLA folds constants."""
    made, values = task(), {"learning_rate": 0.01, "l2": 0.1, "label_smoothing": 0.2}
    values |= {"dropout": 0.3, "beta1": 0.8, "weight_decay": 0.1}
    traced, constant = one(made, values, batch_size=10), one(made, batch_size=10, **values)
    chex.assert_trees_all_close(traced[1].state.params, constant[1].state.params, rtol=1e-3)


def test_a_regularizer_is_one_of_them_with_its_strength():
    def of(**values):
        return written(task(partial(Net, dropout=0.5)), batch_size=10, **values)

    none = of(dropout=0.0)
    assert of(regularizer="none") == none != of()
    for name, strength in STRENGTHS.items():
        own = of(**{"dropout": 0.0, name: strength})
        assert of(regularizer=name) == own != none
    assert of(regularizer="l2", strength=0.3) == of(dropout=0.0, l2=0.3)
    assert resolve({"a": 1}) == {"a": 1}


def test_l2_is_the_gradient_of_its_penalty():
    made = task(optimizer={"sgd": optax.sgd})
    plain, with_l2 = (
        one(made, {"l2": l2}, until=1, steps_per_epoch=1, batch_size=10, learning_rate=1.0)[1]
        for l2 in (0.0, 0.25)
    )
    begun = Program(made, TWO).fresh(KEY, {}).state.params
    expected = jax.tree.map(lambda p, w: p - 0.25 * w, plain.state.params, begun)
    chex.assert_trees_all_close(with_l2.state.params, expected, rtol=1e-5, atol=1e-6)


def test_a_users_own_optimizers_are_the_choices():
    def slow(learning_rate, power):
        return optax.sgd(learning_rate**power)

    made = task(optimizer={"slow": slow, "fast": lambda learning_rate: optax.sgd(learning_rate)})
    assert made.axes["optimizer"] == Choice("slow", "fast") and made.promises == "plain"
    assert made.defaults["optimizer"] == "slow"
    result, _ = one(made, {"learning_rate": 0.1, "power": 2.0}, batch_size=10)
    assert result.epochs == 2 and not result.diverged
    with pytest.raises(ValueError, match="the optimizer slow needs power, which is neither"):
        made.check({**made.defaults, "batch_size": 10})
    alone = task(optimizer=optax.adam)
    assert alone.defaults["optimizer"] == "adam" and "optimizer" not in alone.axes
    fixed = task(optimizer=lambda: optax.sgd(0.1))
    assert "learning_rate" not in fixed.defaults
    fixed.check({**fixed.defaults, "batch_size": 10})
    with pytest.raises(ValueError, match="optimizer must be a function that makes"):
        task(optimizer=optax.adam(1e-3))


class NnxNet(nnx.Module):
    """Its dropout rate is an attribute, so it may be traced."""

    def __init__(self, width: int, dropout: float, *, rngs: nnx.Rngs):
        self.first, self.last = nnx.Linear(2, width, rngs=rngs), nnx.Linear(width, 3, rngs=rngs)
        self.rate, self.rngs = jnp.float32(dropout), rngs
        self.training = False

    def train(self, **attributes):
        super().train(**attributes)
        self.training = True

    def eval(self, **attributes):
        super().eval(**attributes)
        self.training = False

    def __call__(self, x):
        x = nnx.relu(self.first(x))
        if self.training:
            x = dropout(x, self.rate, self.rngs.dropout())
        return self.last(x)


def test_an_nnx_network_takes_static_and_traced_hyperparameters():
    made = task(NnxNet)
    programs = [Program(made, TWO, {"batch_size": 10, "width": n}, ["dropout"]) for n in (4, 8)]
    digests = {
        train(program, KEY, {"dropout": rate})[0].digests[-1]
        for program in programs
        for rate in (0.2, 0.3)
    }
    assert len(digests) == 4


def test_tokens_stay_integers_and_dicts_of_arrays_are_inputs():
    """A label a token; the network embeds one input and reads another."""

    class Reader(nn.Module):
        @nn.compact
        def __call__(self, x):
            shown = nn.Embed(5, 8)(x["tokens"]) + nn.Dense(8)(x["hint"])[:, None, :]
            return nn.Dense(5)(nn.relu(shown))

    tokens = DRAW.integers(0, 5, (300, 6))
    x = {"tokens": tokens, "hint": DRAW.standard_normal((300, 2))}
    y = (tokens + 1) % 5
    data = arrays("tokens", x, y, test=(jax.tree.map(lambda a: a[:50], x), y[:50]), validation=50)
    assert data.train.x["tokens"].dtype == np.int32 and data.train.x["hint"].dtype == np.float32
    assert data.train.y.shape == (250, 6) and data.classes == 5
    made = classification("tokens", Reader(), data)
    assert made.of("validation") == 300
    result, _ = one(made, {"learning_rate": 0.1}, training=Training(4, 4))
    assert result.score == 300  # it can be learnt


def test_dense_labels_with_an_ignored_one():
    """Each pixel's class is whether it is bright; the border is ignored."""
    x = DRAW.integers(0, 256, (120, 6, 6, 1)).astype(np.uint8)
    y = (x[..., 0] > 127).astype(np.uint8)
    y[:, 0] = 255
    data = arrays("pixels", x, y, test=(x[:9], y[:9]), validation=20, ignored=255)
    assert data.classes == 2 and data.train.x.dtype == np.uint8

    class Pixels(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Dense(2)(nn.relu(nn.Dense(16)(x)))

    made = classification("pixels", Pixels(), data)
    assert made.of("validation") == 20 * 30 and made.of("test") == 9 * 30
    result, _ = one(made, {"learning_rate": 0.1}, training=Training(4, 4), batch_size=10)
    assert 0.9 * 600 < result.score <= 600
    halved = arrays("pixels", x, y // 2, test=(x[:9], y[:9] // 2), validation=20)
    assert data.digest != halved.digest


def test_a_list_of_numbers_is_an_array():
    data = arrays("list", [[1, 2]] * 12, [0, 1] * 6, test=([[1, 2]], [0]))
    assert data.train.x.shape == (11, 2) and data.train.examples == 11


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"dropot": 0.1}, "dropot is a hyperparameter that nothing .* did you mean dropout?"),
        ({"optimizer": "adamm"}, "optimizer must be one of adam, sgd, .* got 'adamm'"),
        ({"batch_size": 41}, "batch_size must be at most the 40 training examples, got 41"),
        ({"batch_size": 16.0}, "batch_size must be a whole number"),
        ({"batch_size": 0}, "batch_size must be a whole number, at least 1"),
        ({"steps_per_epoch": 5}, r"at most 4 \(40 examples in batches of 10\), got 5"),
        ({"steps_per_epoch": -1}, "steps_per_epoch must be a whole number"),
        ({"dropout": 1.0}, "dropout must be a number from 0 to below 1, got 1.0"),
        ({"beta2": 1.5}, "beta2 must be a number from 0 to below 1, got 1.5"),
        ({"learning_rate": -0.1}, "learning_rate must be a number from 0 "),
        ({"l2": float("nan")}, "l2 must be a number"),
        ({"regularizer": "l3"}, "regularizer must be one of none, l2,"),
        ({"regularizer": "l2", "dropout": 0.1}, "chooses one of .* and dropout is given by its"),
        ({"strength": 0.1}, "strength is that of a regularizer, and none is chosen"),
    ],
)
def test_what_cannot_be_trained_is_named_at_the_door(values, match):
    made = task()
    with pytest.raises(ValueError, match=match):
        made.check({**made.defaults, "batch_size": 10, **values})


class Bare(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(3)(x)


@pytest.mark.parametrize(
    ("space", "fixed", "match"),
    [
        (Space(batch_size=Values(10, 50)), {}, "at most the 40 training examples, got 50"),
        (Space(regularizer=Choice("none", "dropout")), {}, "dropout is a hyperparameter that"),
        (Space(dropout=Linear(0.0, 0.5, 0.1)), {}, "dropout is a hyperparameter that"),
        (Space(beta1=Values(0.1, 0.9)), {"optimizer": "sgd"}, "beta1 must change something"),
        (Space(l2=Log(1e-3, 1.0, 0.1)), {"beta1": 0.1, "optimizer": "lion"}, None),
        (Space(beta1=Values(0.1, 0.9), optimizer=Choice("sgd", "adam")), {}, None),
        (Space(l2=Log(1e-3, 1.0, 0.1)), {"l2": 0.1}, "l2 must be tuned or set, not both"),
        (Space(l2=Linear(-1.0, 1.0, 0.1)), {}, "l2 must be a number from 0"),
        (Space(strength=Log(1e-3, 0.5, 0.1)), {"regularizer": "none"}, "strength must change"),
        (Space(optimizer=Choice("adam", "addam")), {}, "optimizer must be one of"),
    ],
)
def test_a_space_that_nothing_takes_is_named_at_the_door(space, fixed, match):
    made = task(Bare())
    fixed = {"batch_size": 10, **fixed}
    fixed = {name: value for name, value in fixed.items() if name != "batch_size" or name not in space.names}  # fmt: skip  # noqa: E501
    if match is None:
        return admit(made, space, fixed)
    with pytest.raises(ValueError, match=match):
        admit(made, space, fixed)


def test_the_axes_of_a_name_are_those_that_something_takes():
    bare, full = task(Bare()), task()
    assert "dropout" not in bare.axes and "dropout" in full.axes
    assert "dropout" not in bare.axes["regularizer"].values
    assert bare.axes["batch_size"] == Values(16, 32)  # 40 examples
    assert "label_smoothing" not in regression("r", Bare(), _numbers()).axes
    assert set(full.preset_axes) == {"poster", "logarithmic"}
    admit(full, Space(**{n: a for n, a in full.axes.items() if n in ("beta1", "optimizer")}),
          {"batch_size": 10})  # fmt: skip


def _numbers():
    x = np.arange(24.0).reshape(12, 2)
    return arrays("numbers", x, x[:, :1], test=(x, x[:, :1]))


def test_what_is_promised():
    spirals = tasks.make("spirals")
    sent = cloudpickle.loads(cloudpickle.dumps(spirals))  # as to a worker
    assert spirals.promises == sent.promises == "fixed order"
    assert sent.data_record() == spirals.data_record() and sent.axes == spirals.axes
    assert task().promises == "plain"
    assert task(fixed_order=True, optimizer=optax.sgd).promises == "plain"


def test_what_is_kept_are_the_variables_of_the_module():
    made = task()
    _, at = one(made, batch_size=10)
    kept = made.kept(at.state)
    chex.assert_trees_all_equal(kept, {"params": at.state.params})
    assert Net().apply(kept, jnp.zeros((1, 2)), train=False).shape == (1, 3)


def test_a_count_fits_into_an_int32():
    data = points()
    huge = np.broadcast_to(np.int32(0), (2**16, 2**15))
    data = type(data)(**{**vars(data), "test": data.test._replace(y=huge)})
    with pytest.raises(ValueError, match=re.escape("a score must stay below 2**31")):
        task(data=data)
