"""A user's own functions as trainables: an objective in a line, and reinforcement learning."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.cartpole import STEPS, cartpole
from jaxmeta import keys, objective, score, tasks, trainable
from jaxmeta.space import Choice, Log, Space, Values
from jaxmeta.training import Lanes, Program, Stack, Trainable, Training, admit, train

KEY = keys.training(keys.root(0), 0, 0)
SPACE = Space(x=Log(0.1, 10.0, 0.1), n=Values(1, 2, 3), sign=Choice("plus", "minus"))


def parabola(key, values):
    noise = jax.random.normal(key) * 1e-3
    sign = {"plus": 1, "minus": -1}[values["sign"]]
    return sign * jnp.log(values["x"]) ** 2 * values["n"] + noise


def test_an_objective_is_a_training_of_one_epoch():
    made = objective(parabola, SPACE)
    assert isinstance(made, Trainable) and made.name == "parabola"
    assert made.axes == dict(zip(SPACE.names, SPACE.axes, strict=True))
    assert made.data_record() is None and made.of("validation") is None
    admit(made, SPACE, {})
    program = Program(made, made.training, {"n": 3, "sign": "minus"}, ["x"])
    result, at = train(program, KEY, {"x": 2.0})
    assert result.epochs == result.best_epoch == 1 and made.kept(at.state) is None
    assert score.to_float(result.score) == pytest.approx(-3 * np.log(2) ** 2, abs=5e-3)
    others = {train(program, k, {"x": x})[0].score for k in (KEY, keys.root(3)) for x in (1.0, 2.0)}
    assert len(others) == 4 and result.score in others


def test_an_objective_that_is_not_a_number_has_diverged():
    made = objective(lambda key, values: jnp.log(values["x"] - 5), Space(x=Values(1.0, 2.0)))
    result, _ = train(Program(made, made.training, traced=["x"]), KEY, {"x": 1.0})
    assert result.diverged and result.score == score.DIVERGED


RATES = {"learning_rate": 0.02, "discount": 0.98}


@pytest.fixture(scope="module")
def balanced():
    """CartPole, learnt."""
    program = Program(cartpole(), Training(6, 6), {"episodes": 8}, ["learning_rate", "discount"])
    return program, train(program, KEY, RATES)


def test_policy_gradient_learns_to_balance_the_pole(balanced):
    program, (result, at) = balanced
    steps = [score.to_float(points) for points in result.curve]
    begun = score.to_float(program.score("validation", KEY, RATES, program.fresh(KEY, RATES)))
    assert max(steps) > 0.9 * STEPS > 3 * begun
    tested = score.to_float(program.score("test", KEY, RATES, at))
    assert 0 < tested <= STEPS


def test_cartpole_is_made_by_its_name_and_goes_on_with_the_same_bits(balanced):
    program, (result, _) = balanced
    made = tasks.make("experiments.cartpole:cartpole")
    assert made.name == "experiments.cartpole:cartpole" and made.options == {}
    _, at = train(program, KEY, RATES, until=2)
    assert train(program, KEY, RATES, at=at)[0] == result
    admit(made, Space(**made.axes).resolve(lambda axis: axis.evenly(3)), {})


def test_a_state_may_hold_keys_and_nothing_may_be_trained_on():
    made = trainable(
        "walk",
        lambda key, values, train: {"key": key, "at": jnp.zeros(2)},
        lambda key, n, values, state, train: (
            {
                "key": jax.random.split(state["key"], 1)[0],
                "at": state["at"] + values["x"] * jax.random.normal(keys.derive(key, "a", n), (2,)),
            },
            0.0,
        ),
        lambda key, values, state, held_out: state["at"].sum(),
        axes={"x": Log(0.1, 1.0)},
        weights=lambda state: state["at"],
    )
    alone = Program(made, Training(3, 3), traced=["x"])
    expected = [train(alone, keys.root(n), {"x": 0.5})[0] for n in range(2)]
    stack = Stack(Program(made, Training(3, 3), traced=["x"], lanes=Lanes(2, "vmap")))
    for lane in range(2):
        fresh = alone.fresh(keys.root(lane), {"x": 0.5})
        stack.start(lane, fresh, keys.root(lane), {"x": 0.5})
    stack.advance({0: 3, 1: 3})
    assert [r._replace(compiled="") for r in stack.results()] == [
        r._replace(compiled="") for r in expected
    ]


def test_data_of_a_users_own_have_a_digest_and_counts_are_out_of_something():
    def made(x):
        return trainable(
            "mean",
            lambda key, values, train: train["x"].mean(),
            lambda key, n, values, state, train: (state, jnp.float32(0)),
            lambda key, values, state, held_out: (held_out > state).sum(),
            axes={},
            kind=score.COUNT,
            train={"x": x},
            held_out={"validation": np.arange(4.0, dtype=np.float32)},
            examples={"validation": 4},
        )

    one, same, other = (made(np.float32([0, n, 2])) for n in (1, 1, 3))
    assert one.data_record() == same.data_record() != other.data_record()
    assert (one.data_record() or {})["validation"] == one.of("validation") == 4
    result, _ = train(Program(one, Training(1, 1)), KEY, {})
    assert result.score == 2


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"kind": "rank"}, "kind must be 'count' or 'float', got 'rank'"),
        ({"held_out": {"test": ()}}, "held_out must have a validation split"),
        ({"held_out": {"validation": (), "held": ()}}, "must have a validation split, and may"),
    ],
)
def test_a_trainable_that_is_none_is_named(more, match):
    with pytest.raises(ValueError, match=match):
        trainable("a", parabola, parabola, parabola, axes={}, **more)


@pytest.mark.parametrize(
    ("space", "fixed", "match"),
    [
        (Space(y=Values(1, 2)), {}, "parabola takes n, sign, x, and not y"),
        (Space(x=Values(0.1, 2.0)), {"z": 1}, "and not z"),
        (Space(x=Values(0.1, 2.0)), {"x": 1.0}, "x must be tuned or set, not both"),
    ],
)
def test_what_an_objective_does_not_take_is_named_at_the_door(space, fixed, match):
    with pytest.raises(ValueError, match=match):
        admit(objective(parabola, SPACE), space, fixed)
