"""What an engine costs beside the trainings themselves: in this process, workers, a Ray cluster.

    make bench-engines      about 4 minutes

Trainings sleep for 0.1, 1 and 10 seconds, so that a busy machine changes little, and everything
between them is overhead: the elapsed time from the first decision to the last, over the sum of the
trainings' own. One lane each, no look-ahead, in turn in one run. And the memory of the processes at
rest (proportional set size, so that what is shared is counted once).
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from experiments.bench import cpu
from experiments.sleeper import SPACE, for_seconds
from jaxmeta import PosterRule, Study
from jaxmeta.engine import Place
from jaxmeta.running import run

LENGTHS = {0.1: 40, 1.0: 10, 10.0: 3}  # seconds, and how many trainings
ENGINES = {"in this process": (0, Place()), "a worker": (1, Place()), "Ray": (1, Place("ray"))}


class Resting:
    """Looks on, and asks once how much memory all of it takes."""

    memory: int | None = None  # bytes of this process and what it has started

    def asked(self, decision, use) -> None:
        if decision.suggestion.i == 1:
            self.memory = sum(_memory(pid) for pid in _family(os.getpid()))

    def epoch(self, trial, result) -> None: ...

    def told(self, line) -> None: ...

    def ended(self, line) -> None: ...


def _memory(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # it has ended
        return 0
    return next(int(row.split()[1]) for row in rollup.splitlines() if row.startswith("Pss:")) * 1024


def _family(pid: int) -> list[int]:
    """The process, its children, their children."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += map(int, task.read_text().split())
        except OSError:  # it has ended
            continue
    return [pid, *(one for child in children for one in _family(child))]


def measure(seconds: float, n: int, workers: int, place: Place) -> tuple[float, int]:
    """Elapsed over the trainings' own time, between the first decision and the last; and bytes."""
    study, resting = (
        Study(for_seconds(seconds), PosterRule(SPACE, i_max=n, noprog_max=n)),
        Resting(),
    )
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "study"
        run(study, folder, resting, workers, 0, False, place)
        rows = [json.loads(row) for row in (folder / "times.jsonl").read_text().splitlines()]
    assert resting.memory is not None
    return (rows[-1]["elapsed"] - rows[0]["elapsed"]) / (seconds * (n - 1)), resting.memory


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.bench_engines")
    parser.add_argument(
        "--longest", type=float, default=10.0, help="seconds of a training, at most"
    )
    longest = parser.parse_args().longest
    print(f"\n{cpu()}, {os.cpu_count()} cores; processes running or waiting before the start:")
    print(f"{os.getloadavg()[0]:.1f}\n\nelapsed time over that of the trainings\n")
    print(f"{'trainings of':16s}" + "".join(f"{name:>18s}" for name in ENGINES))
    memory = {}
    for seconds, n in LENGTHS.items():
        if seconds > longest:
            continue
        cells = []
        for name, (workers, place) in ENGINES.items():
            ratio, memory[name] = measure(seconds, n, workers, place)
            cells.append(ratio)
        print(f"{seconds:>14g} s" + "".join(f"{cell:18.3f}" for cell in cells), flush=True)
    print("\nmemory while nothing trains\n")
    for name, size in memory.items():
        print(f"{name:20s}{size / 2**20:8.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
