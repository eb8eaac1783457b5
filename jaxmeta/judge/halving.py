"""ASHA: trainings that fall behind are not run to their end, on curves that show how they go on.

Source: Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht, Talwalkar, "A System for
Massively Parallel Hyperparameter Tuning", MLSys 2020, Algorithm 2, with one worker. A training is
stopped at the rungs 1/9, 1/3 and 1 of its length, and goes on from a rung when it is among the best
third of all that reached it. The cost is what was trained: a training that goes on from 1/9 to 1/3
costs 2/9 of a whole one.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from jaxmeta.judge.landscape import Landscape

REDUCTION = 3
RUNGS = (Fraction(1, 9), Fraction(1, 3), Fraction(1))
Training = tuple[float, int]  # a learning rate and its seed's column


def asha(
    rungs: Sequence[Landscape],
    slice_: int,
    seed: int,
    trainings: int,
    paired: bool,
    lr_min: float,
    lr_max: float,
) -> np.ndarray:
    """float64[trainings]: what it recommends after the cost of 1, 2, ... whole trainings.

    That is the learning rate of the best score at the highest rung that any reached.

    Args:
      rungs: the landscape after each part of `RUNGS` of the training.
      paired: whether all trainings have one seed, or each its own.
    """
    draw = np.random.default_rng(seed)
    columns = draw.integers(rungs[-1].value.shape[-1], size=trainings * RUNGS[0].denominator)
    reached: list[list[tuple[int, Training]]] = [[] for _ in RUNGS]
    gone_on: set[tuple[int, Training]] = set()
    spent, recommended, begun = Fraction(0), np.zeros(trainings), 0
    while True:
        rung, training = _promote(reached, gone_on)
        if training is None:
            rate = float(np.exp(draw.uniform(np.log(lr_min), np.log(lr_max))))
            training, begun = (rate, int(columns[0 if paired else begun])), begun + 1
        gone_on.add((rung - 1, training))
        spent += RUNGS[rung] - (RUNGS[rung - 1] if rung else 0)
        if spent > trainings:
            return recommended
        reached[rung].append((rungs[rung].score(slice_, *training), training))
        # Stands from here on, until something better overwrites it.
        recommended[math.ceil(spent) - 1 :] = _best(reached)


def _promote(
    reached: list[list[tuple[int, Training]]], gone_on: set[tuple[int, Training]]
) -> tuple[int, Training | None]:
    """The highest rung that a training can go on to, and that training; else 0 and None."""
    for rung in reversed(range(len(RUNGS) - 1)):
        best = sorted(reached[rung], key=lambda entry: -entry[0])
        for _, training in best[: len(best) // REDUCTION]:
            if (rung, training) not in gone_on:
                return rung + 1, training
    return 0, None


def _best(reached: list[list[tuple[int, Training]]]) -> float:
    highest = next(rung for rung in reversed(reached) if rung)
    return max(highest, key=lambda entry: entry[0])[1][0]
