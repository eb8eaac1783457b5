"""Complete tables of trainings: a score for every position of a space, and each of a few seeds.

    score    what a tuner is told: one seed's value in units of 1e-5, or DIVERGED
    regret   of a position, from its mean over all seeds, which no tuner sees:
             (best - mean) / (best - median), 0 at the best position and 1 at the median one

The tables are those of `judge.tables`; one kind is made up: five axes that interact.
"""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from jaxmeta import keys
from jaxmeta.judge import tables
from jaxmeta.judge.landscape import UNIT
from jaxmeta.score import DIVERGED
from jaxmeta.space import Choice, Space, Values

RATES = tuple(float(f"{rate:.4g}") for rate in np.geomspace(1e-5, 1, 10))
MLP = Space(
    weight_decay=Values(*(float(f"{decay:.4g}") for decay in np.geomspace(1e-8, 1, 10))),
    batch_size=Values(4, 6, 10, 16, 25, 40, 64, 101, 161, 256),
    depth=Values(1, 2, 3),
    learning_rate=Values(*RATES),
    width=Values(16, 25, 40, 64, 101, 161, 256, 406, 645, 1024),
)
UNITS = Values(16, 32, 64, 128, 256, 512)
FCNET = Space(
    activation_1=Choice("relu", "tanh"),
    activation_2=Choice("relu", "tanh"),
    batch_size=Values(8, 16, 32, 64),
    dropout_1=Values(0.0, 0.3, 0.6),
    dropout_2=Values(0.0, 0.3, 0.6),
    learning_rate=Values(5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1),
    schedule=Choice("cosine", "constant"),
    units_1=UNITS,
    units_2=UNITS,
)
MADE_UP = Space(
    learning_rate=Values(*RATES),
    batch_size=Values(8, 16, 32, 64, 128, 256),
    weight_decay=Values(0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2),
    dropout=Values(0.0, 0.1, 0.2, 0.3, 0.4, 0.5),
    optimizer=Choice("adam", "sgd", "lion"),
)
SPLITS = {
    "develop": (*tables.MLP[:4], *tables.FCNET[:2], "made_up_0", "made_up_1"),
    "report": (*tables.MLP[4:], *tables.FCNET[2:], "made_up_2", "made_up_3"),
}


@dataclass(frozen=True, eq=False)
class Table:
    """All trainings on one data set.

    Attributes:
      name: of the data set.
      family: of tables over the same space.
      space: its axes; position k of an axis is its k-th value.
      value: float64[*positions, seeds], higher is better.
      diverged: a value at or below it is a training that diverged.
    """

    name: str
    family: str
    space: Space
    value: np.ndarray
    diverged: float = -np.inf

    @cached_property
    def _mean(self) -> np.ndarray:
        return self.value.mean(-1)

    @cached_property
    def _ends(self) -> tuple[float, float]:
        return float(self._mean.max()), float(np.median(self._mean))

    def score(self, position: tuple[int, ...], key: keys.Words) -> int:
        """Of the training at `position` with this key, which draws the seed."""
        of_seeds = self.value[position]
        value = of_seeds[int(keys.bits(key)) * len(of_seeds) >> 32]
        return DIVERGED if value <= self.diverged else int(np.rint(value / UNIT))

    def regret(self, position: tuple[int, ...]) -> float:
        best, median = self._ends
        return (best - float(self._mean[position])) / (best - median)


def family(name: str) -> str:
    """Of the table called `name`."""
    if name.startswith("made_up_"):
        return "made up"
    return "mlp" if name in tables.MLP else "fcnet"


@cache
def load(name: str) -> Table:
    """The table called `name`, one of SPLITS.

    Raises:
      ModuleNotFoundError: the package with the tables is not installed.
    """
    kind = family(name)
    if kind == "made up":
        return Table(name, kind, MADE_UP, made_up(keys.stream(name)))
    if kind == "mlp":
        return Table(name, kind, MLP, tables.accuracy(name))
    lowest = -float(np.log10(tables.LOSS_DIVERGED))
    return Table(name, kind, FCNET, tables.minus_log_loss(name), lowest)


def made_up(seed: int) -> np.ndarray:
    """float64[10, 6, 6, 6, 3, 4]: accuracies over MADE_UP, drawn by `seed`.

    The best learning rate, on a logarithmic scale, rises with the batch size, is another one for
    each optimiser, and falls with weight decay where the rate is high; beyond its cliff a training
    stays at chance. Regularisation helps in sum: much decay wants little dropout.
    """
    draw = np.random.default_rng(seed)
    rate, batch, decay, dropout = np.ix_(
        np.linspace(-5, 0, 10), np.linspace(0, 1, 6), np.linspace(0, 1, 6), np.linspace(0, 1, 6)
    )
    best = draw.uniform(-3.5, -1.5) + draw.uniform(0.3, 1.2) * batch
    width, cliff = draw.uniform(0.5, 1.2), draw.uniform(0.5, 1.5)
    wanted, together = draw.uniform(0.2, 1.0), draw.uniform(0.4, 1.2)
    found = []
    for _ in MADE_UP.axis("optimizer").values:  # pyright: ignore[reportAttributeAccessIssue]
        own = best + draw.normal(0, 0.6)
        off = (rate - own) / width + 0.5 * decay * (rate > own)
        reached = np.exp(-0.5 * off**2) * draw.uniform(0.92, 1.0)
        regular = 1 - 0.15 * (decay + together * dropout - wanted) ** 2
        accuracy = 0.1 + 0.85 * reached * regular * (1 - 0.05 * batch)
        found.append(np.where(rate > own + cliff + 0.5 * batch, 0.1, accuracy))
    mean = np.stack(found, -1)[..., None]
    noise = 10 ** draw.uniform(-2.6, -1.9)
    return np.clip(mean + noise * draw.normal(size=(*mean.shape[:-1], 4)), 0, 1)
