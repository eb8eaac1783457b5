"""The host's share of a study: what a decision costs where its trainings cost nothing.

    make bench          after the others; 3 minutes on two cores

An engine that knows every score at once stands behind `jaxmeta.running.run`; all else is what any
study does: tuner, look-ahead, journal with its fsync, scheduler. Microseconds a decision, over
10 to 10,000 decisions, 1 to 64 lanes and 1 to 8 axes; where a column is flat, a study costs no more
than its decisions; those of rank_gp grow with the square of the trainings. Tables are printed, and
drawn in runs/bench_host.png if matplotlib is there.
"""

import argparse
import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import jax

from experiments.bench import cpu
from jaxmeta import Log, PosterRule, RankGP, Space, Study, ThreeWay, engine, objective
from jaxmeta.engine import Event, Job
from jaxmeta.record.journal import Journal
from jaxmeta.running import run
from jaxmeta.score import to_rank
from jaxmeta.trial import Result
from jaxmeta.tuning import Chains

DECISIONS, LANES, AXES = (10, 100, 1_000, 10_000), (1, 4, 16, 64), (1, 2, 4, 8)
MOST = 1_000  # decisions of a chain of three_way or rank_gp; more are walked by several chains
SLOW = ("rank_gp",)  # of these no more, and one round
PARTS = ("tuner", "look-ahead", "journal", "fsync", "the rest")
# What is timed, and as part of what, without what it calls that is timed too.
TIMED = (
    (Chains, "next", "tuner"),
    (Chains, "tell", "tuner"),
    (Chains, "ahead", "look-ahead"),
    (Journal, "append", "journal"),
    (os, "fsync", "fsync"),
)


class Instant:
    """An engine whose trainings end when they are asked for; see `engine.Engine`."""

    def __init__(self, lanes: int) -> None:
        self.lanes, self._jobs = lanes, ()

    def surroundings(self, recipe: int = 0) -> dict[str, str]:
        return {}

    def want(self, jobs: Sequence[Job]) -> None:
        self._jobs = tuple(jobs)

    def next(self) -> list[Event]:
        jobs, self._jobs = self._jobs, ()
        return [Event(job.name, _result(job.name), True, 0.0) for job in jobs]

    def __enter__(self) -> "Instant":
        return self

    def __exit__(self, *_: object) -> None: ...


def _result(name: str) -> Result:
    drawn = hashlib.sha256(name.encode()).digest()
    points = to_rank(int.from_bytes(drawn[:2], "big") / 2**16)
    return Result(points, 1, 1, [points], [0.5], ["0" * 32], False, "1" * 32)


def study_of(tuner: str, decisions: int, axes: int) -> Study:
    """So many decisions over so many axes."""
    space = Space(**{f"x{a}": Log(1e-4, 1.0, 0.1) for a in range(axes)})
    task = objective(lambda key, values: values["x0"], space, "instant")
    if tuner == "poster":
        return Study(task, PosterRule(space, i_max=decisions, noprog_max=decisions))
    chains = -(-decisions // MOST)
    kind = ThreeWay if tuner == "three_way" else RankGP
    return Study(task, kind(space, i_max=decisions // chains), chains=chains)


def measure(study: Study, lanes: int) -> dict[str, float]:
    """Microseconds a decision, by part."""
    spent: dict[str, float] = dict.fromkeys((*PARTS[:-1], "whole"), 0.0)

    inside: list[float] = []  # what the calls that are going on spent in others that are timed

    def timed(function, part):
        def call(*given, **options):
            started = time.perf_counter()
            inside.append(0.0)
            try:
                return function(*given, **options)
            finally:
                took = time.perf_counter() - started
                spent[part] += took - inside.pop()
                if inside:
                    inside[-1] += took

        return call

    with (
        tempfile.TemporaryDirectory() as home,
        mock.patch.object(engine, "start", lambda *_: Instant(lanes)),
    ):
        patches = [
            mock.patch.object(owner, name, timed(getattr(owner, name), part))
            for owner, name, part in TIMED
        ]
        for patch in patches:
            patch.start()
        started = time.perf_counter()
        try:
            end = run(study, Path(home) / "study", keep_weights=False)
        finally:
            spent["whole"] = time.perf_counter() - started
            for patch in patches:
                patch.stop()
    spent["the rest"] = spent["whole"] - sum(spent[part] for part in PARTS[:-1])
    return {part: seconds * 1e6 / end["decisions"] for part, seconds in spent.items()}


def table(title: str, cases: dict[int, tuple[Study, int]], rounds: int) -> dict[int, list[float]]:
    """Measure `cases`, by what stands in the first column, and print the medians of each part."""
    print(
        f"\n{title}\n\n{'':>7}" + "".join(f"{part:>12}" for part in (*PARTS, "whole")), flush=True
    )
    found = {}
    for name, (study, lanes) in cases.items():
        seen = [measure(study, lanes) for _ in range(rounds)]
        row = [statistics.median(one[part] for one in seen) for part in (*PARTS, "whole")]
        wholes = [one["whole"] for one in seen]
        spread = f"   ({min(wholes):.0f} to {max(wholes):.0f})" if rounds > 1 else ""
        print(f"{name:>7}" + "".join(f"{cell:12.0f}" for cell in row) + spread, flush=True)
        found[name] = row
    return found


def draw(found: dict[tuple[str, str], dict[int, list[float]]], path: Path) -> None:
    """A panel for each table."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7), layout="constrained")
    tuners = sorted({tuner for tuner, _ in found})
    axes = figure.subplots(len(tuners), 3, sharey=True, squeeze=False)
    for (tuner, over), rows in found.items():
        panel = axes[tuners.index(tuner)][("decisions", "lanes", "axes").index(over)]
        for n, part in enumerate((*PARTS, "whole")):
            values = [max(row[n], 1) for row in rows.values()]
            panel.plot(list(rows), values, marker="o", label=part, lw=2 if part == "whole" else 1)
        panel.set(xscale="log", yscale="log", xlabel=over, title=f"{tuner}, by {over}")
        panel.set_xticks(list(rows), [f"{count:,}" for count in rows])
        panel.minorticks_off()
    for row in axes:
        row[0].set_ylabel("µs a decision")
    axes[0][0].legend(ncols=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    print(f"\n{path}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.bench_host")
    parser.add_argument("--decisions", type=int, default=DECISIONS[-1], help="at most so many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/bench_host.png"))
    options = parser.parse_args()
    print(f"\n{cpu()}, {os.cpu_count()} cores, jax {jax.__version__}; µs a decision, median of")
    print(f"{options.rounds} rounds (lowest to highest); processes running or waiting before the")
    print(f"start: {os.getloadavg()[0]:.1f}")
    some = min(100, options.decisions)
    found: dict[tuple[str, str], dict[int, list[float]]] = {}
    for tuner in ("poster", "three_way", "rank_gp"):
        most, rounds = options.decisions, options.rounds
        if tuner in SLOW:
            most, rounds = min(most, MOST), 1
        measure(study_of(tuner, 10, 1), 4)  # what is imported and compiled once
        by: dict[str, dict[int, tuple[Study, int]]] = {
            "decisions": {n: (study_of(tuner, n, 1), 1) for n in DECISIONS if n <= most},
            "lanes": {n: (study_of(tuner, some, 1), n) for n in LANES},
            "axes": {n: (study_of(tuner, some, n), 1) for n in AXES},
        }
        for over, cases in by.items():
            rest = {"decisions": "1 lane, 1 axis", "lanes": "1 axis", "axes": "1 lane"}[over]
            title = f"{tuner}, by {over}; {rest}" + f", {some} decisions" * (over != "decisions")
            found[tuner, over] = table(title, cases, rounds)
    if find_spec("matplotlib"):
        draw(found, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
