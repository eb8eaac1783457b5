"""The promise of fixed-order float32: one training has the same bits however it is run.

A training is six steps of Adam with dropout; its learning rate and the part that dropout keeps are
traced, as in a study. Digests are compared, never losses. The plain forms of the same things are
the controls: they must differ, or the test would be blind.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from jax import lax

from jaxmeta import keys
from jaxmeta.arithmetic import cross_entropy, product, tree_sum
from jaxmeta.models.layers import Conv, ConvReluPool, Dense, Dropout, max_pool, normalize
from jaxmeta.models.poster import PosterNet
from jaxmeta.supervised.optimizers import adam

STEPS = 6
# A keep of 0.5 hides a division by it: its reciprocal is exact.
KEEPS = np.array([0.6, 0.7, 0.5, 0.8, 0.9, 0.55, 0.45, 0.65], np.float32)
RATES = np.array([1e-3, 2e-3, 3e-4, 1e-3, 1e-2, 5e-3, 1e-4, 1e-3], np.float32)

Net = Callable[[jax.Array], nn.Module]  # from the part that dropout keeps


class Small(nn.Module):
    """Every layer once, each convolution in each of its forms."""

    keep: jax.Array

    @nn.compact
    def __call__(self, x, *, train: bool):
        x = nn.relu(Conv(8, (3, 3))(x))  # in patches
        x = ConvReluPool(8, (5, 5))(x)  # by Winograd
        x = nn.relu(Conv(8, (3, 3))(x))  # by Winograd
        x = max_pool(nn.relu(Conv(3, (5, 5))(x)), (2, 2), (2, 2))  # by Winograd
        x = ConvReluPool(4, (5, 5))(x)  # in patches of blocks
        x = nn.relu(Dense(32)(x.reshape(len(x), -1)))
        return Dense(10)(Dropout(1 - self.keep)(x, deterministic=not train))


class Least(nn.Module):
    """What compiles soon: a convolution in patches, one by Winograd, two products, dropout."""

    keep: jax.Array

    @nn.compact
    def __call__(self, x, *, train: bool):
        x = ConvReluPool(8, (5, 5))(nn.relu(Conv(8, (3, 3))(x)))
        x = nn.relu(Dense(32)(x.reshape(len(x), -1)))
        return Dense(10)(Dropout(1 - self.keep)(x, deterministic=not train))


class Plain(nn.Module):
    """Flax's layers, and a division by a traced scalar: a control."""

    keep: jax.Array

    @nn.compact
    def __call__(self, x, *, train: bool):
        x = nn.relu(nn.Dense(32)(x.reshape(len(x), -1)))
        kept = jax.random.uniform(self.make_rng("dropout"), x.shape) < self.keep
        return nn.Dense(10)(jnp.where(kept, x / self.keep, 0) if train else x)


def small(keep):
    return Small(keep)


def poster(keep):
    return PosterNet(dropout=1 - keep)


class Trainings:
    """The same trainings, run in different ways; `batch` images of `side` x `side` a step."""

    def __init__(self, net: Net, batch: int, side: int, optimizer: Any = adam) -> None:
        draw = np.random.default_rng(0)
        x = draw.integers(0, 256, (4 * batch, side, side, 1), np.uint8)
        y = draw.integers(0, 10, 4 * batch, np.int32)
        # Arguments, since XLA folds constants with other functions than it runs.
        self.data = jnp.asarray(x), jnp.asarray(y), draw.permutation(4 * batch), keys.root(0)
        self.net, self.batch, self.optimizer = net, batch, optimizer
        first = jnp.zeros((1, side, side, 1))
        init = jax.jit(partial(net(KEEPS[2]).init, train=False))
        self.params = init(keys.root(1), first)
        self.start = self.params, optimizer(1.0).init(self.params)

    def step(self, t, state, rate, keep, x, y, order, key):
        params, moments = state
        rows = lax.dynamic_slice(order, (t % 4 * self.batch,), (self.batch,))
        images = x[rows].astype(jnp.float32) * np.float32(1 / 255)
        rngs = {"dropout": keys.derive(key, "dropout", t)}

        def loss(params):
            logits = self.net(keep).apply(params, images, train=True, rngs=rngs)
            return tree_sum(cross_entropy(logits, y[rows])) * np.float32(1 / self.batch)

        updates, moments = self.optimizer(rate).update(jax.grad(loss)(params), moments, params)
        return optax.apply_updates(params, updates), moments

    def fori(self, rate, keep, *data):
        return lax.fori_loop(
            0, STEPS, lambda t, state: self.step(t, state, rate, keep, *data), self.start
        )

    def scan(self, rate, keep, *data):
        def body(state, t):
            return self.step(t, state, rate, keep, *data), None

        return lax.scan(body, self.start, jnp.arange(STEPS))[0]

    def alone(self, lanes: int, form: Callable) -> list[str]:
        return [digest(jax.jit(form)(RATES[k], KEEPS[k], *self.data)) for k in range(lanes)]

    def steps(self, lanes: int) -> list[str]:
        step, digests = jax.jit(self.step), []
        for k in range(lanes):
            state = self.start
            for t in range(STEPS):
                state = step(t, state, RATES[k], KEEPS[k], *self.data)
            digests.append(digest(state))
        return digests

    def vmap(self, lanes: int) -> list[str]:
        side_by_side = jax.vmap(self.scan, (0, 0) + (None,) * len(self.data))
        return digests_of(jax.jit(side_by_side)(RATES[:lanes], KEEPS[:lanes], *self.data), lanes)

    def map(self, lanes: int) -> list[str]:
        def in_turn(rates, keeps, *data):
            return lax.map(lambda lane: self.scan(*lane, *data), (rates, keeps))

        return digests_of(jax.jit(in_turn)(RATES[:lanes], KEEPS[:lanes], *self.data), lanes)

    def devices(self, lanes: int) -> list[str]:
        """Lane k on device k + 1, all at once."""
        train, devices = jax.jit(self.scan), jax.devices()
        assert len(devices) > 1
        states = [
            train(
                *jax.device_put((RATES[k], KEEPS[k], *self.data), devices[(k + 1) % len(devices)])
            )
            for k in range(lanes)
        ]
        return [digest(state) for state in states]


def digest(state: Any) -> str:
    leaves = (np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state))
    return hashlib.sha256(b"".join(leaves)).hexdigest()[:16]


def digests_of(states: Any, lanes: int) -> list[str]:
    return [digest(jax.tree.map(lambda leaf, k=k: leaf[k], states)) for k in range(lanes)]


@pytest.fixture(scope="module")
def few() -> Trainings:
    return Trainings(small, batch=6, side=8)


@pytest.fixture(scope="module")
def expected(few: Trainings) -> list[str]:
    digests = few.alone(3, few.scan)
    assert len(set(digests)) == 3
    return digests


@pytest.mark.slow
def test_loops_are_the_same_bits(few: Trainings, expected: list[str]) -> None:
    assert few.alone(3, few.fori) == expected


@pytest.mark.slow
def test_single_steps_are_the_same_bits(few: Trainings, expected: list[str]) -> None:
    assert few.steps(3) == expected


def test_lanes_side_by_side_are_the_same_bits() -> None:
    few = Trainings(Least, batch=6, side=8)
    expected = few.alone(3, few.scan)
    assert len(set(expected)) == 3
    assert few.vmap(3) == expected


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [1, 3])
def test_lanes_of_every_layer_are_the_same_bits(
    few: Trainings, expected: list[str], lanes: int
) -> None:
    assert few.vmap(lanes) == expected[:lanes]


@pytest.mark.slow
def test_lanes_in_turn_are_the_same_bits(few: Trainings, expected: list[str]) -> None:
    assert few.map(3) == expected


class Strided(nn.Module):
    """Convolutions as in `models.pilot`."""

    keep: jax.Array

    @nn.compact
    def __call__(self, x, *, train: bool):
        x = nn.relu(Conv(6, (3, 3), 2, "VALID")(x))
        x = nn.relu(Conv(8, (3, 3), 1, "VALID")(x))
        x = Dropout(1 - self.keep)(x.reshape(len(x), -1), deterministic=not train)
        return Dense(10)(x)


class Normed(nn.Module):
    """Statistics of mini-batches; what is kept of them comes by the same means."""

    keep: jax.Array

    @nn.compact
    def __call__(self, x, *, train: bool):
        x = Conv(6, (3, 3), 2)(x)
        scale, bias = (self.param(n, nn.initializers.normal(1), (6,)) for n in ("scale", "bias"))
        x = nn.relu(normalize(1e-5, x.reshape(-1, 6), scale, bias)[0]).reshape(x.shape)
        x = Dropout(1 - self.keep)(x.reshape(len(x), -1), deterministic=not train)
        return Dense(10)(x)


@pytest.mark.slow
@pytest.mark.parametrize(("net", "side"), [(Strided, 12), (Normed, 8)])
def test_other_layers_give_the_same_bits_in_lanes(net: Net, side: int) -> None:
    trainings = Trainings(net, batch=6, side=side)
    assert trainings.vmap(2) == trainings.alone(2, trainings.scan)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("net", "optimizer", "lanes"),
    [(Plain, adam, 2), (small, optax.adam, 1)],
    ids=["layers", "adam"],
)
def test_control_the_plain_forms_are_not(net: Net, optimizer: Any, lanes: int) -> None:
    plain = Trainings(net, batch=6, side=8, optimizer=optimizer)
    assert plain.vmap(lanes) != plain.alone(lanes, plain.scan)


def in_a_process(*what: str, **environment: str) -> list[str]:
    """The last line that this file prints, run by itself."""
    output = subprocess.check_output(
        [sys.executable, __file__, *what], text=True, env={**os.environ, **environment}
    )
    return output.splitlines()[-1].split()


@pytest.fixture(scope="module")
def posters() -> list[str]:
    return in_a_process("scan", "8", NPROC="2")


@pytest.mark.repro
@pytest.mark.parametrize("threads", ["1", "3", "8", "32"])
def test_any_number_of_threads_gives_the_same_bits(posters: list[str], threads: str) -> None:
    assert in_a_process("scan", "3", NPROC=threads) == posters[:3]


@pytest.mark.repro
@pytest.mark.parametrize(
    ("way", "lanes"),
    [("fori", 3), ("steps", 3), ("map", 3), *(("vmap", lanes) for lanes in (1, 2, 3, 4, 8))],
)
def test_the_posters_network_is_the_same_bits(posters: list[str], way: str, lanes: int) -> None:
    assert in_a_process(way, str(lanes), NPROC="8") == posters[:lanes]


@pytest.mark.repro
@pytest.mark.parametrize("devices", [2, 4])
def test_any_number_of_devices_gives_the_same_bits(posters: list[str], devices: int) -> None:
    flag = f"--xla_force_host_platform_device_count={devices}"
    assert in_a_process("devices", "5", XLA_FLAGS=flag) == posters[:5]


@pytest.mark.repro
def test_many_rows_give_the_same_weight_gradient_on_any_number_of_threads() -> None:
    (ours, plain), (ours_8, plain_8) = (in_a_process("rows", "2000", NPROC=n) for n in "18")
    assert ours == ours_8
    assert plain != plain_8  # the control


def weight_gradients(rows: int) -> list[str]:
    """Of a layer of 36 x 128, by `product` and by the plain matrix product."""
    draw = np.random.default_rng(0)
    x, w, g = (draw.standard_normal(s, np.float32) for s in ((rows, 36), (36, 128), (rows, 128)))

    def gradient(multiply, x, w, g):
        return jax.vjp(partial(multiply, x), w)[1](g)

    return [digest(jax.jit(partial(gradient, f))(x, w, g)) for f in (product, jnp.matmul)]


if __name__ == "__main__":
    trainings = Trainings(poster, batch=50, side=28)
    ways = {
        "scan": partial(trainings.alone, form=trainings.scan),
        "fori": partial(trainings.alone, form=trainings.fori),
        "steps": trainings.steps,
        "map": trainings.map,
        "vmap": trainings.vmap,
        "devices": trainings.devices,
        "rows": weight_gradients,
    }
    print(*ways[sys.argv[1]](int(sys.argv[2])))
