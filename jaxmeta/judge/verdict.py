"""What contenders made of landscapes, and what is said of it: medians, intervals, wrong moves."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from jaxmeta.judge import statistics
from jaxmeta.judge.contenders import BUDGETS, TRAININGS, Contender, Field

POINT = 1.0  # percent of accuracy


class Judged(NamedTuple):
    """One contender on one data set; arrays are [starts, slices, TRAININGS]."""

    regret: np.ndarray  # float64, of what it recommended after 1, 2, ... trainings
    points: np.ndarray  # float64, what was missing to the best
    tried: np.ndarray  # float64, the least regret of the rates tried so far


def judge(contender: Contender, field: Field) -> Judged:
    searched = contender.search(field)
    starts, slices, _ = searched.recommended.shape
    where = np.tile(np.arange(slices), starts)

    def truth(rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = field.landscape.truth(where, rates.reshape(-1, TRAININGS))
        return found[0].reshape(rates.shape), found[1].reshape(rates.shape)

    tried = np.minimum.accumulate(truth(searched.tried)[0], -1)
    return Judged(*truth(searched.recommended), tried)


class Line(NamedTuple):
    """One contender on several data sets, all runs together."""

    regret: dict[int, tuple[float, ...]]  # by budget: median and both quartiles
    by_start: np.ndarray  # float64[starts, budgets], medians
    limit: dict[int, float]  # median, had it known which of the rates it tried was the best
    wrong: float  # the part of its changes of mind after which the regret was larger
    within: int | None  # trainings until half of the runs were within a point; None: more than 40


def line(results: Iterable[Judged]) -> Line:
    results = list(results)
    regret, points, tried = (np.concatenate(parts, 1) for parts in zip(*results, strict=True))
    at = np.array(BUDGETS) - 1
    quartiles = {
        budget: tuple(statistics.quantile(regret[..., budget - 1], q) for q in (0.5, 0.25, 0.75))
        for budget in BUDGETS
    }
    starts = [[statistics.quantile(start[:, t], 0.5) for t in at] for start in regret]
    limit = {budget: statistics.quantile(tried[..., budget - 1], 0.5) for budget in BUDGETS}
    step = np.diff(regret, axis=-1)
    changes = np.count_nonzero(step)
    wrong = np.count_nonzero(step > 0) / changes if changes else 0.0
    reached = np.maximum.accumulate(points <= POINT, -1).mean((0, 1)) >= 0.5
    within = int(np.argmax(reached)) + 1 if reached.any() else None
    return Line(quartiles, np.array(starts), limit, wrong, within)


class Difference(NamedTuple):
    """The median regret of one contender less that of another; below 0 it is the better one."""

    median: float
    low: float  # of its confidence interval, see `statistics`
    high: float


def difference(ours: list[Judged], theirs: list[Judged], budget: int) -> Difference:
    """On the slices that both ran on; `ours` and `theirs` are by data set, two at least."""
    both = []
    for one, other in zip(ours, theirs, strict=True):
        slices = min(one.regret.shape[1], other.regret.shape[1])
        both.append([judged.regret[:, :slices, budget - 1].ravel() for judged in (one, other)])

    def medians(sets: list) -> float:
        mine, other = (
            statistics.quantile(np.concatenate(side), 0.5) for side in zip(*sets, strict=True)
        )
        return mine - other

    found = medians(both)
    without = [medians(both[:n] + both[n + 1 :]) for n in range(len(both))]
    return Difference(found, *statistics.interval(found, without))
