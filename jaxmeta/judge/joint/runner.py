"""Studies side by side in processes; how many there are changes no number."""

import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from jaxmeta import keys
from jaxmeta.judge.joint.contenders import Contender
from jaxmeta.judge.joint.table import load

CHUNK = 5  # studies that a process runs at a time


class Job(NamedTuple):
    contender: Contender
    table: str
    seeds: tuple[int, ...]


class Ran(NamedTuple):
    regret: np.ndarray  # float64[studies, trainings], of what was recommended after each
    seconds: float  # a decision


def seeds(seed: int, table: str, studies: int) -> np.ndarray:
    """uint32[studies]"""
    return ((keys.stream(f"{seed} {table}") + np.arange(studies)) % 2**32).astype(np.uint32)


def run(
    contenders: Sequence[Contender],
    names: Sequence[str],
    seed: int,
    studies: int,
    slow: int,
    workers: int,
) -> dict[str, dict[str, Ran]]:
    """Every contender on every table, by their names; progress goes to standard error."""
    jobs = []
    for contender in contenders:
        for name in names:
            all_ = seeds(seed, name, slow if contender.slow else studies).tolist()
            chunks = (tuple(all_[at : at + CHUNK]) for at in range(0, len(all_), CHUNK))
            jobs += [Job(contender, name, chunk) for chunk in chunks]
    found: dict[tuple[str, str], list[Ran]] = {}
    for job, ran in zip(jobs, _ran(jobs, workers), strict=True):
        found.setdefault((job.contender.name, job.table), []).append(ran)
        if len(found) > 1 and len(found[job.contender.name, job.table]) == 1:
            print(f"{job.contender.name}, {job.table}", file=sys.stderr, flush=True)
    results: dict[str, dict[str, Ran]] = {contender.name: {} for contender in contenders}
    for (contender, table), parts in found.items():
        regret = np.concatenate([part.regret for part in parts])
        seconds = float(np.mean([part.seconds for part in parts]))
        results[contender][table] = Ran(regret, seconds)
    return results


def _ran(jobs: Sequence[Job], workers: int) -> Iterator[Ran]:
    if workers == 1:
        yield from map(work, jobs)
        return
    # One thread each: the processes are what runs side by side.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(work, jobs)


def work(job: Job) -> Ran:
    """One contender's studies on one table."""
    table, trainings = load(job.table), job.contender.trainings
    regret, spent = np.zeros((len(job.seeds), trainings)), 0.0
    for row, seed in zip(regret, job.seeds, strict=True):
        started = time.perf_counter()
        search = job.contender.begin(table, seed, trainings)
        for i in range(trainings):
            position, key = search.ask()
            search.tell(table.score(position, key))
            row[i] = table.regret(search.recommended)
        spent += time.perf_counter() - started
    return Ran(regret, spent / regret.size)
