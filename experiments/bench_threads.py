"""How fast the poster's network trains with XLA's pool of the default size, and of others.

    python -m experiments.bench_threads      a part of `make bench`, 5 minutes on two cores

A process for each size, all on the same cores, take turns, several rounds; what counts is the
median. "default" is what `import jaxmeta` settles where NPROC is not set.
"""

import os
import statistics
import subprocess
import sys

import numpy as np

from experiments.bench import EXAMPLES, cpu, package, seconds

ROUNDS, STEPS, SIZES = 7, 20, (None, 1, 2, 4, 8)


def trains(size: int | None, cores: int) -> subprocess.Popen[str]:
    """A process on so many cores, that makes a round of steps for each line that it reads."""
    environment = {name: value for name, value in os.environ.items() if name != "NPROC"}
    given = {} if size is None else {"NPROC": str(size)}
    return subprocess.Popen(
        [sys.executable, "-m", __spec__.name, str(cores)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment | given,
    )


def child(cores: int) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    draw = np.random.default_rng(0)
    x = draw.integers(0, 256, (EXAMPLES, 28, 28, 1), np.uint8)
    y = draw.integers(0, 10, EXAMPLES, np.int32)
    run = package(x, y, STEPS, 50, "poster")
    for _ in sys.stdin:
        print(STEPS / seconds(run, STEPS), flush=True)


def rate(process: subprocess.Popen[str]) -> float:
    assert process.stdin and process.stdout
    process.stdin.write("\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def main() -> int:
    busy = os.getloadavg()[0]
    available = len(os.sched_getaffinity(0))
    print(f"{cpu()}, {available} cores; running or waiting before the start: {busy:.1f}")
    print("steps per second by threads of XLA's pool: median (lowest to highest round)")
    for cores in sorted({1, min(2, available), available}):
        processes = {size: trains(size, cores) for size in SIZES}
        for process in processes.values():
            rate(process)  # compiles
        rates: dict[int | None, list[float]] = {size: [] for size in SIZES}
        for _ in range(ROUNDS):
            for size, process in processes.items():
                rates[size].append(rate(process))
        for process in processes.values():
            process.communicate()
        medians = {size: statistics.median(values) for size, values in rates.items()}
        print(f"\non {cores} core{'s' if cores > 1 else ''}")
        for size, values in rates.items():
            name = "default" if size is None else f"NPROC={size}"
            print(f"  {name:10s} {medians[size]:6.1f}  ({min(values):.1f} to {max(values):.1f})")
        print(f"  default to the best: {medians[None] / max(medians.values()):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(child(int(sys.argv[1])) if len(sys.argv) > 1 else main())
