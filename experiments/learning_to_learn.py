"""Learning to learn by gradient descent: an optimiser is trained, tuned by a tuner, and compared.

    make learning-to-learn                                  anew, with tests (a) to (c)
    python -m experiments.learning_to_learn --use-shipped   tests (a) and (b) of what is shipped
    python -m experiments.learning_to_learn --use-shipped --tests d --seeds 3

Andrychowicz et al., "Learning to learn by gradient descent by gradient descent" (2016). For each of
two families of functions, ten-dimensional quadratics and small networks that learn MNIST:

1. tuning     rank_gp tunes the meta-training (meta learning rate, unroll, output scale)
2. training   the best of it, longer, as a study of one trial; its weights go into the package, and
              its record and that of the tuning into experiments/results/learned
3. tests      (a) to (c), see experiments/learned_rivals.py, drawn in curves.png and
              (d) the poster's network, see experiments/learned_poster.py

The networks of the training see the middle 12x12 pixels, as that costs a fifth; those of the tests
all 28x28. The tests' first parameters and mini-batches are others than the training's.
Both studies can be verified: jaxmeta verify runs/learned/mnist-training --task
experiments.learning_to_learn:mnist. Results and hardware stand in docs/learning_to_learn.md.
"""

import argparse
import hashlib
import json
import multiprocessing
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from experiments import learned_poster, learned_rivals
from jaxmeta import Log, Space, tune
from jaxmeta.learned import optimizees
from jaxmeta.learned.meta import AXES, STEPS, meta_training
from jaxmeta.learned.optimizer import FILE
from jaxmeta.record.journal import NAME
from jaxmeta.training.functions import Functions

KEPT = Path("experiments/results/learned")


class Lengths(NamedTuple):
    trials: int  # of the tuning
    short: int  # epochs of each of them
    long: int  # epochs of the training
    truncated: int  # of these, epochs in stretches of `unroll`


LENGTHS = {"quadratics": Lengths(8, 3, 20, 6), "mnist": Lengths(6, 3, 8, 5)}
ROUNDS, SHORT_ROUNDS = 100, 40  # of an epoch on MNIST in the training, and in the tuning


def quadratics() -> Functions:
    return meta_training(
        "experiments.learning_to_learn:quadratics",
        optimizees.quadratics(),
        side_by_side=64,
        rounds=20,
        held_out=128,
    )


def mnist(side: int = 12, rounds: int = ROUNDS) -> Functions:
    """Networks of the middle `side` x `side` pixels."""
    return meta_training(
        "experiments.learning_to_learn:mnist",
        optimizees.networks(side * side),
        learned_rivals.images(side),
        side_by_side=1,
        rounds=rounds,
        held_out=32,
        drawn=1024,
        options={"side": side, "rounds": rounds},
    )


FAMILIES = {"quadratics": quadratics, "mnist": mnist}
# What is tuned on: fewer rounds, so that a trial takes seconds.
SMALL = {"quadratics": quadratics, "mnist": lambda: mnist(rounds=SHORT_ROUNDS)}


def trained(name: str, home: Path) -> dict[str, Any]:
    """Tune and train on a family, keep both journals, and give what the package ships of it."""
    trials, short, long, truncated = LENGTHS[name]
    folders = {part: home / f"{name}-{part}" for part in ("tuning", "training")}
    for folder in folders.values():  # the same command twice is the same studies twice
        shutil.rmtree(folder, ignore_errors=True)
    tuned = tune(
        SMALL[name](), Space(**AXES), tuner="rank_gp", i_max=trials, prior=False, epochs=short,
        patience=short, fixed={"truncated": short - 1}, out=folders["tuning"],
        keep_weights=False, show=False,
    )  # fmt: skip
    best = tuned.best
    print(f"{name}: {best}, score {tuned.score}", flush=True)
    rate = float(best["learning_rate"])
    fixed = {"truncated": truncated, **{of: best[of] for of in ("unroll", "output_scale")}}
    family = FAMILIES[name]()
    found = tune(  # one trial, at the rate that was found
        family, Space(learning_rate=Log(3e-4, 2e-2, start=rate)), tuner="poster", i_max=1,
        fixed=fixed, epochs=long, patience=long, out=folders["training"], show=False,
    )  # fmt: skip
    weights = found.weights(family).mean
    print(f"{name}: trained, score {found.score}", flush=True)
    shipped = {
        f"{name}_{of}": np.asarray(x) for of, x in zip(weights._fields, weights, strict=True)
    }
    for part, folder in folders.items():
        KEPT.mkdir(parents=True, exist_ok=True)
        kept = shutil.copyfile(folder / NAME, KEPT / f"{name}-{part}.jsonl")
        shipped[f"{name}_{part}"] = np.array(hashlib.sha256(kept.read_bytes()).hexdigest())
    return shipped | {f"{name}_scale": np.float32(best["output_scale"])}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.learning_to_learn")
    parser.add_argument("--use-shipped", action="store_true", help="train nothing; tests (a), (b)")
    parser.add_argument("--tests", help="which, such as abcd; without it abc, or ab of the shipped")
    parser.add_argument("--seeds", type=int, default=1, help="of test (d), some minutes each")
    parser.add_argument("--out", type=Path, default=Path("runs/learned"))
    options = parser.parse_args()
    started, console, home = time.monotonic(), Console(width=150), options.out
    home.mkdir(parents=True, exist_ok=True)
    tests = options.tests or ("ab" if options.use_shipped else "abc")
    said: dict[str, Any] = {}

    def minutes(part: str) -> None:
        said.setdefault("minutes", {})[part] = round((time.monotonic() - started) / 60, 1)
        print(f"{part}: {said['minutes'][part]} minutes since the start", flush=True)

    # A process for each of two cores; JAX cannot be forked.
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        if not options.use_shipped:
            shipped: dict[str, Any] = {}
            for part in pool.map(partial(trained, home=home), FAMILIES):
                shipped |= part
            np.savez(FILE, **shipped)
            minutes("meta-training")
        names = [name for name in learned_rivals.TESTS if name[0] in tests]
        found = dict(zip(names, pool.map(learned_rivals.run, names), strict=True))
    if found:
        from jaxmeta.report.picture import save

        learned_rivals.show(found, console)
        save(lambda: learned_rivals.figure(found), home / "curves.png", home / "curves.svg")
        minutes("tests")
    said["tests"] = {
        name: {k: v for k, v in one.items() if k != "curves"} for name, one in found.items()
    }
    if "d" in tests:
        trials, short, long, _ = LENGTHS["mnist"]
        before = STEPS * (trials * short * SHORT_ROUNDS + long * ROUNDS)
        said["d"] = learned_poster.run(home / "poster", console, options.seeds)
        console.print(f"beside them, the meta-training: {before:,} steps of 12x12 networks")
        minutes("the poster's network")
    (home / "results.json").write_text(json.dumps(said, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
