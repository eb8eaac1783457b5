"""Whole processes for the tests of the promise: start one, kill it, resume, compare bytes."""

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

NAME = "journal.jsonl"


def jaxmeta(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    """`jaxmeta ARGUMENTS` in a process of its own."""
    return start("-m", "jaxmeta.cli", *arguments, **environment)


def start(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu", **environment},
    )


def finish(process: subprocess.Popen[str], allowed: tuple[int, ...] = (0,)) -> str:
    """Wait for its end, and its output; an exit status that is not `allowed` fails the test."""
    output, _ = process.communicate()
    assert process.returncode in allowed, f"exit status {process.returncode}:\n{output}"
    return output


def begun(folder: Path) -> bool:
    """Whether the first line is complete: from then on `resume`, before it `tune` again."""
    return (folder / NAME).exists() and b"\n" in (folder / NAME).read_bytes()


def command(folder: Path, tune: list[str], workers: str = "0") -> list[str]:
    """What a person would type next."""
    next_ = ["resume", str(folder)] if begun(folder) else [*tune, "--out", str(folder)]
    return [*next_, "--workers", workers]


def killed_at_random(
    folder: Path,
    tune: list[str],
    seed: int,
    longest: float,
    ways: tuple[str, ...] = ("0",),
    **environment: str,
) -> Iterator[float]:
    """Run the study to its end, killing each of its processes after a random time; yields the
    times.

    Between kills the study is resumed, with one of so many workers in turn (`ways`). A process that
    ends by itself before its time ends the study.
    """
    instants = random.Random(seed)
    for n in itertools.count():
        process = jaxmeta(*command(folder, tune, ways[n % len(ways)]), **environment)
        instant = instants.uniform(0, longest)
        try:
            process.wait(instant)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            yield instant
            continue
        finish(process)
        return


def reference(folder: Path, tune: list[str], **environment: str) -> tuple[bytes, float]:
    """The journal of the uninterrupted study, and how many seconds it took."""
    started = time.monotonic()
    finish(jaxmeta(*tune, "--out", folder, **environment))
    return (folder / NAME).read_bytes(), time.monotonic() - started


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder
