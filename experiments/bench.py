"""How fast a network trains here, beside PyTorch and beside the machine's own limit.

    make bench          all benchmarks, more than 50 minutes on two cores (Zen 3)
    python -m experiments.bench --batch 128 --network mlp

Random images of MNIST's shape, float32, Adam, dropout; contenders run in turn, several rounds, and
what counts is the median. A round is an epoch of 5,000 images, ours with all that is done at its
end. The ratio says how many steps the package makes in the time of one of PyTorch's, in whichever
form and on whichever number of threads it is the fastest. `flax` is the same training in the
customary way, with Flax's own layers and optax's Adam in a jitted step, for a quarter of an epoch:
what a fixed order of addition costs, or gains; `portable` is the package's in portable arithmetic.
The networks are the poster's, and `mlp`: two hidden dense layers of 1024, which the package, too,
trains with Flax's own layers and optax's Adam.

Believe it on an idle machine only: beside other work PyTorch loses most, and the ratio says too
much.
"""

import argparse
import importlib.metadata
import itertools
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from jaxmeta import Training, arrays, classification, keys, runtime
from jaxmeta.arithmetic import FAST, PORTABLE
from jaxmeta.models.poster import PosterNet
from jaxmeta.training import Program, Stack

EXAMPLES, RATE, ROUNDS = 5_000, 1e-4, 9
# Multiplications and additions of a step, counted as in a plain convolution: forward, and the
# gradients of weights and of inputs, but for the first layer's, which nobody needs.
LAYERS = {
    "poster": [(28 * 28 * 25 * 32, 2), (14**2 * 25 * 32 * 64, 3), (3136 * 1024, 3), (1024 * 10, 3)],
    "mlp": [(784 * 1024, 2), (1024 * 1024, 3), (1024 * 10, 3)],
}

Run = Callable[[int], None]  # makes so many steps, and has finished when it returns


class FlaxNet(nn.Module):
    """Either network of Flax's own layers."""

    convolutions: tuple[int, ...]
    hidden: tuple[int, ...]

    @nn.compact
    def __call__(self, x, *, train: bool):
        for features in self.convolutions:
            x = nn.max_pool(nn.relu(nn.Conv(features, (5, 5))(x)), (2, 2), (2, 2))
        x = x.reshape(len(x), -1)
        for features in self.hidden:
            x = nn.relu(nn.Dense(features)(x))
        return nn.Dense(10)(nn.Dropout(0.5, deterministic=not train)(x))


NETWORKS = {"poster": FlaxNet((32, 64), (1024,)), "mlp": FlaxNet((), (1024, 1024))}


def package(
    x: np.ndarray, y: np.ndarray, steps: int, batch_size: int, network: str, arithmetic: str = FAST
) -> Run:
    """The training program as every study runs it; its rounds are epochs of so many `steps`."""
    data = arrays("bench", x, y, test=(x[:1], y[:1]), validation=1)
    rounds = ROUNDS + 1
    if network == "poster":
        task = classification("bench", PosterNet(), data, fixed_order=True)
    else:
        task = classification("bench", NETWORKS[network], data, optimizer=optax.adam)
    constants = {"batch_size": batch_size, "steps_per_epoch": steps}
    program = Program(
        task, Training(rounds, rounds), constants, ["learning_rate"], arithmetic=arithmetic
    )
    key, values = keys.root(0), {"learning_rate": RATE}
    stack = Stack(program)
    stack.start(0, program.fresh(key, values), key, values)
    epochs = itertools.count(1)

    def run(_: int) -> None:
        stack.advance({0: next(epochs)})
        stack.results()

    return run


def flax(x: np.ndarray, y: np.ndarray, batch_size: int, network: str) -> Run:
    """One jitted step at a time: inside a compiled loop `nn.Conv` is 20 times slower on the CPU."""
    net, adam, key = NETWORKS[network], optax.adam(RATE), keys.root(0)
    images, labels = jnp.asarray(x), jnp.asarray(y)
    order = np.random.default_rng(0).permutation(EXAMPLES)
    params = net.init(keys.derive(key, "weights"), jnp.zeros((1, 28, 28, 1)), train=False)

    @jax.jit
    def step(params, moments, rows, key):
        def loss(params):
            inputs = images[rows].astype(jnp.float32) / 255
            logits: Any = net.apply(params, inputs, train=True, rngs={"dropout": key})
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels[rows]).mean()

        updates, moments = adam.update(jax.grad(loss)(params), moments, params)
        return optax.apply_updates(params, updates), moments

    state = params, adam.init(params)

    def run(steps: int) -> None:
        nonlocal state
        for t in range(steps):
            rows = order[t * batch_size : (t + 1) * batch_size]
            state = step(*state, rows, keys.derive(key, "dropout", t))
        jax.block_until_ready(state)

    return run


def pytorch(x: np.ndarray, y: np.ndarray, batch_size: int, network: str) -> dict[str, Run]:
    """PyTorch in channels-last layout: eager with two forms of its Adam, and compiled if it can."""
    # PyTorch is installed by `make bench` alone.
    import torch  # pyright: ignore[reportMissingImports]
    from torch import nn  # pyright: ignore[reportMissingImports]
    from torch.nn import functional as f  # pyright: ignore[reportMissingImports]

    class Poster(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 32, 5, padding=2)
            self.conv2 = nn.Conv2d(32, 64, 5, padding=2)
            self.dense1, self.dense2 = nn.Linear(3136, 1024), nn.Linear(1024, 10)

        def forward(self, x):
            x = f.max_pool2d(f.relu(self.conv1(x)), 2)
            x = f.max_pool2d(f.relu(self.conv2(x)), 2)
            x = f.dropout(f.relu(self.dense1(x.flatten(1))), 0.5, self.training)
            return self.dense2(x)

    class Mlp(nn.Module):
        def __init__(self):
            super().__init__()
            self.dense1, self.dense2 = nn.Linear(784, 1024), nn.Linear(1024, 1024)
            self.dense3 = nn.Linear(1024, 10)

        def forward(self, x):
            x = f.relu(self.dense2(f.relu(self.dense1(x.flatten(1)))))
            return self.dense3(f.dropout(x, 0.5, self.training))

    images = torch.from_numpy(x).permute(0, 3, 1, 2)  # a view: channels stay last in memory
    labels = torch.from_numpy(y).long()

    def contender(compiled: bool, **options: Any) -> Run:
        net: Any = {"poster": Poster, "mlp": Mlp}[network]()
        net = net.to(memory_format=torch.channels_last)
        forward = torch.compile(net) if compiled else net
        adam = torch.optim.Adam(net.parameters(), RATE, **options)
        order = torch.randperm(EXAMPLES)

        def run(steps: int) -> None:
            for t in range(steps):
                rows = order[t * batch_size : (t + 1) * batch_size]
                loss = f.cross_entropy(forward(images[rows] / 255), labels[rows])
                adam.zero_grad()
                loss.backward()
                adam.step()

        return run

    contenders = {
        "PyTorch, foreach Adam": contender(False, foreach=True),
        "PyTorch, fused Adam": contender(False, fused=True),
    }

    def seconds_on(threads: int) -> float:
        torch.set_num_threads(threads)
        contenders["PyTorch, fused Adam"](2)
        return min(seconds(contenders["PyTorch, fused Adam"], 5) for _ in range(3))

    best = min(sorted({1, -(-runtime.cores() // 2), runtime.cores()}), key=seconds_on)
    torch.set_num_threads(best)
    print(f"PyTorch is fastest on {best} threads")
    compiled = contender(True, fused=True)
    try:
        compiled(2)
    except Exception as error:  # whatever this machine's compiler lacks
        print(f"torch.compile does not work here: {type(error).__name__}")
        return contenders
    return contenders | {"PyTorch, compiled, fused Adam": compiled}


def matrix_product() -> Run:
    """One 2048 x 2048 product a step."""
    a = jnp.asarray(np.random.default_rng(0).standard_normal((2048, 2048), np.float32))
    product = jax.jit(jnp.matmul)

    def run(steps: int) -> None:
        for _ in range(steps):
            jax.block_until_ready(product(a, a))

    return run


def seconds(run: Run, steps: int) -> float:
    start = time.perf_counter()
    run(steps)
    return time.perf_counter() - start


def peak_memory() -> int:
    """The most memory this process has had so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (2**20 if sys.platform == "darwin" else 2**10)


def cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.bench")
    parser.add_argument("--batch", type=int, default=50, help="images in a mini-batch")
    parser.add_argument("--network", choices=NETWORKS, default="poster")
    options = parser.parse_args()
    of = options.batch, options.network

    busy = os.getloadavg()[0]  # of the last minute
    draw = np.random.default_rng(0)
    x = draw.integers(0, 256, (EXAMPLES, 28, 28, 1), np.uint8)
    y = draw.integers(0, 10, EXAMPLES, np.int32)

    every: int = EXAMPLES // options.batch  # steps in a round
    steps = {"matrix product": 5, "flax": max(1, every // 4)}
    contenders: dict[str, Run] = {"jaxmeta": package(x, y, every, *of)}
    first = seconds(contenders["jaxmeta"], 0)
    memory = peak_memory()
    if options.network == "poster":  # the other one has layers of Flax's
        contenders["portable"] = package(x, y, every, *of, PORTABLE)
        contenders["portable"](0)
    contenders |= {"matrix product": matrix_product(), "flax": flax(x, y, *of)} | pytorch(x, y, *of)

    for name, run in contenders.items():
        if name not in ("jaxmeta", "portable"):
            run(2)
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            n = steps.get(name, every)
            rates[name].append(n / seconds(run, n))
    median = {name: statistics.median(values) for name, values in rates.items()}

    best = max(
        (name for name in rates if name.startswith("PyTorch")), key=lambda name: median[name]
    )
    versions = (f"{name} {importlib.metadata.version(name)}" for name in ("jax", "flax", "torch"))
    print(f"{options.network}, mini-batches of {options.batch}")
    print(f"{cpu()}, {runtime.cores()} cores, {runtime.threads()} threads, {', '.join(versions)}")
    print(f"processes running or waiting before the start: {busy:.1f}")
    print("\nsteps per second: median (lowest to highest round)")
    for name, values in rates.items():
        print(f"  {name:30s} {median[name]:7.1f}  ({min(values):.1f} to {max(values):.1f})")

    multiplications = sum(n * times for n, times in LAYERS[options.network])
    rate = 2e-9 * options.batch * multiplications * median["jaxmeta"]
    limit = 2 * 2048**3 / 1e9 * median["matrix product"]
    print(f"\n{rate:.0f} of the {limit:.0f} GFLOP/s of a matrix product: {rate / limit:.2f}")
    print(f"first round, compilation included: {first:.1f} s")
    print(f"peak memory before PyTorch is loaded: {memory} MiB")
    if "portable" in median:
        longer = median["jaxmeta"] / median["portable"]
        print(f"a step in portable arithmetic takes {longer:.2f} times as long")
    print(f"ratio to Flax's own layers: {median['jaxmeta'] / median['flax']:.2f}")
    print(f"ratio of the best rounds: {max(rates['jaxmeta']) / max(rates[best]):.2f}")
    print(f"ratio to PyTorch: {median['jaxmeta'] / median[best]:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
