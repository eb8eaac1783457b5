"""Five hyperparameters tuned at once on real trainings, at equal training steps, with priors.

    make compare      after the studies of one axis

Learning rate, batch size, weight decay, dropout and optimiser, of a perceptron on MNIST, on
Fashion-MNIST where it is installed, and of the spirals. An epoch is so many mini-batches whatever
their size, so trainings have equal steps. The prior of a task is random search of 40 trainings on
each of the other tasks and on the sine, never on itself. After 5, 10 and 20 trainings' worth of
steps the hyperparameters that the tuner stands for are trained once more, up to their best epoch,
and meet the test set; that training is not counted, for nobody. Each study is a record in
runs/compare/axes.
"""

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

import jax
from flax import linen as nn

import jaxmeta
from experiments.compare import interval, tests_of
from jaxmeta import Choice, Linear, Log, Prior, Space, Study, Task, Values, classification, engine
from jaxmeta.models.layers import Dense, Dropout
from jaxmeta.record.journal import read
from jaxmeta.record.several import name_of
from jaxmeta.study import from_line
from jaxmeta.tasks import make
from jaxmeta.tasks.data import DEBIAN_FASHION_MNIST, load

BUDGETS = (5, 10, 20)
EARLIER = 40  # trainings of a study that a prior is made of
SPACE = Space(
    learning_rate=Log(1e-5, 1.0, start=1e-3),
    batch_size=Values(8, 16, 32, start=32),
    weight_decay=Log(1e-6, 0.1, start=1e-4),
    dropout=Linear(0.0, 0.6, 0.1),
    optimizer=Choice("adamw", "sgd", "momentum"),
)
TUNERS: dict[str, dict[str, Any]] = {
    "rank_gp": {"tuner": "rank_gp", "prior": False},
    "rank_gp, stopping early": {"tuner": "rank_gp", "prior": False, "stop_early": "rival"},
    "rank_gp with a prior": {"tuner": "rank_gp"},
    "with a prior, stopping early": {"tuner": "rank_gp", "stop_early": "rival"},
    "Optuna TPE": {"tuner": "optuna", "sampler": "tpe"},
    "random": {"tuner": "random"},
    "random, halving (ASHA)": {"tuner": "random", "stop_early": "halving"},
}


class Perceptron(nn.Module):
    """One hidden layer of 128 units: [B, 28, 28, 1] -> logits [B, 10]."""

    dropout: float | jax.Array = 0.0

    @nn.compact
    def __call__(self, x, *, train: bool):
        x = nn.relu(Dense(128)(x.reshape(len(x), -1)))
        return Dense(10)(Dropout(self.dropout)(x, deterministic=not train))


def pictures(dataset: str, train_size: int) -> Task:
    name = f"experiments.compare_axes {dataset}"
    return classification(name, Perceptron, load(dataset, train_size))


def asked(options: argparse.Namespace) -> dict[str, Any]:
    """What all studies of a task share."""
    return {
        "epochs": options.epochs,
        "patience": options.epochs,
        "fixed": {"steps_per_epoch": options.steps},
        "keep_weights": False,
        "show": False,
    }


def compare(task: Any, prior: Prior, home: Path, options: argparse.Namespace) -> None:
    whole = options.epochs * options.steps
    print(
        f"\n{task.name}: {whole} steps a training; {options.seeds} seeds; mean test accuracy in % "
        f"[95 % over seeds]; epochs run, and trainings begun\n"
    )
    print(f"{'':30s}" + "".join(f"{f'{b * whole} steps':24s}" for b in BUDGETS))
    for name, words in TUNERS.items():
        out = home / name.replace(" ", "-").replace(",", "")
        # Where trainings are stopped, more of them fit into the same steps.
        trainings = BUDGETS[-1] * (2 if "stop_early" in words else 1)
        given = {"prior": prior, **words} if words["tuner"] == "rank_gp" else words
        seeds = range(options.seeds)
        shared = asked(options)
        found = jaxmeta.tune(task, SPACE, out=out, seeds=seeds, i_max=trainings, **shared, **given)
        study: Study = from_line(read(out / name_of(0))[0], task)
        scores: dict[int, list[float]] = {budget: [] for budget in BUDGETS}
        with engine.start([study.recipe()]) as runner:
            for seed in seeds:
                budgets = {b: b * whole for b in BUDGETS}
                tests = tests_of(out / name_of(seed), budgets, runner, options.steps)
                for budget, score in tests.items():
                    scores[budget].append(score)
        cells = "".join(f"{interval(scores[budget]):24s}" for budget in BUDGETS)
        run, _, of = map(sum, zip(*(one.story.epochs for one in found), strict=True))
        print(f"{name:30s}{cells}{run} epochs of {of} trainings", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.compare_axes")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--train-size", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--steps", type=int, default=16, help="mini-batches an epoch")
    parser.add_argument("--out", type=Path, default=Path("runs/compare/axes"))
    options = parser.parse_args()
    jax.config.update("jax_compilation_cache_dir", str(options.out.parent / "compiled"))
    shutil.rmtree(options.out, ignore_errors=True)
    tasks: dict[str, Any] = {"mnist": pictures("mnist", options.train_size)}
    if there := DEBIAN_FASHION_MNIST.is_dir():
        tasks["fashion_mnist"] = pictures("fashion_mnist", options.train_size)
    tasks |= {"spirals": make("spirals"), "sine": make("sine")}
    for name, task in tasks.items():
        out = options.out / "earlier" / name
        jaxmeta.tune(task, SPACE, out=out, tuner="random", i_max=EARLIER, **asked(options))
    for name in [name for name in tasks if name != "sine"]:
        others = [options.out / "earlier" / other for other in tasks if other != name]
        compare(tasks[name], Prior.from_records(others), options.out / name, options)
    if not there:
        print("\nFashion-MNIST is not installed (Debian: dataset-fashion-mnist), so not compared")
    return 0


if __name__ == "__main__":
    sys.exit(main())
