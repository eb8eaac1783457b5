"""How long one call of an exported file takes on one core, in a process of its own."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

WARM_UP, RUNS = 20, 300
SECONDS = 10.0  # for slow networks: no run begins after so long

# The core is chosen before anything starts threads. The folders of modules come after -P's own, as
# they stand here.
START = """
import os, sys
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
sys.path[:] = sys.argv[4:]
from jaxmeta.export.timing import measured
measured(*sys.argv[1:4])
"""


class Latency(NamedTuple):
    """Seconds of one call: the median, and between which nine of ten lie."""

    median: float
    low: float
    high: float
    runs: int

    def __str__(self) -> str:
        return (
            f"{self.median * 1e3:.3g} ms (median of {self.runs}; nine of ten between "
            f"{self.low * 1e3:.3g} and {self.high * 1e3:.3g})"
        )


def latency(path: Path, to: str, example: list[np.ndarray]) -> Latency:
    """Of the file `path`, of format `to`, at the inputs of one call."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs.npz"
        np.savez(inputs, *example)
        command = [sys.executable, "-P", "-c", START, str(path), to, str(inputs), *sys.path]
        environment = {**os.environ, "JAX_PLATFORMS": "cpu", "NPROC": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        said = done.stderr.strip().rpartition("\n")[2]
        raise RuntimeError(f"{path} must run in a new process, and does not ({said}); export anew")
    return Latency(*json.loads(done.stdout.splitlines()[-1]))


def measured(path: str, to: str, inputs: str) -> None:
    """Time the calls and print what `Latency` has, as JSON."""
    import importlib

    with np.load(inputs) as archive:
        example = [archive[name] for name in archive.files]
    run: Callable[[Any], Any] = importlib.import_module(f"jaxmeta.export.{to}").load(Path(path))
    for _ in range(WARM_UP):
        run(example)
    times, end = [], time.perf_counter() + SECONDS
    while len(times) < RUNS and (not times or time.perf_counter() < end):
        started = time.perf_counter()
        run(example)
        times.append(time.perf_counter() - started)
    cuts = statistics.quantiles(times, n=20) if len(times) > 1 else times * 19
    print(json.dumps([statistics.median(times), cuts[0], cuts[-1], len(times)]))
