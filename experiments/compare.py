"""Tuners on real trainings, at equal training steps: accuracy on the test set against steps spent.

    make compare      MNIST, and Fashion-MNIST where it is installed; 30 minutes on two cores

Five seeds of each tuner, from λ0 = 1e-5, 1e-3 and 1e-1 where a tuner starts anywhere. Each study is
a record in runs/compare, where `jaxmeta show`, `verify` and `report` read it. After 2, 5, 10 and 20
trainings' worth of steps the learning rate that the tuner stands for is trained once more from its
own key, and its weights at their best epoch meet the test set: that training is not counted, for
nobody. With paired keys a revisit costs nothing. optax's rate-free optimisers are not tuned, and
cost one training.

The network is a perceptron of 256 units, so that two cores can train it a thousand times;
`--network poster` is for a GPU.
"""

import argparse
import math
import shutil
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
import optax.contrib
from flax import linen as nn

from jaxmeta import Linear, Log, Space, Study, Task, Training, classification, engine, keys, run
from jaxmeta.engine import Engine, Job
from jaxmeta.engine.scheduler import job, run_all
from jaxmeta.models.layers import Dense
from jaxmeta.models.poster import PosterNet
from jaxmeta.record.journal import Line, read
from jaxmeta.record.lines import decisions, kind_of, recommended, trainings_of, trial_of
from jaxmeta.replay import replay
from jaxmeta.score import to_float
from jaxmeta.tasks.data import DEBIAN_FASHION_MNIST, load
from jaxmeta.tuning import Grid, OptunaSearch, PosterRule, Random, ThreeWay, Tuner

BUDGETS = (2, 5, 10, 20)
STARTS = (1e-5, 1e-3, 1e-1)
LOW, HIGH = 1e-5, 1.0
TRAININGS = BUDGETS[-1]


class Perceptron(nn.Module):
    """One hidden layer of 256 units: [B, 28, 28, 1] -> logits [B, 10]."""

    @nn.compact
    def __call__(self, x, *, train: bool):
        del train
        return Dense(10)(nn.relu(Dense(256)(x.reshape(len(x), -1))))


class Contender(NamedTuple):
    name: str
    tuner: Callable[[float, int], Tuner]  # from λ0 and a number of trainings
    starts: tuple[float, ...] = STARTS
    again: bool = False  # a study for each budget: a grid's points depend on their number


def space(start: float | None = None) -> Space:
    """All search the same range; a tuner that begins somewhere begins at `start`."""
    return Space(learning_rate=Log(LOW, HIGH, start=start))


def poster(start: float, trainings: int) -> Tuner:
    """The poster's walk with its additive step, never out of patience."""
    axis = Linear(LOW, HIGH, 1e-3, start=start)
    n = trainings
    return PosterRule(Space(learning_rate=axis), p_eps=0.05, i_max=n, noprog_max=n)


CONTENDERS = (
    # Half as many again, since with paired keys some of its decisions are free.
    Contender("three_way", lambda start, n: ThreeWay(space(start), i_max=n + n // 2)),
    Contender("random", lambda _, n: Random(space(), i_max=n), STARTS[:1]),
    Contender("Optuna TPE", lambda _, n: OptunaSearch(space(), "tpe", i_max=n), STARTS[:1]),
    Contender("grid", lambda _, n: Grid(space(), points=n), STARTS[:1], again=True),
    Contender("poster", poster),
)
# As optax documents them: a rate of 1, and whatever else is their default.
RATE_FREE: dict[str, Callable[[], optax.GradientTransformation]] = {
    "prodigy": lambda: optax.contrib.prodigy(1.0),
    "dadapt_adamw": lambda: optax.contrib.dadapt_adamw(1.0),
    "mechanize adam": lambda: optax.contrib.mechanize(optax.adam(1e-3)),
    "dowg": lambda: optax.contrib.dowg(1.0),
    "adam 1e-3": lambda: optax.adam(1e-3),
}


def task_of(dataset: str, network: str, train_size: int) -> Task:
    net = PosterNet() if network == "poster" else Perceptron()
    name = f"experiments.compare {network} on {dataset}"
    return classification(name, net, load(dataset, train_size))


def steps_of(task: Any) -> int:
    """Mini-batches in an epoch."""
    return len(task.data.train.x) // int(task.defaults["batch_size"])


def spent(journal: list[Line], steps: int) -> list[int]:
    """Training steps after each decision."""
    of = [sum(len(t["curve"]) for t in line["trainings"]) for line in decisions(journal)]
    return np.cumsum(np.array(of) * steps).tolist()


def tests_of(folder: Path, budgets: dict[int, int], runner: Engine, steps: int) -> dict[int, float]:
    """The test accuracy, or a score that is no count, of what the tuner stood for when a budget of
    steps was spent.

    Args:
      budgets: training steps by number of trainings.
    """
    journal = read(folder)
    done, cost = decisions(journal), spent(journal, steps)
    chains = replay(journal)
    jobs: dict[int, Job] = {}
    for trainings, budget in budgets.items():
        # At least one training, though it may be longer than the budget's mean.
        n = max(1, sum(c <= budget for c in cost))
        lines = [journal[0], *done[:n]]
        best = tuple(done[n - 1]["told"]["best"])
        line = recommended(kind_of(journal[0]), lines, [best])
        (entry,) = trainings_of(lines, line)
        if entry["best_epoch"]:
            test = job(chains, trial_of(journal[0], line, entry))._replace(
                epochs=entry["best_epoch"], test=True
            )
            jobs[trainings] = test._replace(name=f"{folder.name}.{trainings}")
    events = run_all(runner, list(jobs.values()))
    of = journal[0]["score"]["of"]["test"]

    def score(test: int) -> float:
        return to_float(test) if of is None else test / of

    # A training that diverged has no weights: among ten classes it knows as much as a guess.
    nothing = -math.inf if of is None else 0.1
    return {t: score(events[jobs[t].name].test or 0) if t in jobs else nothing for t in budgets}


def tuned(
    study: Study, contender: Contender, lr0: float, home: Path, runner: Engine
) -> dict[int, float]:
    """Test accuracy after each budget, of one seed of one tuner."""
    steps = steps_of(study.task)
    found: dict[int, float] = {}
    for trainings in BUDGETS if contender.again else BUDGETS[-1:]:
        name = f"{contender.name}-{lr0:g}-{study.seed}-{trainings}".replace(" ", "-")
        folder = home / name
        run(replace(study, tuner=contender.tuner(lr0, trainings), keys=None), folder)
        budgets = (trainings,) if contender.again else BUDGETS
        whole = study.training.epochs * steps
        found |= tests_of(folder, {b: b * whole for b in budgets}, runner, steps)
    return found


def untuned(study: Study, make: Callable[[], optax.GradientTransformation]) -> float:
    """Test accuracy of one training without a learning rate to choose."""
    one_alone = {"rate free": lambda learning_rate: make()}
    task = replace(study.task, optimizers=one_alone, defaults={})  # pyright: ignore
    recipe = replace(study, task=task).recipe()
    key = jax.random.key_data(keys.training(keys.root(study.seed), 0, 0))
    first, second = np.asarray(key).tolist()
    one = Job("one", (first, second), {"learning_rate": 1.0}, test=True)
    with engine.start([recipe]) as runner:
        event = run_all(runner, [one])["one"]
    return 0.1 if event.result.diverged else (event.test or 0) / len(study.task.held_out["test"].x)


def interval(values: list[float]) -> str:
    """Mean and 95 % interval over seeds (and starting points), by bootstrap."""
    draw = np.random.default_rng(0)
    means = draw.choice(values, (2000, len(values))).mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{100 * statistics.mean(values):6.2f} [{100 * low:.2f}, {100 * high:.2f}]"


def compare(dataset: str, options: argparse.Namespace) -> None:
    task = task_of(dataset, options.network, options.train_size)
    training = Training(options.epochs, options.epochs)
    home = options.out / f"{options.network}-{dataset}"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    whole = options.epochs * steps_of(task)
    print(
        f"\n{dataset}, {options.network}, {len(task.data.train.x)} images, {options.epochs} "
        f"epochs: {whole} steps a training; {options.seeds} seeds; mean test accuracy in % [95 %]\n"
    )
    head = "".join(f"{f'{b * whole} steps':24s}" for b in BUDGETS)
    print(f"{'':26s}{head}")
    with engine.start([Study(task, training=training).recipe()]) as runner:
        for contender in CONTENDERS:
            for lr0 in contender.starts:
                scores: dict[int, list[float]] = {budget: [] for budget in BUDGETS}
                for seed in range(options.seeds):
                    study = Study(task, training=training, seed=seed)
                    for budget, score in tuned(study, contender, lr0, home, runner).items():
                        scores[budget].append(score)
                start = f" from {lr0:g}" if len(contender.starts) > 1 else ""
                cells = "".join(f"{interval(scores[budget]):24s}" for budget in BUDGETS)
                print(f"{contender.name + start:26s}{cells}", flush=True)
    for name, make in RATE_FREE.items():
        values = [
            untuned(Study(task, training=training, seed=seed), make)
            for seed in range(options.seeds)
        ]
        print(f"{name + ', no search':26s}{interval(values)}   ({whole} steps)", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.compare")
    parser.add_argument("--network", choices=("perceptron", "poster"), default="perceptron")
    parser.add_argument("--dataset", action="append", help="default: those that are installed")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--train-size", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/compare"))
    options = parser.parse_args()
    # Studies of one data set compile the same programs; the bits are those of a fresh compilation.
    jax.config.update("jax_compilation_cache_dir", str(options.out / "compiled"))
    there = ["mnist", *(["fashion_mnist"] if DEBIAN_FASHION_MNIST.is_dir() else [])]
    for dataset in options.dataset or there:
        compare(dataset, options)
    if not options.dataset and len(there) == 1:
        print("\nFashion-MNIST is not installed (Debian: dataset-fashion-mnist), so not compared")
    return 0


if __name__ == "__main__":
    sys.exit(main())
