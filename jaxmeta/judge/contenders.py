"""Who is judged: tuners of jaxmeta, Optuna's, ASHA where there are learning curves, and no search.

All search the same range, the one that the tables hold, and get the same seeds and columns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

from jaxmeta import keys
from jaxmeta.judge import halving, host, runner
from jaxmeta.judge.landscape import Landscape
from jaxmeta.score import to_float
from jaxmeta.space import Linear, Log, Space
from jaxmeta.tuning import Grid, PosterRule, Random, RankGP, ThreeWay, Tuner
from jaxmeta.tuning.optuna_search import NEEDS, OptunaSearch

BUDGETS = (2, 5, 10, 20, 40)
TRAININGS = BUDGETS[-1]
STARTS = 6  # first learning rates, evenly from the lowest to the highest on a logarithmic scale


class Field(NamedTuple):
    """Where a contender runs: one run for each first learning rate and slice."""

    landscape: Landscape
    rungs: list[Landscape]  # the same, after each part of `halving.RUNGS`; empty if not known
    starts: list[float]
    seeds: np.ndarray  # uint32[starts, slices]
    paired: bool

    @property
    def range(self) -> tuple[float, float]:
        return float(self.landscape.lr[0]), float(self.landscape.lr[-1])


class Searched(NamedTuple):
    """Learning rates, float64[starts, slices, TRAININGS]."""

    recommended: np.ndarray  # after 1, 2, ... trainings
    tried: np.ndarray  # in the 1st, 2nd, ... training


Search = Callable[[Field], Searched]


@dataclass(frozen=True)
class Contender:
    name: str
    search: Search
    slices: int | None = None  # it is slow, and runs on the first so many slices of a data set only
    curves: bool = False  # it needs learning curves


def field(
    landscape: Landscape, seed: int, paired: bool, rungs: list[Landscape] | None = None
) -> Field:
    low, high = landscape.lr[[0, -1]]
    starts = [float(f"{rate:.4g}") for rate in np.geomspace(low, high, STARTS)]
    slices = len(landscape.mean)
    first = keys.stream(f"{seed} {landscape.name}")
    seeds = (first + np.arange(STARTS * slices)) % 2**32
    return Field(
        landscape, rungs or [], starts, seeds.astype(np.uint32).reshape(STARTS, -1), paired
    )


def fixed(rate: Callable[[float, float], float], field: Field) -> Searched:
    """No search: one learning rate for all, here given the range."""
    always = np.full((*field.seeds.shape, TRAININGS), rate(*field.range))
    return Searched(always, always)


def walk(
    make: Callable[[float, float, float], Tuner],
    asks: int,
    best_seen: bool,
    field: Field,
    replicates: int = 1,
) -> Searched:
    """A tuner of ours: `make(lr0, low, high)`. Where λ0 makes no difference it compiles once.

    Args:
      asks: how many trainings are asked for, of which some may be free where keys are paired.
      best_seen: judge the learning rate of the best score seen, not the tuner's own word.
      replicates: trainings a decision; what stands before the first decision is the first.
    """
    decisions = np.maximum(np.arange(1, TRAININGS + 1) // replicates, 1)
    slices = np.arange(field.seeds.shape[1])
    searched = []
    for lr0, seeds in zip(field.starts, field.seeds, strict=True):
        tuner = make(lr0, *field.range)
        rates, low = runner.rates(tuner), tuner.space.bounds[0][0]
        scores = field.landscape.scores(rates)
        runs = runner.run(tuner, scores, slices, seeds, asks, field.paired, replicates)
        if best_seen:
            runs = runs._replace(recommended=host.best_so_far(runs.k, runs.score))
        after = partial(runner.after, runs, TRAININGS, field.paired)
        found = (after(of)[:, decisions - 1] for of in (runs.recommended, runs.k))
        searched.append([rates[k - low] for k in found])
    return Searched(*map(np.stack, zip(*searched, strict=True)))


def middle(low: float, high: float) -> float:
    """√(low high), a float32 value."""
    axis = Log(low, high).steps()
    return float(axis.value(axis.first))


def grid(field: Field) -> Searched:
    """For each budget a grid of so many points: what stands at T is a grid of the last budget."""
    low, high = field.range
    recommended = np.full((*field.seeds.shape, TRAININGS), middle(low, high))
    for budget in BUDGETS:
        once = walk(partial(_grid_of, budget), budget, False, field)
        recommended[..., budget - 1 :] = once.recommended[..., budget - 1 : budget]
    return Searched(recommended, recommended)


def _random(_: float, low: float, high: float) -> Tuner:
    return Random(Space(learning_rate=Log(low, high)), TRAININGS)


def _grid_of(points: int, _: float, low: float, high: float) -> Tuner:
    return Grid(Space(learning_rate=Log(low, high)), points)


def optuna(sampler: str, slices: int, field: Field) -> Searched:
    seeds = field.seeds[:, :slices]
    where = np.tile(np.arange(seeds.shape[1]), len(seeds))
    tuner = OptunaSearch(Space(learning_rate=Log(*field.range)), sampler, i_max=TRAININGS)
    runs = host.run(tuner, field.landscape, where, seeds.reshape(-1), TRAININGS, field.paired)
    shape, rate = (*seeds.shape, TRAININGS), np.vectorize(to_float, otypes=[float])
    return Searched(*(np.reshape(rate(k), shape) for k in (runs.recommended, runs.k)))


def asha(slices: int, field: Field) -> Searched:
    seeds = field.seeds[:, :slices]
    found = np.array(
        [
            [
                halving.asha(field.rungs, j, int(seed), TRAININGS, field.paired, *field.range)
                for j, seed in enumerate(row)
            ]
            for row in seeds
        ]
    )
    return Searched(found, found)


def poster(axis: type[Linear] | type[Log], step: float, lr0: float, low: float, high: float):
    """The poster's walk, never out of patience; p_ε = 0.05."""
    space = Space(learning_rate=axis(low, high, step, start=lr0))
    return PosterRule(space, p_eps=0.05, i_max=3 * TRAININGS, noprog_max=3 * TRAININGS)


ASKS = TRAININGS + TRAININGS // 2  # of three_way: with paired keys some are free


def three_way(lr0: float, low: float, high: float, **change) -> Tuner:
    space = Space(learning_rate=Log(low, high, 0.1, start=lr0))
    return ThreeWay(space, i_max=ASKS, **change)


def rank_gp(lr0: float, low: float, high: float) -> Tuner:
    return RankGP(Space(learning_rate=Log(low, high, 0.1, start=lr0)), ASKS)


def ours(name: str, replicates: int = 1, **change) -> Contender:
    """`three_way` with these of its options changed, and so many trainings a decision."""
    make = partial(three_way, **change)
    return Contender(name, partial(walk, make, ASKS, False, replicates=replicates))


def all_contenders(slices: int, gp: int) -> tuple[list[Contender], list[str]]:
    """The contenders, and a line on each that does not run.

    Args:
      slices: of each data set, for Optuna's and ASHA.
      gp: for Optuna's Gaussian process, which takes seconds a study; 0 leaves it out.
    """
    step = {"poster, ε = 1e-3": (Linear, 1e-3), "poster, doubling": (Log, 1.0)}
    there, missing = [], []
    for sampler, needs in NEEDS.items():
        name, few = f"Optuna {sampler}", gp if sampler == "gp" else slices
        absent = [need for need in needs if find_spec(need) is None]
        if few == 0:
            missing.append(f"{name}: not run, since --gp is 0")
        elif absent:
            missing.append(f"{name}: not run, needs {' and '.join(absent)}")
        else:
            there.append(Contender(name, partial(optuna, sampler, few), few))
    return [
        ours("three_way"),
        Contender("random", partial(walk, _random, TRAININGS, False)),
        Contender("rank_gp", partial(walk, rank_gp, ASKS, False)),
        *there,
        Contender("grid", grid),
        Contender("ASHA", partial(asha, slices), slices, curves=True),
        *(
            Contender(name + seen, partial(walk, partial(poster, *how), 3 * TRAININGS, bool(seen)))
            for name, how in step.items()
            for seen in ("", ", best seen")
        ),
        Contender("1e-3, no search", partial(fixed, lambda low, high: 1e-3)),
        Contender("middle, no search", partial(fixed, middle)),
    ], missing


# What each part of `three_way` brings: the tuner without it, or with what was left out.
ABLATION = [
    ours("three_way"),
    ours("without range test", range_test=False),
    ours("step stays a factor 2", step_max=8, step_min=8),
    ours("step not below 1.46", step_min=4),
    ours("step down to 1.1", step_min=1),
    ours("without next replicate", next_replicate=False),
    ours("2 trainings a decision", 2),
    ours("4 trainings a decision", 4),
    ours("best score seen", smooth=0),
    ours("best average", smooth=1),
    ours("kernel of 3 positions", smooth=3),
    ours("kernel of 12 positions", smooth=12),
]
