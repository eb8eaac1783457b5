"""Lanes: what a training computes depends on no neighbour, no place, no padding and no history.

Digests of all weights are compared. Networks of `jaxmeta.models` keep their bits for every width
and formulation; Flax's own layers keep them at one width, which is why it is part of the record.
"""

import jax
import numpy as np
import optax
import pytest
from flax import linen as nn

from jaxmeta import keys, tasks
from jaxmeta.supervised import classification
from jaxmeta.training import Lanes, Program, Stack, Training, lanes_here, train
from jaxmeta.training import lanes as lanes_module
from jaxmeta.training.lanes import FORMULATIONS

RATES = [0.01, 0.003, 0.03, 0.001]
TRAINING = Training(epochs=3, patience=3)


class Plain(nn.Module):
    """Flax's own layers, and a sum that XLA orders by the number of lanes."""

    @nn.compact
    def __call__(self, x, *, train: bool):
        x = nn.LayerNorm()(nn.relu(nn.Dense(64)(x)))
        return nn.Dense(3)(nn.Dropout(0.4, deterministic=not train)(x))


def program(width, formulation, plain=False, training=TRAINING):
    task = tasks.make("spirals", train_size=400)
    if plain:
        task = classification("plain", Plain(), task.data, optimizer=optax.adam)
    lanes = Lanes(width, formulation)
    return Program(task, training, traced=["learning_rate"], lanes=lanes)


def shown(results):
    """Without the digest of the program, which is another for each width."""
    return [result._replace(compiled="") for result in results]


def key(n):
    return keys.training(keys.root(0), n, 0)


def start(stack, lane, n, rate=None):
    """Training `n` in `lane`."""
    values = {"learning_rate": RATES[n % 4] if rate is None else rate}
    stack.start(lane, stack.program.fresh(key(n), values), key(n), values)


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
    return shown(train(one, key(n), {"learning_rate": RATES[n]})[0] for n in range(4))


@pytest.mark.parametrize(
    ("width", "formulation"),
    [(2, "vmap"), (3, "vmap"), (3, "map"), pytest.param(2, "map", marks=pytest.mark.slow)],
)
def test_every_width_and_formulation_gives_the_bits_of_a_training_alone(
    programs, alone, width, formulation
):
    stack = Stack(programs(width, formulation))
    for lane in range(width):
        start(stack, lane, lane)
    stack.advance(dict.fromkeys(range(width), 3))
    assert shown(stack.results()) == alone[:width]
    assert len({one.digests[-1] for one in alone}) == 4  # the control


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_neither_place_nor_padding_nor_a_diverging_neighbour_matters(programs, alone, formulation):
    for place in range(3):
        stack = Stack(programs(3, formulation))
        start(stack, place, 1)
        stack.advance({place: 3})
        assert shown(stack.results())[place] == alone[1]
        if place:
            start(stack, 0, 2, rate=1e30)
        start(stack, place, 1)
        stack.advance({place: 1} | ({0: 1} if place else {}))
        stack.advance({place: 3})
        assert shown(stack.results())[place] == alone[1]
        assert not place or shown(stack.results())[0].diverged


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_a_lane_is_refilled_while_others_go_on(programs, alone, formulation):
    """Each at its own epoch: training 0 ends and 2 takes its lane, while 1 is half-way."""
    stack = Stack(programs(2, formulation))
    start(stack, 0, 0)
    stack.advance({0: 1})
    start(stack, 1, 1)
    stack.advance({0: 3, 1: 2})
    assert shown(stack.results())[0] == alone[0] and shown(stack.results())[1].epochs == 2
    start(stack, 0, 2)
    stack.advance({0: 3, 1: 3})
    assert shown(stack.results()) == [alone[2], alone[1]]


@pytest.mark.parametrize("formulation", [pytest.param("map", marks=pytest.mark.slow), "vmap"])
def test_a_lane_stops_by_its_own_patience(formulation):
    training = Training(epochs=12, patience=1)
    stack = Stack(program(4, formulation, training=training))
    for lane in range(4):
        start(stack, lane, lane)
    stack.advance(dict.fromkeys(range(4), 12))
    results = shown(stack.results())
    one = program(1, "map", training=training)
    assert results == shown(train(one, key(n), {"learning_rate": RATES[n]})[0] for n in range(4))
    assert len({result.epochs for result in results}) > 1
    assert all(training.ended(r.epochs, r.best_epoch, r.diverged) for r in results)


def test_a_copy_taken_out_of_a_lane_goes_on_in_another_program(programs, alone):
    stack = Stack(programs(3, "vmap"))
    start(stack, 2, 3)
    stack.advance({2: 1})
    at = stack.progress(2)
    stack.advance({2: 3})  # the copy stays as it is
    result, _ = train(programs(1, "map"), key(3), {"learning_rate": RATES[3]}, at=at)
    assert shown([result])[0] == shown(stack.results())[2] == alone[3]


@pytest.mark.slow
def test_control_plain_layers_depend_on_the_width_but_not_on_their_neighbours(programs):
    digests = {}
    for width in (1, 4):
        stack = Stack(programs(width, "vmap", True))
        start(stack, 0, 0)
        stack.advance({0: 3})
        padded = shown(stack.results())[0]
        for lane in range(width):
            start(stack, lane, lane)
        stack.advance(dict.fromkeys(range(width), 3))
        assert shown(stack.results())[0] == padded
        digests[width] = padded.digests
    assert digests[1] != digests[4]


def test_one_program_serves_every_filling(programs):
    many = programs(3, "map")
    executables = many.begin, many.go_on
    for n in range(3):
        stack = Stack(many)
        for lane in range(n + 1):
            start(stack, lane, n)
        stack.advance({0: n + 1})
    assert (many.begin, many.go_on) == executables


def test_lanes_by_the_kind_of_device():
    assert lanes_here() == Lanes(1, "map")  # tests run on a CPU
    assert lanes_here(3) == Lanes(3, "map") and lanes_here(2, "vmap") == Lanes(2, "vmap")


def test_lanes_by_the_memory_of_the_device(monkeypatch):
    """A GPU is played: it says what it has, and the compiler what each width takes."""
    asked = []

    def memory_of(lanes):
        asked.append(lanes.width)
        if lanes.width > 8:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: so much memory is not there")
        return 100 * lanes.width

    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(lanes_module, "_memory", lambda: 800)
    assert lanes_here(memory_of=memory_of) == Lanes(4, "vmap")
    assert asked == [16, 8, 4]
    monkeypatch.setattr(lanes_module, "_memory", lambda: 10)
    assert lanes_here(memory_of=memory_of) == Lanes(1, "vmap")
    monkeypatch.setattr(lanes_module, "_memory", lambda: None)
    assert lanes_here(memory_of=memory_of) == lanes_here() == Lanes(16, "vmap")
    assert lanes_here(32, memory_of=memory_of) == Lanes(32, "vmap")


def test_any_other_fault_of_the_compiler_is_raised():
    def memory_of(lanes):
        raise jax.errors.JaxRuntimeError("INTERNAL: a fault")

    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"):
        lanes_module.fitting("vmap", memory_of, 1)


def test_more_lanes_take_more_memory(programs):
    two, three = programs(2, "vmap").go_on.memory, programs(3, "vmap").go_on.memory
    assert 0 < two < three


@pytest.mark.parametrize("bad", [{"width": 0}, {"formulation": "pmap"}])
def test_bad_lanes_are_named(bad):
    with pytest.raises(ValueError, match="lanes must be|formulation must be"):
        Lanes(**bad)


def test_values_of_a_lane_are_rounded_to_float32_once(programs):
    exact = float(np.float32(0.01))
    one = programs(1, "map")
    rounded, _ = train(one, key(0), {"learning_rate": exact})
    assert train(one, key(0), {"learning_rate": 0.01})[0] == rounded
