"""Lanes on a GPU: how many steps per second, and whether the bits hold. Writes a results file.

    make gpu          about 10 minutes; experiments/results/gpu.json

For 1 to 64 lanes of the poster's network (mini-batches of 50, Adam, dropout) in one program:
steps per second summed over the lanes, beside the limits of PERFORMANCE: Adam's traffic, 90 MB a
step, over the memory's measured bandwidth. Then, at one width: the digests of all weights after a
training run twice, with other neighbours, in another place and in a fresh process, without flags
and with those that XLA documents for determinism (openxla, docs/determinism.md), and what these
cost. Has not been run on a GPU yet; on a CPU it runs with fewer lanes (`--lanes 1,2`), as a check
of itself.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmeta import Training, arrays, classification, keys
from jaxmeta.models.poster import PosterNet
from jaxmeta.record import environment
from jaxmeta.training import Lanes, Program, Stack

RESULTS = Path(__file__).parent / "results" / "gpu.json"
STEPS, ROUNDS, RATE = 100, 5, 1e-3
ADAM_BYTES = 90e6  # of each step: weights, both moments and the gradient of 3.27 million weights
FLAGS = {
    "none": "",
    "no autotuning": "--xla_gpu_autotune_level=0",
    "deterministic": "--xla_gpu_exclude_nondeterministic_ops=true --xla_gpu_autotune_level=0",
}


def stack_of(lanes: Lanes, steps: int) -> Stack:
    """The poster's network on random images, `steps` mini-batches an epoch, scored on 500."""
    draw = np.random.default_rng(0)
    n = 50 * steps + 500
    x = draw.integers(0, 256, (n, 28, 28, 1), np.uint8)
    y = draw.integers(0, 10, n, np.int32)
    data = arrays("random", x, y, test=(x[:1], y[:1]), validation=500)
    training = Training(ROUNDS + 2, ROUNDS + 2)
    task = classification("random", PosterNet(), data, fixed_order=True)
    return Stack(Program(task, training, {}, ["learning_rate"], lanes=lanes))


def fill(stack: Stack, lane: int, n: int) -> None:
    """Training `n` in `lane`."""
    key, values = keys.training(keys.root(0), n, 0), {"learning_rate": RATE * (1 + n % 3)}
    stack.start(lane, stack.program.fresh(key, values), key, values)


def speed(widths: list[int], formulation: str, steps: int) -> list[dict[str, Any]]:
    """Steps per second, summed over the lanes, of each width; the first epoch compiles."""
    table = []
    for width in widths:
        stack = stack_of(Lanes(width, formulation), steps)
        for lane in range(width):
            fill(stack, lane, lane)
        rates = []
        for epoch in range(1, ROUNDS + 2):
            started = time.perf_counter()
            stack.advance(dict.fromkeys(range(width), epoch))
            stack.results()
            rates.append(width * steps / (time.perf_counter() - started))
        row = {
            "lanes": width,
            "steps_per_second": statistics.median(rates[1:]),
            "lowest": min(rates[1:]),
            "highest": max(rates[1:]),
        }
        table.append(row)
        print(
            f"{width:5d} lanes {row['steps_per_second']:10.1f} steps/s  "
            f"({row['lowest']:.1f} to {row['highest']:.1f})",
            flush=True,
        )
    return table


def bandwidth() -> float:
    """Bytes per second that a copy of a gibibyte reads and writes."""
    x = jnp.zeros(2**28, jnp.float32)
    add = jax.jit(lambda x: x + 1)
    jax.block_until_ready(add(x))
    started = time.perf_counter()
    for _ in range(10):
        y = add(x)
    jax.block_until_ready(y)
    return 10 * 2 * x.nbytes / (time.perf_counter() - started)


def bits(width: int, formulation: str, steps: int) -> dict[str, Any]:
    """Digests of training 0 in different company; run in a process of its own."""
    stack = stack_of(Lanes(width, formulation), steps)

    def trained(place: int, neighbours: int) -> str:
        for lane in range(width):
            if lane != place:
                fill(stack, lane, neighbours + lane)
        fill(stack, place, 0)
        stack.advance(dict.fromkeys(range(width), 2))
        return stack.results()[place].digests[-1]

    first = trained(0, 100)
    started = time.perf_counter()
    again = trained(0, 100)
    seconds = time.perf_counter() - started
    return {
        "digest": first,
        "twice": again == first,
        "other neighbours": trained(0, 200) == first,
        "other place": trained(width - 1, 100) == first,
        "steps_per_second": 2 * width * steps / seconds,
    }


def in_a_process(flags: str, *arguments: object) -> dict[str, Any]:
    xla = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    command = [sys.executable, "-m", "experiments.gpu", "--bits", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "XLA_FLAGS": xla}
    )
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1:]}
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.gpu")
    parser.add_argument("--lanes", default="1,2,4,8,16,32,64", help="widths, by commas")
    parser.add_argument("--width", type=int, default=8, help="at which the bits are compared")
    parser.add_argument("--formulation", default="vmap")
    parser.add_argument("--steps", type=int, default=STEPS, help="mini-batches an epoch")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--bits", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bits:
        print(json.dumps(bits(options.width, options.formulation, options.steps)))
        return 0
    device = jax.devices()[0]
    print(f"{device.device_kind}, jax {jax.__version__}\n")
    if device.platform == "cpu":
        print("this is no GPU: what follows checks the script, and says nothing of one\n")
    limit = bandwidth() / ADAM_BYTES
    print(f"Adam's traffic at the measured bandwidth: at most {limit:.0f} steps/s\n")
    widths = [int(width) for width in options.lanes.split(",")]
    table = speed(widths, options.formulation, options.steps)
    print("\nthe bits of one training at one width")
    same = {}
    arguments = ("--width", options.width, "--formulation", options.formulation)
    for name, flags in FLAGS.items():
        one, two = (in_a_process(flags, *arguments, "--steps", options.steps) for _ in range(2))
        same[name] = {**one, "fresh process": one.get("digest") == two.get("digest") is not None}
        print(f"{name:16s} {same[name]}", flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    found = {
        "environment": environment.fingerprint(),
        "steps_an_epoch": options.steps,
        "formulation": options.formulation,
        "limit_by_adams_traffic": limit,
        "speed": table,
        "bits_at_width": options.width,
        "bits": same,
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n")
    print(f"\n{options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
