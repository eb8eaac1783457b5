"""What is said of studies on several axes, the same bytes for the same seed.

A number is the mean over data sets of the median regret over studies. Intervals are by bootstrap:
data sets are drawn anew with replacement, and of each its studies; of 2000 such numbers the
interval holds the middle 95 %.

Source: Efron, Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxmeta.judge.joint.contenders import BUDGETS
from jaxmeta.judge.joint.runner import Ran

DRAWS = 2000
Results = Mapping[str, Mapping[str, Ran]]


def medians(of: Mapping[str, Ran], names: Sequence[str], budget: int) -> np.ndarray:
    """float64[data sets]; of studies that were too short there are none."""
    return np.array([np.median(of[name].regret[:, budget - 1]) for name in names])


def reached(of: Mapping[str, Ran], budget: int) -> bool:
    return min(ran.regret.shape[1] for ran in of.values()) >= budget


def board(title: str, results: Results, names: Sequence[str]) -> list[str]:
    rows = [title, "", f"{'':<32}" + "".join(f"{budget:>8}" for budget in BUDGETS)]
    for contender, of in results.items():
        cells = [
            three(medians(of, names, budget).mean()) if reached(of, budget) else "-"
            for budget in BUDGETS
        ]
        rows.append(f"{contender:<32}" + "".join(f"{cell:>8}" for cell in cells))
    return [*rows, ""]


def three(value: float) -> str:
    """.005, with three digits after the point."""
    text = f"{abs(value):.3f}".removeprefix("0")
    return f"-{text}" if value < 0 and text != ".000" else text


def difference(
    ours: Mapping[str, Ran], theirs: Mapping[str, Ran], names: Sequence[str], budget: int
) -> tuple[float, float, float, int]:
    """Our number less theirs, the ends of its interval, and on how many data sets it is below 0."""
    draw = np.random.default_rng(budget)
    apart = medians(ours, names, budget) - medians(theirs, names, budget)
    means = np.zeros(DRAWS)
    for n in range(DRAWS):
        sets = draw.integers(0, len(names), len(names))
        chosen = [names[int(which)] for which in sets]
        means[n] = np.mean(
            [
                _drawn(draw, ours[name].regret[:, budget - 1])
                - _drawn(draw, theirs[name].regret[:, budget - 1])
                for name in chosen
            ]
        )
    low, high = np.quantile(means, (0.025, 0.975))
    return float(apart.mean()), float(low), float(high), int((apart < 0).sum())


def _drawn(draw: np.random.Generator, values: np.ndarray) -> float:
    return float(np.median(values[draw.integers(0, len(values), len(values))]))


def differences(
    title: str, results: Results, who: str, others: Sequence[str], names: Sequence[str]
) -> list[str]:
    """What `who` is above each of the `others`; below 0 it is the better one."""
    rows = [title, "", f"{'':<32}" + "".join(f"{f'{b} trainings':<28}" for b in BUDGETS[1:])]
    for other in others:
        cells = []
        for budget in BUDGETS[1:]:
            if not reached(results[other], budget):
                cells.append("-")
                continue
            found, low, high, better = difference(results[who], results[other], names, budget)
            words = f"{three(found)} [{three(low)}, {three(high)}] {better}/{len(names)}"
            cells.append(words)
        rows.append(f"{other:<32}" + "".join(f"{cell:<28}" for cell in cells).rstrip())
    return [*rows, ""]


def by_table(title: str, results: Results, names: Sequence[str], budget: int) -> list[str]:
    """Median regret of each contender on each data set."""
    width = max(len(name) for name in names) + 2
    rows = [title, "", f"{'':<32}" + "".join(f"{name:>{width}}" for name in names)]
    for contender, of in results.items():
        if reached(of, budget):
            cells = "".join(f"{three(m):>{width}}" for m in medians(of, names, budget))
            rows.append(f"{contender:<32}{cells}")
    return [*rows, ""]
