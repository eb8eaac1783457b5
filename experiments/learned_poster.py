"""Test (d): the poster's network by the learned optimiser, beside tuners of Adam, at equal steps.

A training of a tuner is an epoch of 1,000 images, 20 steps. In the steps of TRAININGS of them a
tuner chooses a learning rate, as in experiments/compare.py: the network at the rate that it stands
for meets the test set. What needs no rate trains once for all those steps, and its best epoch on
the validation images meets the test set.
"""

import shutil
import time
from pathlib import Path
from typing import Any

import optax
import optax.contrib
from rich.console import Console
from rich.table import Table

from experiments.compare import interval, steps_of, tests_of, untuned
from jaxmeta import Linear, Log, Space, Study, Training, engine, tasks
from jaxmeta import run as run_study
from jaxmeta.learned.optimizer import learned
from jaxmeta.tuning import PosterRule, ThreeWay

IMAGES, TRAININGS, START = 1_000, 4, 1e-4
LINEAR = Space(learning_rate=Linear(1e-6, 1.0, 5e-5, start=START))
TUNERS = {
    "the poster's tuner on Adam": PosterRule(LINEAR, i_max=TRAININGS, noprog_max=TRAININGS),
    # Half as many again, since with paired keys some of its decisions are free.
    "three_way on Adam": ThreeWay(
        Space(learning_rate=Log(1e-5, 1.0, start=START)), i_max=TRAININGS + TRAININGS // 2
    ),
}
FREE = {
    "learned": learned,
    "prodigy": lambda: optax.contrib.prodigy(1.0),
    "Adam at 1e-3": lambda: optax.adam(1e-3),
}


def run(home: Path, console: Console, seeds: int) -> dict[str, Any]:
    """Test accuracy in percent of each seed, by who trained and for how many steps."""
    shutil.rmtree(home, ignore_errors=True)
    task: Any = tasks.make("mnist", train_size=IMAGES)
    steps, one = steps_of(task), Training(1, 1)
    table = Table("the poster's network", "steps", "test accuracy, % [95 %]", "seconds a step")
    said: dict[str, Any] = {}

    def note(name: str, of_steps: int, scores: list[float], seconds: str = "") -> None:
        said[f"{name}, {of_steps} steps"] = [100 * score for score in scores]
        table.add_row(name, str(of_steps), interval(scores), seconds)
        print(f"{name}, {of_steps} steps: {interval(scores)}", flush=True)

    with engine.start([Study(task, training=one).recipe()]) as runner:
        for name, tuner in TUNERS.items():
            scores = []
            for seed in range(seeds):
                folder = home / f"{name.split()[0]}-{name.split()[1]}-{seed}"
                run_study(Study(task, tuner, one, seed), folder)
                budgets = {TRAININGS: TRAININGS * steps}
                scores.append(tests_of(folder, budgets, runner, steps)[TRAININGS])
            note(name, TRAININGS * steps, scores)
    training = Training(TRAININGS, TRAININGS)
    for name, make in FREE.items():
        started = time.monotonic()
        scores = [untuned(Study(task, training=training, seed=s), make) for s in range(seeds)]
        seconds = (time.monotonic() - started) / (seeds * TRAININGS * steps)
        note(name, TRAININGS * steps, scores, f"{seconds:.2f}")
    console.print(table)
    return said
