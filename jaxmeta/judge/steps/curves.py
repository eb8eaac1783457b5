"""Learning curves of DeepOBS, which no contributor to jaxmeta made.

Schneider, Balles, Hennig, "DeepOBS: A Deep Learning Optimizer Benchmark Suite", ICLR 2019; its
baselines (github.com/fsschneider/DeepOBS_Baselines, MIT) as one table `deepobs_curves.csv.gz` with
the columns problem, optimizer, lr, seed, epoch, test_loss and test_acc. Of each of 8 problems there
are 3 optimisers and 36 learning rates from 1e-5 to 1e2, one seed each that is the same for all: so
keys are paired, and a second replicate brings the same curve. What DeepOBS calls test is what a
tuner is told here. It does not come with the package.
"""

import csv
import gzip
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from jaxmeta.score import DIVERGED, to_float, to_rank
from jaxmeta.space import Choice, Space, Values
from jaxmeta.stopping import course

FILE = "deepobs_curves.csv.gz"
SEED = "42"  # nine others stand at one learning rate only
RATES = tuple(float(f"{10 ** (k / 5):.6g}") for k in range(-25, 11))
OPTIMIZERS = {
    "AdamOptimizer": "adam",
    "MomentumOptimizer": "momentum",
    "GradientDescentOptimizer": "sgd",
}
SPACE = Space(
    learning_rate=Values(*RATES, start=RATES[len(RATES) // 2]),
    optimizer=Choice(*OPTIMIZERS.values()),
)
SPLITS = {
    "develop": ("mnist_vae", "fmnist_2c2d", "quadratic_deep", "cifar10_3c3d"),
    "report": ("fmnist_vae", "svhn_wrn164", "cifar100_allcnnc", "tolstoi_char_rnn"),
}


@dataclass(frozen=True, eq=False)
class Problem:
    """All trainings of one problem.

    Attributes:
      epochs: of a whole training.
      curves: evaluations after each epoch by position, ranks of float32: accuracy, or minus the
        loss where there is none.
    """

    name: str
    epochs: int
    curves: dict[tuple[int, ...], list[int]]

    def regret(self, position: tuple[int, ...]) -> float:
        """Of a whole training: (best - score) / (best - median), 1 at the most."""
        return regrets(self)[position]


@cache
def regrets(problem: Problem) -> dict[tuple[int, ...], float]:
    """By position."""
    final = {at: course(curve)[-1] for at, curve in problem.curves.items()}
    value = {at: -math.inf if s == DIVERGED else to_float(s) for at, s in final.items()}
    best, median = max(value.values()), float(np.median(list(value.values())))
    if median == -math.inf:  # more than half diverged: the worst of the others
        median = min(v for v in value.values() if v > -math.inf)
    return {at: min((best - v) / (best - median), 1.0) for at, v in value.items()}


@cache
def load(folder: Path) -> dict[str, Problem]:
    """The problems, by name.

    Raises:
      ValueError: the folder has no such table, or one that is not complete.
    """
    path = folder / FILE
    if not path.is_file():
        raise ValueError(f"the curves must lie in {path}, and there is no such file; name a folder")
    found: dict[str, dict[tuple[int, ...], dict[int, int]]] = {}
    words = list(OPTIMIZERS)
    try:
        with gzip.open(path, "rt", newline="") as file:
            for row in csv.DictReader(file):
                if row["seed"] == SEED and int(row["epoch"]) > 0:
                    rate = round(5 * math.log10(float(row["lr"]))) + 25
                    of = found.setdefault(row["problem"], {})
                    at = of.setdefault((rate, words.index(row["optimizer"])), {})
                    at[int(row["epoch"])] = _score(row["test_acc"], row["test_loss"])
        return {name: _problem(name, of) for name, of in found.items()}
    except (KeyError, ValueError, EOFError, OSError) as error:
        raise ValueError(
            f"{path} must be DeepOBS's curves, and is not ({error}); get it anew"
        ) from None


def _score(accuracy: str, loss: str) -> int:
    if not math.isfinite(float(loss or "nan")):
        return DIVERGED
    return to_rank(float(accuracy)) if accuracy else to_rank(-float(loss))


def _problem(name: str, of: dict[tuple[int, ...], dict[int, int]]) -> Problem:
    if len(of) != len(RATES) * len(OPTIMIZERS):
        raise ValueError(f"{name} has {len(of)} trainings, not {len(RATES) * len(OPTIMIZERS)}")
    curves = {}
    for at, points in of.items():
        curve = [points[e] for e in range(1, len(points) + 1)]
        end = curve.index(DIVERGED) + 1 if DIVERGED in curve else len(curve)
        curves[at] = curve[:end]
    return Problem(name, max(map(len, curves.values())), curves)
