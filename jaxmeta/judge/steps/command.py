"""`jaxmeta judge --deepobs`: tuners by training steps; or a grid of settings of the rules."""

import hashlib
import os
from functools import partial
from pathlib import Path

import numpy as np

from jaxmeta.judge.steps import contest
from jaxmeta.judge.steps.contest import BUDGETS, GRID, Contender, Ran
from jaxmeta.judge.steps.curves import SPLITS, load
from jaxmeta.stopping import to_record

DRAWS = 2000
Results = dict[str, dict[str, Ran]]


def main(
    folder: Path, split: str, seed: int, grid: bool, studies: int, workers: int, out: Path
) -> None:
    """Judge, print, and draw the leaderboard.

    Args:
      folder: with DeepOBS's curves, see `curves`.
      split: "develop", the problems that settings were chosen on, or "report", the others.
      seed: of all that is drawn.
      grid: of the rules' settings, on random search; else the leaderboard.
      studies: of each contender on each problem.
      workers: processes; 0: as many as there are cores.
      out: the folder for what is printed and for the picture.

    Raises:
      ValueError: no curves there, or fewer than one study.
    """
    if studies < 1:
        raise ValueError(f"studies must be at least 1, got {studies}; raise it")
    load(folder)
    names, n = SPLITS[split], workers or os.cpu_count() or 1
    contenders = _grid() if grid else contest.everybody()
    found = contest.run(contenders, folder, names, seed, studies, n)
    what = "grid_steps" if grid else "leaderboard_steps"
    rows = [
        f"{what}: DeepOBS, split {split} ({', '.join(names)}), seed {seed}; {studies} studies of "
        "each problem, each of at most 20 whole trainings' steps",
        "",
        *_errors(found),
    ]
    if not grid:
        rows += [*_board(_means(found)), *_differences(found, names)]
    text = "\n".join(rows)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{what}_{split}.txt").write_text(text)
    print(text)
    if not grid:
        from jaxmeta.judge.steps import picture

        for path in picture.draw(_means(found), out, f"{what}_{split}"):
            print(path)
    print(f"digest: {hashlib.sha256(text.encode()).hexdigest()}")


def _grid() -> list[Contender]:
    make = contest.TUNERS["random"]
    return [
        Contender("  ".join(map(str, to_record(rule).values())), partial(contest.ours, make, rule))
        for rule in GRID
    ]


def _errors(found: Results) -> list[str]:
    """Means over problems, so that one of many epochs counts as any other."""
    head = ("trainings", "stopped", "wrong", "lost", "run")
    rows = [f"{'':<30}" + "".join(f"{word:>12}" for word in head)]
    for name, of in found.items():
        cells = []
        for ran in of.values():
            stopped = max(ran.stopped.sum(), 1)
            cells.append(
                (
                    ran.trainings.mean(),
                    100 * ran.stopped.sum() / ran.trainings.sum(),
                    100 * ran.wrong.sum() / stopped,
                    100 * ran.lost.mean(),
                    100 * ran.epochs.mean(),
                )
            )
        mean = np.mean(cells, axis=0)
        rows.append(f"{name:<30}{mean[0]:>12.1f}" + "".join(f"{m:>10.1f} %" for m in mean[1:]))
    return [
        *rows,
        "",
        "trainings: begun; stopped: of them; wrong: of the stopped, would have ended above the",
        "best one before; lost: studies in which the best one begun was stopped; run: of the",
        "epochs of what was begun",
        "",
    ]


def _means(found: Results) -> dict[str, list[float]]:
    """Mean regret over problems and studies, by contender, after each budget."""
    return {
        name: np.mean([ran.regret.mean(0) for ran in of.values()], axis=0).tolist()
        for name, of in found.items()
    }


def _board(means: dict[str, list[float]]) -> list[str]:
    rows = [
        "mean regret after the steps of so many whole trainings; 1 is the median training",
        "",
        f"{'':<30}" + "".join(f"{budget:>8}" for budget in BUDGETS),
    ]
    for name, mean in means.items():
        rows.append(f"{name:<30}" + "".join(f"{m:>8.3f}" for m in mean))
    return [*rows, ""]


def _differences(found: Results, names: tuple[str, ...]) -> list[str]:
    """Each with a rule less the same without; problems and studies are drawn anew."""
    rows = [
        "with a rule less the same tuner without [95 %, bootstrap over problems and studies]",
        "",
        f"{'':<30}" + "".join(f"{budget:<26}" for budget in BUDGETS),
    ]
    for name, of in found.items():
        alone = name.partition(",")[0]
        if alone == name:
            continue
        apart = np.array([of[p].regret - found[alone][p].regret for p in names])
        draw = np.random.default_rng(0)
        problems, studies = apart.shape[:2]
        means = np.zeros((DRAWS, len(BUDGETS)))
        for n in range(DRAWS):
            sets = draw.integers(problems, size=problems)
            which = draw.integers(studies, size=(problems, studies))
            means[n] = apart[sets[:, None], which].mean((0, 1))
        low, high = np.quantile(means, (0.025, 0.975), axis=0)
        middle = apart.mean((0, 1))
        cells = zip(middle, low, high, strict=True)
        words = [f"{m:.3f} [{a:.3f}, {b:.3f}]" for m, a, b in cells]
        rows.append(f"{name:<30}" + "".join(f"{word:<26}" for word in words).rstrip())
    return [*rows, ""]
