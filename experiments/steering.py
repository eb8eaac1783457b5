"""The steering car: which learning rate drives, and which tuner finds it.

    make steering      9 minutes on two cores

The poster's outlook: "apply our algorithm to train a CNN that should solve behavioural cloning
(steering angle prediction) and be deployed on an autonomous F1/10th toy car". Three parts; every
study is a record in runs/steering, which `jaxmeta show`, `verify` and `drive` read:

1. rates    four fixed rates and in the end the tuned one, an epoch each, at the wheel on six
            unseen tracks
2. tuners   four tuners on the learning rate, from 1e-4 where a tuner starts anywhere, at equal
            training steps and from three seeds, on half of the frames; what each stands for in the
            end is trained once more from its own key and meets the test split, not counted
3. joint    three_way on learning rate, mini-batch size, weight decay and dropout, by adamw

It ends with an answer: whether the rate that is best by RMSE is the one that drives best. The table
is also runs/steering/results.json. Results and hardware stand in docs/steering.md.
"""

import argparse
import json
import math
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from experiments.compare import steps_of, tests_of
from jaxmeta import Linear, Log, Space, Study, Training, Values, engine, load, run, tune
from jaxmeta.drive import clone, laps, picture
from jaxmeta.tasks import make
from jaxmeta.tuning import OptunaSearch, PosterRule, Random, ThreeWay, Tuner

RATES = (1e-5, 1e-4, 1e-3, 1e-2)
LOW, HIGH, START = 1e-5, 1.0, 1e-4
TRAININGS = 8  # of each tuner
JOINT = 12
HALF = 3496  # of the frames, so that tuners cost half: those of the first six tracks
LOGARITHMIC = Space(learning_rate=Log(LOW, HIGH, start=START))
TUNERS: dict[str, Callable[[int], Tuner]] = {
    "poster": lambda n: PosterRule(
        Space(learning_rate=Linear(1e-6, HIGH, 5e-5, start=START)), i_max=n, noprog_max=n
    ),
    # Half as many again, since with paired keys some of its decisions are free.
    "three_way": lambda n: ThreeWay(LOGARITHMIC, i_max=n + n // 2),
    "random": lambda n: Random(LOGARITHMIC, i_max=n),
    "Optuna TPE": lambda n: OptunaSearch(LOGARITHMIC, "tpe", i_max=n),
}
ONE_EPOCH = Training(1, 1)


def rmse(score: float, task: Any, split: str) -> float:
    """rad, from minus the sum of squared errors."""
    return math.sqrt(-score / task.held_out[split].examples)


def degrees(rad: float) -> str:
    return f"{rad:.4f} ({math.degrees(rad):.2f}°)"


def tuners(task: Any, home: Path, seeds: int) -> dict[str, list[float]]:
    """The RMSE on the test split of what each tuner stands for, a number a seed."""
    found: dict[str, list[float]] = {}
    steps = steps_of(task)
    with engine.start([Study(task, training=ONE_EPOCH).recipe()]) as runner:
        for name, tuner in TUNERS.items():
            for seed in range(seeds):
                folder = home / f"{name.replace(' ', '-')}-{seed}"
                study = Study(task, tuner(TRAININGS), ONE_EPOCH, seed)
                run(study, folder)
                score = tests_of(folder, {TRAININGS: TRAININGS * steps}, runner, steps)[TRAININGS]
                found.setdefault(name, []).append(rmse(score, task, "test"))
                rate = load(folder).best["learning_rate"]
                print(f"{name}, seed {seed}: {rate:.2g}, {degrees(found[name][-1])}", flush=True)
    return found


def joint(task: Any, home: Path, seeds: int) -> list[dict[str, Any]]:
    """What three_way finds on four axes from each seed, and its RMSE on the test split."""
    space = Space(
        learning_rate=Log(LOW, HIGH, start=1e-3),
        batch_size=Values(32, 64, 128, start=64),
        weight_decay=Log(1e-5, 1.0),
        dropout=Linear(0.0, 0.6, 0.1),
    )
    studies = tune(
        task,
        tuner=ThreeWay(space, i_max=JOINT),
        epochs=1,
        fixed={"optimizer": "adamw"},
        out=home / "joint",
        seeds=range(seeds),
        show=False,
    )
    said = []
    for found in studies:
        assert found.test is not None and found.test.value is not None
        said.append({"best": dict(found.best), "rmse": rmse(found.test.value, task, "test")})
    return said


def at_the_wheel(task: Any, rate: float, name: str, home: Path) -> dict[str, Any]:
    """One epoch at `rate`, and six laps of it."""
    folder = home / f"clone-{name.partition(',')[0]}"
    tune(
        task,
        tuner=PosterRule(Space(learning_rate=Values(rate, HIGH, start=rate)), i_max=1),
        epochs=1,
        out=folder,
        show=False,
    )
    driver, error = clone.driver(folder, task)
    driven = laps.laps(lambda _: driver, keep=True)
    picture.draw(driven, folder)
    found = {"driver": f"clone, {name}", "rate": rate, **error, **laps.summary(driven)}
    print(f"{found['driver']}: {degrees(found['rmse'])}, {found['laps']} laps", flush=True)
    return found


def table_of(rows: list[dict[str, Any]]) -> Table:
    table = Table("driver", "RMSE, rad", *laps.COLUMNS)
    for row in rows:
        error = degrees(row["rmse"]) if "rmse" in row else ""
        table.add_row(row["driver"], error, *laps.cells(row))
    return table


def answer(clones: list[dict[str, Any]]) -> str:
    """Whether the rate that is best by RMSE drives best: most laps, then nearest to the middle."""
    by_rmse = min(clones, key=lambda row: row["rmse"])
    by_laps = max(clones, key=lambda row: (row["laps"], -row["mean_distance"]))
    if by_rmse is by_laps:
        return f"The rate that is best by RMSE, {by_rmse['rate']:.3g}, is the one that drives best."
    return (
        f"The rate that is best by RMSE is {by_rmse['rate']:.3g}; the one that drives best is "
        f"{by_laps['rate']:.3g}: {by_laps['laps']} laps and {by_laps['mean_distance']:.3f} m from "
        f"the middle, against {by_rmse['laps']} and {by_rmse['mean_distance']:.3f} m."
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.steering")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/steering"))
    options = parser.parse_args()
    started, console = time.monotonic(), Console(width=120)
    home: Path = options.out
    shutil.rmtree(home, ignore_errors=True)  # the same command twice is the same studies twice
    home.mkdir(parents=True)
    # The studies compile the same programs; the bits are those of a fresh compilation.
    jax.config.update("jax_compilation_cache_dir", str(home / "compiled"))
    task, half = make("steering"), make("steering", train_size=HALF)
    steps = TRAININGS * steps_of(half)
    zero = float(np.sqrt(np.mean(task.held_out["test"].y ** 2)))
    print(f"{len(task.train.y)} frames, {HALF} for tuning; who predicts zero: {degrees(zero)}\n")

    clones = [at_the_wheel(task, rate, f"{rate:g}", home) for rate in RATES]
    tuned = tuners(half, home, options.seeds)
    table = Table("tuner", f"RMSE after {steps} steps, rad: median", "of each seed")
    for name, errors in tuned.items():
        table.add_row(name, degrees(statistics.median(errors)), ", ".join(map(degrees, errors)))
    console.print(table)

    together = joint(half, home, options.seeds)
    print(f"three_way on four axes, {JOINT} trials:")
    for one in together:
        best = ", ".join(f"{name} {value:.4g}" for name, value in one["best"].items())
        print(f"  {best}; RMSE {degrees(one['rmse'])}")

    found = float(load(home / "three_way-0").best["learning_rate"])
    clones.append(at_the_wheel(task, found, f"tuned, {found:.3g}", home))
    controls = [
        {"driver": name, **laps.summary(laps.laps(driver_of))}
        for name, driver_of in laps.CONTROLS.items()
    ]
    controls[-1]["rmse"] = zero
    console.print(table_of(clones + controls))
    words = answer(clones)
    minutes = (time.monotonic() - started) / 60
    print(f"{words}\n{minutes:.1f} minutes")
    results = {"tuners": tuned, "joint": together, "drivers": clones + controls, "answer": words}
    (home / "results.json").write_text(json.dumps({**results, "minutes": minutes}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
