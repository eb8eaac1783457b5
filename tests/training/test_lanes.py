"""Lanes: what a training computes depends on no neighbour, no place, no padding and no history.

Digests of all weights are compared. Networks of `jaxmeta.models` keep their bits for every width
and formulation; Flax's own layers keep them at one width, which is why it is part of the record.
"""

import numpy as np
import optax
import pytest
from flax import linen as nn

from jaxmeta import keys, tasks
from jaxmeta.tasks import classification
from jaxmeta.training.batch import Batch
from jaxmeta.training.lanes import FORMULATIONS, Lanes, lanes_here
from jaxmeta.training.program import Program, Training

RATES = [0.01, 0.003, 0.03, 0.001]
TRAINING = Training(epochs=3, patience=3)


class Plain(nn.Module):
    """Flax's own layers, and a sum that XLA orders by the width of the batch."""

    @nn.compact
    def __call__(self, x, *, train: bool):
        x = nn.LayerNorm()(nn.relu(nn.Dense(64)(x)))
        return nn.Dense(3)(nn.Dropout(0.4, deterministic=not train)(x))


def program(width, formulation, plain=False, training=TRAINING):
    task = tasks.make("spirals", train_size=400)
    if plain:
        task = classification("plain", Plain(), task.data, optimizer=optax.adam)
    lanes = Lanes(width, formulation)
    return Program(task, task.data.train, task.data.validation, training, lanes)


def key(n):
    return keys.training(keys.root(0), n, 0)


def start(batch, lane, n, rate=None):
    """Training `n` in `lane`."""
    values = {"learning_rate": RATES[n % 4] if rate is None else rate}
    batch.start(lane, batch._program.fresh(key(n), values), key(n), values)


@pytest.fixture(scope="module")
def programs():
    """Compiled once for all tests of this file."""
    made = {}

    def get(width, formulation, plain=False):
        name = width, formulation, plain
        if name not in made:
            made[name] = program(*name)
        return made[name]

    return get


@pytest.fixture(scope="module")
def alone(programs):
    """Trainings 0 to 3, each alone in a program of one lane."""
    one = programs(1, "map")
    return [one.train(key(n), {"learning_rate": RATES[n]})[0] for n in range(4)]


@pytest.mark.parametrize("formulation", FORMULATIONS)
@pytest.mark.parametrize("width", [2, 3])
def test_every_width_and_formulation_gives_the_bits_of_a_training_alone(
    programs, alone, width, formulation
):
    batch = Batch(programs(width, formulation))
    for lane in range(width):
        start(batch, lane, lane)
    batch.advance(dict.fromkeys(range(width), 3))
    assert batch.results() == alone[:width]
    assert len({one.digests[-1] for one in alone}) == 4  # the control


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_neither_place_nor_padding_nor_a_diverging_neighbour_matters(programs, alone, formulation):
    for place in range(3):
        batch = Batch(programs(3, formulation))
        start(batch, place, 1)
        batch.advance({place: 3})
        assert batch.results()[place] == alone[1]
        if place:
            start(batch, 0, 2, rate=1e30)
        start(batch, place, 1)
        batch.advance({place: 1} | ({0: 1} if place else {}))
        batch.advance({place: 3})
        assert batch.results()[place] == alone[1]
        assert not place or batch.results()[0].diverged


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_a_lane_is_refilled_while_others_go_on(programs, alone, formulation):
    """Each at its own epoch: training 0 ends and 2 takes its lane, while 1 is half-way."""
    batch = Batch(programs(2, formulation))
    start(batch, 0, 0)
    batch.advance({0: 1})
    start(batch, 1, 1)
    batch.advance({0: 3, 1: 2})
    assert batch.results()[0] == alone[0] and batch.results()[1].epochs == 2
    start(batch, 0, 2)
    batch.advance({0: 3, 1: 3})
    assert batch.results() == [alone[2], alone[1]]


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_a_lane_stops_by_its_own_patience(formulation):
    task = tasks.make("spirals", train_size=400)
    training = Training(epochs=12, patience=1)
    make = lambda lanes: Program(task, task.data.train, task.data.validation, training, lanes)  # noqa: E731
    batch = Batch(make(Lanes(4, formulation)))
    for lane in range(4):
        start(batch, lane, lane)
    batch.advance(dict.fromkeys(range(4), 12))
    results = batch.results()
    one = make(Lanes())
    expected = [one.train(key(n), {"learning_rate": RATES[n]})[0] for n in range(4)]
    assert results == expected
    assert len({result.epochs for result in results}) > 1 and all(map(training.ended, results))


def test_a_copy_taken_out_of_a_lane_goes_on_in_another_program(programs, alone):
    batch = Batch(programs(3, "vmap"))
    start(batch, 2, 3)
    batch.advance({2: 1})
    at = batch.progress(2)
    batch.advance({2: 3})  # the copy stays as it is
    result, _ = programs(1, "map").resume(at, key(3), {"learning_rate": RATES[3]})
    assert result == batch.results()[2] == alone[3]


@pytest.mark.slow
def test_control_plain_layers_depend_on_the_width_but_not_on_their_neighbours(programs):
    digests = {}
    for width in (1, 4):
        batch = Batch(programs(width, "vmap", True))
        start(batch, 0, 0)
        batch.advance({0: 3})
        padded = batch.results()[0]
        for lane in range(width):
            start(batch, lane, lane)
        batch.advance(dict.fromkeys(range(width), 3))
        assert batch.results()[0] == padded
        digests[width] = padded.digests
    assert digests[1] != digests[4]


def test_one_compilation_serves_every_filling(programs):
    many = programs(3, "map")
    for n in range(3):
        batch = Batch(many)
        for lane in range(n + 1):
            start(batch, lane, n)
        batch.advance({0: n + 1})
    assert many.go_on._cache_size() == many.begin._cache_size() == 1


def test_lanes_by_the_kind_of_device():
    assert lanes_here() == Lanes(1, "map")  # tests run on a CPU
    assert lanes_here(3) == Lanes(3, "map") and lanes_here(2, "vmap") == Lanes(2, "vmap")


@pytest.mark.parametrize("bad", [{"width": 0}, {"formulation": "pmap"}])
def test_bad_lanes_are_named(bad):
    with pytest.raises(ValueError, match="lanes must be|formulation must be"):
        Lanes(**bad)


def test_values_of_a_lane_are_rounded_to_float32_once(programs):
    exact = float(np.float32(0.01))
    one = programs(1, "map")
    assert (
        one.train(key(0), {"learning_rate": 0.01})[0]
        == one.train(key(0), {"learning_rate": exact})[0]
    )
