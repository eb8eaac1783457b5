"""`jaxmeta judge`: all contenders on all landscapes; a leaderboard, its picture, its digest."""

import hashlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from jaxmeta.judge import curves, halving, leaderboard, tables
from jaxmeta.judge.contenders import ABLATION, STARTS, Contender, Field, all_contenders, field
from jaxmeta.judge.landscape import Landscape
from jaxmeta.judge.verdict import Judged, Line, difference, judge, line

SPLITS = {"develop": tables.MLP[:4], "report": tables.MLP[4:] + tables.FCNET}
SLICES = 250  # of each data set
SLOW = 25  # of each data set, for contenders that are Python objects
OURS = "three_way"
MODES = {False: "independent keys", True: "paired keys"}

Results = dict[str, dict[str, Judged]]  # by contender and by data set


def landscapes(split: str, slices: int, seed: int) -> Iterator[tuple[Landscape, list[Landscape]]]:
    """Those of `split`, and for made-up curves each rung of their trainings."""
    for name in SPLITS[split]:
        yield tables.load(name).sample(slices, seed), []
    drawn = 2 * seed + list(SPLITS).index(split)
    yield (
        curves.landscape(slices, drawn),
        [curves.landscape(slices, drawn, float(part)) for part in halving.RUNGS],
    )


def run(
    contenders: list[Contender],
    split: str,
    seed: int,
    paired: bool,
    slices: int,
    families: tuple[str, ...] = ("mlp", "fcnet", "curves"),
) -> tuple[Results, dict[str, Field]]:
    """Every contender on every data set of `split`; progress goes to standard error."""
    results: Results = {contender.name: {} for contender in contenders}
    fields = {}
    for landscape, rungs in landscapes(split, slices, seed):
        if landscape.family not in families:
            continue
        here = fields[landscape.name] = field(landscape, seed, paired, rungs)
        for contender in contenders:
            if contender.curves and not rungs:
                continue
            started = time.monotonic()
            results[contender.name][landscape.name] = judge(contender, here)
            seconds = time.monotonic() - started
            words = f"{MODES[paired]}, {landscape.name}, {contender.name}: {seconds:.1f} s"
            print(words, file=sys.stderr, flush=True)
    return results, fields


def of(results: Results, names: list[str]) -> Results:
    """The results on the data sets `names`, of the contenders that ran on all of them."""
    return {
        contender: {name: found[name] for name in names}
        for contender, found in results.items()
        if all(name in found for name in names)
    }


def groups(fields: dict[str, Field]) -> dict[str, list[str]]:
    """Data sets that are judged together, by what they are called together."""
    by_family: dict[str, list[str]] = {}
    for name, here in fields.items():
        by_family.setdefault(here.landscape.family, []).append(name)
    made_up = by_family.pop("curves", [])
    found = {}
    if len(by_family) > 1:
        found["all tables"] = [name for names in by_family.values() for name in names]
    found |= {f"tables of {family}": names for family, names in by_family.items()}
    return found | ({"made-up curves": made_up} if made_up else {})


def pages(
    results: Results, fields: dict[str, Field], mode: str
) -> tuple[list[str], dict[str, dict[str, Line]]]:
    """All tables of one mode, as text and as numbers."""
    rows, boards = [], {}
    for group, names in groups(fields).items():
        found = of(results, names)
        lines = {name: line(judged.values()) for name, judged in found.items()}
        boards[f"{mode}, {group}"] = lines
        title = f"{mode}, {group} ({', '.join(names)}): median regret (quartiles)"
        rows += leaderboard.board(title, lines)[:-1] + leaderboard.limits(lines, OURS)
        if group in ("tables of mlp", "made-up curves"):
            starts = fields[names[0]].starts
            for budget in (5, 10, 20):
                title = f"{mode}, {group}: median regret after {budget} trainings, by λ0"
                rows += leaderboard.by_start(title, starts, lines, budget)
        if len(names) > 1:
            ours = list(found[OURS].values())
            apart = {
                name: {
                    budget: difference(ours, list(judged.values()), budget)
                    for budget in leaderboard.COMPARED
                }
                for name, judged in found.items()
                if name != OURS
            }
            title = f"{mode}, {group}: {OURS} less the other [95 % over data sets]"
            rows += leaderboard.differences(title, apart)
    return rows, boards


def main(split: str, seed: int, ablation: bool, slices: int, slow: int, gp: int, out: Path) -> None:
    """Judge, print, draw.

    Args:
      split: "develop", the data sets that three_way was made on, or "report", the others.
      seed: of slices, columns and draws.
      ablation: judge three_way without each of its parts, instead of all contenders.
      slices: of each data set, at the most.
      slow: of each, for contenders that are Python objects.
      gp: of each, for Optuna's Gaussian process; 0 leaves it out.
      out: the folder for what is printed and for the picture.

    Raises:
      ValueError: fewer than one slice, or than none for the Gaussian process.
      ModuleNotFoundError: the tables are not installed.
    """
    for name, n, least in (("slices", slices, 1), ("slow", slow, 1), ("gp", gp, 0)):
        if n < least:
            raise ValueError(f"{name} must be at least {least}, got {n}; raise it")
    contenders, missing = (ABLATION, []) if ablation else all_contenders(slow, gp)
    families = ("mlp", "curves") if ablation else ("mlp", "fcnet", "curves")
    what = "ablation" if ablation else "leaderboard"
    few = "" if ablation else f"; {slow} slices for Optuna and ASHA, {gp} for Optuna gp"
    rows = [
        f"{what}: split {split}, seed {seed}; {slices} slices of each data set from {STARTS} "
        f"first learning rates{few}",
        *missing,
        "",
    ]
    boards = {}
    for paired, mode in MODES.items():
        results, fields = run(contenders, split, seed, paired, slices, families)
        text, numbers = pages(results, fields, mode)
        rows += text
        boards |= numbers
    text = "\n".join(rows)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{what}.txt").write_text(text)
    print(text)
    if not ablation:
        from jaxmeta.judge import picture

        for path in picture.draw(boards, out):
            print(path)
    print(f"digest: {hashlib.sha256(text.encode()).hexdigest()}")
