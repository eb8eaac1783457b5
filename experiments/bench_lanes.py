"""What lanes, look-ahead and workers gain here: three tables, the last beside Optuna.

    make bench          after the network's speed; 10 minutes on two cores

1. One chain of 100 iterations with look-ahead, in trainings needed: exact, on coin flips that cost
   nothing, so it is the same on every machine.
2. The same in seconds, on this machine: one training at a time, and with look-ahead in two lanes,
   in turn, for a training that fills one core and for the poster's network, whose matrix products
   use all cores even alone.
3. Trainings per second of the same program: by jaxmeta's workers, and by Optuna with one process
   for each training, as many at once. Everything is counted, the start of processes included.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import jax

from experiments.bench import cpu
from jaxmeta import Lanes, Log, PosterRule, Space, Study, Training, keys, runtime, tasks
from jaxmeta.engine.local import programs_of
from jaxmeta.engine.scheduler import AUTO
from jaxmeta.running import run
from jaxmeta.training import Program, Stack, train
from jaxmeta.tuning import lookahead

LANES, P_EPS, SEEDS, ITERATIONS = (1, 2, 4, 8, 16), (0.02, 0.05, 0.1), 8, 100
ROUNDS, WORKERS = 3, 2
SPACE = Space(learning_rate=Log(1e-6, 1.0, 0.1, start=1e-3))


def coin_flips(seed: int) -> Callable[[lookahead.Key], int]:
    """Scores that rise and fall with equal probability, whatever is trained."""

    @cache
    def at(i: int) -> int:
        if i == 0:
            return 0
        flip = hashlib.sha256(f"{seed} {i}".encode()).digest()[0] & 1
        return at(i - 1) + (1 if flip else -1)

    return lambda key: at(key.i)


def exact() -> None:
    """Table 1."""
    print(
        f"speed-up of one chain by look-ahead, in trainings: {ITERATIONS} iterations, coin flips,"
    )
    print(f"mean of {SEEDS} seeds (lowest to highest)\n")
    print("lanes  " + "".join(f"p_eps = {p:<17}" for p in P_EPS))
    for lanes in LANES:
        cells = []
        for p_eps in P_EPS:
            tuner = PosterRule(SPACE, p_eps, i_max=ITERATIONS, noprog_max=ITERATIONS)
            gains = [
                ITERATIONS / lookahead.simulate(tuner, seed, lanes, coin_flips(seed)).rounds
                for seed in range(SEEDS)
            ]
            mean = statistics.mean(gains)
            cells.append(f"{mean:5.2f}  ({min(gains):.2f} to {max(gains):.2f})")
        print(f"{lanes:5d}  " + "".join(f"{cell:25s}" for cell in cells), flush=True)


def studies() -> dict[str, Study]:
    """A training for one core, and one of matrix products."""
    tuner = PosterRule(SPACE, 0.05, i_max=12, noprog_max=12)
    return {
        "spirals, 200 epochs": Study(tasks.make("spirals"), tuner, Training(200, 200)),
        "poster's network, 40 steps": Study(
            tasks.make("mnist", train_size=2000), tuner, Training(1), fixed={"steps_per_epoch": 40}
        ),
    }


def seconds_of(study: Study, workers: int, lookahead: int | None) -> float:
    """From the first training's start to the last decision, compilation left out."""
    with tempfile.TemporaryDirectory() as home:
        run(study, Path(home) / "study", workers=workers, lookahead=lookahead)
        rows = (Path(home) / "study" / "times.jsonl").read_text().splitlines()
        elapsed = [json.loads(row)["elapsed"] for row in rows]
    return elapsed[-1] - elapsed[0]  # the first compiles


def wall_clock() -> None:
    """Table 2."""
    print(f"\nspeed-up in seconds: 12 iterations, {ROUNDS} rounds in turn,")
    print("median (lowest to highest)\n")
    for name, study in studies().items():
        alone, ahead = [], []
        for _ in range(ROUNDS):
            alone.append(seconds_of(study, 0, 0))
            ahead.append(seconds_of(study, WORKERS, AUTO))
        ratios = [a / b for a, b in zip(alone, ahead, strict=True)]
        print(
            f"{name:28s} one at a time {statistics.median(alone):6.1f} s, look-ahead in {WORKERS} "
            f"workers {statistics.median(ahead):6.1f} s: {statistics.median(ratios):.2f}  "
            f"({min(ratios):.2f} to {max(ratios):.2f})",
            flush=True,
        )


def widths() -> None:
    """Steps per second of the poster's network in one program, by lanes and formulation."""
    print("\nsteps per second of the poster's network in one program, summed over its lanes\n")
    study, steps = studies()["poster's network, 40 steps"], 40
    stacks = {}
    for lanes in (Lanes(1, "map"), Lanes(4, "map"), Lanes(4, "vmap")):
        training = Training(ROUNDS + 1, ROUNDS + 1)
        program = Program(study.task, training, study.fixed, ["learning_rate"], lanes=lanes)
        stack = Stack(program)
        for lane in range(lanes.width):
            key = keys.training(keys.root(0), lane, 0)
            values = {"learning_rate": 1e-3}
            stack.start(lane, program.fresh(key, values), key, values)
        stacks[lanes] = stack
    rates: dict[Lanes, list[float]] = {lanes: [] for lanes in stacks}
    for epoch in range(1, ROUNDS + 2):
        for lanes, stack in stacks.items():
            started = time.perf_counter()
            stack.advance(dict.fromkeys(range(lanes.width), epoch))
            stack.results()
            rates[lanes].append(lanes.width * steps / (time.perf_counter() - started))
    for lanes, values in rates.items():
        values = values[1:]  # the first compiles
        print(
            f"{lanes.width} lanes, {lanes.formulation:5s} {statistics.median(values):6.1f}  "
            f"({min(values):.1f} to {max(values):.1f}), evaluations included"
        )


TRIALS = 8


def one_training(rate: float, seed: int) -> None:
    """A process of Optuna's: one training of the poster's network; prints its score."""
    values = {"learning_rate": rate}
    program = programs_of(studies()["poster's network, 40 steps"].recipe()).of(values)
    result, _ = train(program, keys.training(keys.root(seed), 0, 0), values)
    print(result.score)


def optuna_seconds(at_once: int) -> float:
    """`TRIALS` trainings by Optuna's TPE, a process for each."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial: optuna.Trial) -> int:
        rate = trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True)
        command = [sys.executable, "-m", "experiments.bench_lanes", "--one", str(rate)]
        output = subprocess.check_output([*command, "--seed", str(trial.number)], text=True)
        return int(output.split()[-1])

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    started = time.monotonic()
    study.optimize(objective, n_trials=TRIALS, n_jobs=at_once)
    return time.monotonic() - started


def ours_seconds() -> float:
    """As many by jaxmeta: the command's whole time but for the training that meets the test set."""
    study = studies()["poster's network, 40 steps"]
    tuner = PosterRule(SPACE, 0.05, i_max=TRIALS, noprog_max=TRIALS)
    with tempfile.TemporaryDirectory() as home:
        started = time.monotonic()
        timed = Timed()
        run(
            replace(study, tuner=tuner),
            Path(home) / "study",
            watcher=timed,
            workers=WORKERS,
        )
        return timed.last - started


class Timed:
    """Notes when the last decision was made."""

    last = 0.0

    def asked(self, decision, use) -> None: ...

    def epoch(self, trial, result) -> None: ...

    def told(self, line) -> None:
        self.last = time.monotonic()

    def ended(self, line) -> None: ...


def beside_optuna() -> None:
    """Table 3."""
    print(f"\ntrainings per second, {TRIALS} of the poster's network, everything counted\n")
    rates: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, seconds in (
            (f"jaxmeta, look-ahead in {WORKERS} workers", ours_seconds),
            (f"Optuna, a process a training, {WORKERS} at once", lambda: optuna_seconds(WORKERS)),
        ):
            rates.setdefault(name, []).append(TRIALS / seconds())
    for name, values in rates.items():
        print(
            f"{name:44s} {statistics.median(values):6.3f}  ({min(values):.3f} to {max(values):.3f})"
        )
    ours, theirs = (statistics.median(values) for values in rates.values())
    print(f"ratio: {ours / theirs:.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.bench_lanes")
    parser.add_argument("--one", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        one_training(options.one, options.seed)
        return 0
    print(f"\n{cpu()}, {runtime.cores()} cores, {runtime.threads()} threads, jax {jax.__version__}")
    print(f"processes running or waiting before the start: {os.getloadavg()[0]:.1f}\n")
    exact()
    widths()
    wall_clock()
    beside_optuna()
    return 0


if __name__ == "__main__":
    sys.exit(main())
