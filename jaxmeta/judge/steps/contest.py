"""Who is judged by steps: tuners with and without a rule that stops trainings early.

Ours are walked by the code that runs real studies (`tuning.Chains`). Optuna's are given every
evaluation, and stop a training when their pruner says so, each with its own defaults.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxmeta.judge.joint.runner import seeds
from jaxmeta.judge.steps.curves import SPACE, Problem, load
from jaxmeta.score import DIVERGED, to_float
from jaxmeta.stopping import Halving, Rival, Rule, course
from jaxmeta.trial import Result
from jaxmeta.tuning import Chains, Random, RankGP, ThreeWay, Tuner

BUDGETS = (2, 5, 10, 20)  # whole trainings
DECISIONS = 5 * BUDGETS[-1]  # at most, when most trainings are stopped
WORST = -1e30  # what Optuna is told of a training that diverged; its TPE looks at the order only
Position = tuple[int, ...]


class Step(NamedTuple):
    """A training, and what is recommended after it."""

    epochs: int
    position: Position
    recommended: Position
    stopped: bool
    behind: Position | None  # the best training before it


Search = Callable[[Problem, int], Iterator[Step]]


@dataclass(frozen=True)
class Contender:
    name: str
    search: Search


def ours(
    make: Callable[[], Tuner], rule: Rule | None, problem: Problem, seed: int
) -> Iterator[Step]:
    chains = Chains(make(), seed, paired=True, rule=rule, epochs=problem.epochs)
    best: tuple[int, Position] | None = None
    while (decision := chains.next()) is not None:
        epochs, stopped, behind = 0, False, best and best[1]
        if missing := chains.missing(decision):
            (trial,) = missing
            result = chains.cut(trial, _result(problem.curves[trial.position]), ended=True)
            chains.take(decision, [result])
            epochs, stopped = result.epochs, bool(result.stopped)
            if best is None or result.score > best[0]:
                best = result.score, trial.position
        chains.tell(decision)
        yield Step(epochs, decision.suggestion.position, chains.recommended[0], stopped, behind)


def _result(curve: list[int]) -> Result:
    n, score = len(curve), course(curve)[-1]
    best = 0 if score == DIVERGED else curve.index(score) + 1
    return Result(score, best, n, curve, [0.0] * n, [""] * n, score == DIVERGED, "")


def optuna_pruned(pruner: str, problem: Problem, seed: int) -> Iterator[Step]:
    """Optuna's TPE with one of its pruners; what it recommends is the best training seen."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed)
    stop = getattr(optuna.pruners, pruner)()
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=stop)
    rates, words = SPACE.axes
    best: tuple[int, Position] | None = None
    while True:
        trial = study.ask()
        position = (
            trial.suggest_int("rate", *rates.bounds),
            trial.suggest_categorical("optimizer", list(range(words.bounds[1] + 1))),
        )
        curve, behind = problem.curves[position], best and best[1]
        e, stopped = 0, False
        while e < len(curve) and curve[e] != DIVERGED and not stopped:
            trial.report(to_float(curve[e]), e)
            e += 1
            stopped = e < len(curve) and trial.should_prune()
        diverged = e < len(curve) and not stopped
        e, score = e + diverged, DIVERGED if diverged else max(curve[:e])
        pruned = optuna.trial.TrialState.PRUNED if stopped else None
        study.tell(trial, None if stopped else WORST if diverged else to_float(score), pruned)
        if best is None or score > best[0]:
            best = score, position
        yield Step(e, position, best[1], stopped, behind)


def _random() -> Tuner:
    return Random(SPACE, DECISIONS)


def _three_way() -> Tuner:
    return ThreeWay(SPACE, i_max=DECISIONS)


def _rank_gp() -> Tuner:
    return RankGP(SPACE, DECISIONS)


TUNERS = {"random": _random, "three_way": _three_way, "rank_gp": _rank_gp}
RULES: dict[str, Rule | None] = {"": None, ", rival": Rival(), ", halving": Halving()}
PRUNERS = {
    "": "NopPruner",
    ", median pruner": "MedianPruner",
    ", halving": "SuccessiveHalvingPruner",
}
GRID: list[Rule] = [
    *(Rival(first, share) for share in (25, 50, 75, 100) for first in (5, 10, 20, 40)),
    *(Halving(first, eta) for eta in (2, 3, 4) for first in (1, 4, 10)),
]


def everybody() -> list[Contender]:
    found = [
        Contender(name + words, partial(ours, make, rule))
        for name, make in TUNERS.items()
        for words, rule in RULES.items()
    ]
    if find_spec("optuna"):
        found += [
            Contender(f"Optuna TPE{words}", partial(optuna_pruned, pruner))
            for words, pruner in PRUNERS.items()
        ]
    return found


class Job(NamedTuple):
    contender: Contender
    folder: Path
    problem: str
    seeds: tuple[int, ...]


class Ran(NamedTuple):
    """Of studies of one contender on one problem, up to the last budget."""

    regret: np.ndarray  # float64[studies, BUDGETS]
    trainings: np.ndarray  # int64[studies], begun
    stopped: np.ndarray  # of them
    wrong: np.ndarray  # of these would have ended above the best one before
    lost: np.ndarray  # bool: the best of all that were begun was one of these
    epochs: np.ndarray  # float64, run, as a part of those that were begun


def work(job: Job) -> Ran:
    problem = load(job.folder)[job.problem]
    final = {at: course(curve)[-1] for at, curve in problem.curves.items()}
    regret = np.ones((len(job.seeds), len(BUDGETS)))
    counts = np.zeros((5, len(job.seeds)))
    for n, seed in enumerate(job.seeds):
        spent, whole, steps = 0, 0, []
        for step in job.contender.search(problem, seed):
            spent += step.epochs
            for at, budget in enumerate(BUDGETS):
                # At least one training, though it may be longer than a budget.
                if spent <= budget * problem.epochs:
                    regret[n, at] = problem.regret(step.recommended)
            if spent > BUDGETS[-1] * problem.epochs:
                break
            if step.epochs:
                steps.append(step)
                whole += len(problem.curves[step.position])
        wrong = [s.behind and final[s.position] > final[s.behind] for s in steps if s.stopped]
        best = max(final[step.position] for step in steps)
        kept = max(final[step.position] for step in steps if not step.stopped)
        run = sum(step.epochs for step in steps) / whole
        counts[:, n] = len(steps), len(wrong), sum(map(bool, wrong)), kept < best, run
    return Ran(regret, *counts)


def run(
    contenders: Sequence[Contender],
    folder: Path,
    problems: Sequence[str],
    seed: int,
    studies: int,
    workers: int,
) -> dict[str, dict[str, Ran]]:
    """Every contender on every problem, in so many processes, which change no number."""
    jobs = []
    for contender in contenders:
        for name in problems:
            jobs.append(Job(contender, folder, name, tuple(seeds(seed, name, studies).tolist())))
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    found: dict[str, dict[str, Ran]] = {contender.name: {} for contender in contenders}
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for job, ran in zip(jobs, pool.imap(work, jobs), strict=True):
            found[job.contender.name][job.problem] = ran
    return found
