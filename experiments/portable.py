"""The matrix of portable arithmetic: is it one digest on every machine?

    python -m experiments.portable                    the matrix, on this machine
    python -m experiments.portable --others PYTHON .. and with the JAX of other environments
    python -m experiments.portable --emulated PYTHON  and with a Python that qemu runs
    python -m experiments.portable --write            the golden file, of a new version of it

Each case is a training of 200 steps whose weights are digested after 6 steps and at the end: every
layer, loss and optimiser of jaxmeta in small networks, and every task that jaxmeta has. The digests
of tests/models/portable.json must come out wherever it is run: in other processes with another
number of threads, other lanes, other instruction sets for XLA, processors that qemu emulates, and
other releases of Python and JAX. The control is fast arithmetic, which must differ somewhere, or
the matrix would be blind.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import linen as nn
from rich.console import Console
from rich.table import Table

from jaxmeta import Lanes, Training, keys, tasks
from jaxmeta.arithmetic import ARITHMETICS, FAST, PORTABLE
from jaxmeta.models.layers import (
    BatchNorm,
    Conv,
    ConvReluPool,
    Dense,
    Dropout,
    max_pool,
    upsample,
)
from jaxmeta.supervised import Task, arrays, classification, regression
from jaxmeta.supervised.optimizers import HAND_DESIGNED
from jaxmeta.tasks.small import Perceptron
from jaxmeta.training import Program, Stack

GOLDEN = Path("tests/models/portable.json")
STEPS = 6, 200
RATE, ALONE = "learning_rate", Lanes()


class Layers(nn.Module):
    """Every layer, each convolution in each of its forms: [B, 12, 12, C] -> [B, 3]."""

    dropout: float | jax.Array = 0.0

    @nn.compact
    def __call__(self, x, *, train: bool):
        x = ConvReluPool(8, (5, 5))(x)
        x = nn.relu(Conv(8, (3, 3))(x)) + x
        x = upsample(max_pool(x, (2, 2), (2, 2)))
        x = nn.relu(Conv(6, (3, 3), 2, "VALID")(x))
        x = nn.relu(Conv(6, (5, 5), 2)(x))
        x = Dropout(self.dropout)(x.reshape(len(x), -1), deterministic=not train)
        return Dense(3)(x)


class Normed(nn.Module):
    """Statistics of mini-batches: [B, 12, 12, C] -> [B, 3]."""

    @nn.compact
    def __call__(self, x, *, train: bool):
        for _ in range(2):
            x = Conv(6, (3, 3), 2)(x)
            x = nn.relu(BatchNorm(momentum=0.9)(x, use_running_average=not train))
        return Dense(3)(x.reshape(len(x), -1))


def _images(n: int) -> np.ndarray:
    return (np.arange(n * 12 * 12 * 2) * 7919 % 251).astype(np.uint8).reshape(n, 12, 12, 2)


def _layers(network: Any = Layers, **more: Any) -> Task:
    x, y = _images(60), np.arange(60) % 3
    data = arrays("layers", x, y, test=(x[:6], y[:6]), validation=12)
    return classification("layers", network, data, **more)


def _regression() -> Task:
    x, y = _images(60), np.arange(180).reshape(60, 3) % 7 / 7
    data = arrays("numbers", x, y, test=(x[:6], y[:6]), validation=12)
    return regression("numbers", Layers, data)


def _small(**more: Any) -> Task:
    x, y = _images(60)[:, :, 0, 0] / np.float32(256), np.arange(60) % 3
    data = arrays("small", x, y, test=(x[:6], y[:6]), validation=12)
    return classification("small", lambda **given: Perceptron(3, **given), data, **more)


# A task, and what is set in it. The first ones take seconds.
Case = tuple[Callable[[], Any], dict[str, Any]]
SMALL: dict[str, Case] = {
    "layers": (_layers, {"batch_size": 12, "dropout": 0.3}),
    "batch statistics": (partial(_layers, Normed), {"batch_size": 12}),
    "label smoothing": (_layers, {"batch_size": 12, "label_smoothing": 0.1, "l2": 1e-3}),
    "squared error": (_regression, {"batch_size": 12, "weight_decay": 1e-2}),
    **{
        name: (_small, {"batch_size": 12, "optimizer": name, "dropout": 0.4})
        for name in HAND_DESIGNED
    },
    "spirals": (tasks.TASKS["spirals"], {}),
    "sine": (tasks.TASKS["sine"], {}),
}
LARGE: dict[str, Case] = {
    name: (tasks.TASKS[name], {"batch_size": 10}) for name in ("mnist", "steering", "crossroads")
}
CASES = SMALL | LARGE
QUICK = "layers", "batch statistics", "adam", "spirals", "sine"  # a minute on two cores
EMULATED = "adam", "sine"  # for 6 steps, a minute each


def digests(name: str, steps: int, by: str = PORTABLE, lanes: Lanes = ALONE) -> list[str]:
    """Of the weights after 6 steps, and after `steps` where these are more.

    With several lanes the training stands in the last one, and others in those before it.
    """
    wanted = sorted({STEPS[0], steps})
    if name in SMALL:  # one program, which is compiled once
        found = _train(name, 2, steps // 2, by, lanes)
        return [found[n // 2 - 1] for n in wanted]
    return [_train(name, n, 1, by, lanes)[0] for n in wanted]


def _train(name: str, per_epoch: int, epochs: int, by: str, lanes: Lanes) -> list[str]:
    make, constants = CASES[name]
    constants = {"batch_size": 50, **constants, "steps_per_epoch": per_epoch}
    training = Training(epochs, epochs)
    stack = Stack(Program(make(), training, constants, [RATE], lanes=lanes, arithmetic=by))
    for lane in range(lanes.width):
        after = lanes.width - 1 - lane
        key, values = keys.root(after), {RATE: 2e-3 / (1 + after)}
        stack.start(lane, stack.program.fresh(key, values), key, values)
    stack.advance(dict.fromkeys(range(lanes.width), epochs))
    return stack.results()[-1].digests


class Way:
    """A process that computes digests: with which Python, environment and options."""

    def __init__(
        self,
        name: str,
        *options: str,
        python: Sequence[str] = (sys.executable,),
        emulated: bool = False,
        **environment: str,
    ) -> None:
        self.name, self.options, self.python = name, options, tuple(python)
        self.emulated, self.environment = emulated, environment

    def run(self, cases: Sequence[str], steps: int, by: str) -> dict[str, list[str]]:
        command = [*self.python, "-m", "experiments.portable", "--print", *cases]
        command += ["--steps", str(steps), "--arithmetic", by, *self.options]
        done = subprocess.run(
            command, env={**os.environ, **self.environment}, stdout=subprocess.PIPE, text=True
        )
        return json.loads(done.stdout) if done.returncode == 0 else {}


def ways(others: Sequence[str], emulated: Sequence[str]) -> list[Way]:
    """All that is there to try."""
    found = [
        Way("as it is"),
        *(Way(f"{n} threads", NPROC=str(n)) for n in (1, 3, 8)),
        *(
            Way(f"XLA's own kernels for {isa}", XLA_FLAGS=f"--xla_cpu_max_isa={isa}")
            for isa in ("AVX2", "SSE4_2")
        ),
        Way("nothing optimised", XLA_FLAGS="--xla_backend_optimization_level=0"),
        Way("3 lanes in turn", "--lanes", "3"),
        Way("3 lanes at once", "--lanes", "3", "--formulation", "vmap"),
        *(Way(f"the environment of {python}", python=[python]) for python in others),
    ]
    if qemu := shutil.which("qemu-x86_64"):
        for cpu, words in (("Haswell", "AVX2 and FMA"), ("SandyBridge", "AVX alone")):
            python = [qemu, "-cpu", cpu, sys.executable]
            found.append(Way(f"qemu, a {cpu}: {words}", python=python, emulated=True))
    return found + [
        Way(f"emulated, {python}", python=[python], emulated=True) for python in emulated
    ]


def matrix(tried: Sequence[Way], cases: Sequence[str], steps: int, console: Console) -> bool:
    """Print a row for each way, and whether all portable digests are those of the golden file.

    The control is compared with the first way's.
    """
    base: dict[str, list[str]] = {}
    table = Table("way", "steps", "as in the golden file", "control: as the first way")
    good, blind = True, True
    for way in tried:
        names = EMULATED if way.emulated else cases
        until = STEPS[0] if way.emulated else steps
        wanted = {name: _golden()[name] for name in names}
        found, control = (way.run(names, until, by) for by in (PORTABLE, FAST))
        base = base or control

        def equal(one: dict[str, list[str]], other: dict[str, list[str]]) -> str:
            same = [name for name in one if one[name] == other.get(name, [])[: len(one[name])]]
            words = f"{len(same)} of {len(names)}"  # noqa: B023 called at once
            return words if one else "did not run"

        every = f"{len(names)} of {len(names)}"
        good &= equal(found, wanted) == every and bool(control)
        blind &= equal(control, base) == every
        table.add_row(way.name, str(until), equal(found, wanted), equal(control, base))
        print(f"{way.name}: {equal(found, wanted)}; {equal(control, base)}", flush=True)
    console.print(table)
    return good and not blind


def _golden() -> dict[str, list[str]]:
    return json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--others", nargs="*", default=[], help="Pythons that have another JAX")
    parser.add_argument("--emulated", nargs="*", default=[], help="Pythons that qemu runs")
    parser.add_argument("--print", nargs="*", dest="shown", help="the digests of these cases alone")
    parser.add_argument("--write", action="store_true", help="write the cases into the golden file")
    parser.add_argument("--cases", nargs="*", default=list(QUICK), choices=[*CASES])
    parser.add_argument("--steps", type=int, default=STEPS[1])
    parser.add_argument("--arithmetic", default=PORTABLE, choices=ARITHMETICS)
    parser.add_argument("--lanes", type=int, default=1)
    parser.add_argument("--formulation", default="map")
    given = parser.parse_args()
    if given.shown is not None:
        lanes = Lanes(given.lanes, given.formulation)
        of = {name: digests(name, given.steps, given.arithmetic, lanes) for name in given.shown}
        print(json.dumps(of))
        return 0
    if given.write:
        found = {name: digests(name, STEPS[1]) for name in given.cases}
        GOLDEN.write_text(json.dumps(_golden() | found, indent=1) + "\n")
        return 0
    tried = ways(given.others, given.emulated)
    return 0 if matrix(tried, given.cases, given.steps, Console()) else 1


if __name__ == "__main__":
    sys.exit(main())
