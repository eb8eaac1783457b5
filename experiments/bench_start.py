"""From the start of Python to the first step of a training, and from the last to the end.

    make bench          after the others; as long as `make experiment` and a minute

Seconds and peak memory by phases of two studies, each in a process of its own, the whole time of
commands that train nothing, on a record of 1,000 decisions, and what the page of such a record
takes to open in Chromium, where there is one.
"""

import argparse
import importlib
import os
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DECISIONS, AXES, ROUNDS = 1_000, 8, 5
SPIRALS = "tune spirals"


def child(began: float, command: list[str]) -> int:
    """Run one command of jaxmeta in this process, which `began` on the system's monotonic clock,
    and print when each phase was over."""
    ends = []

    def over(phase: str) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10  # KiB on Linux
        ends.append((phase, time.monotonic() - began, peak))

    def around(owner, name: str, before: str = "", after: str = "") -> None:
        function, calls = getattr(owner, name), []

        def call(*given, **options):
            calls.append(1)
            if before and len(calls) == 1:
                over(before)
            found = function(*given, **options)
            if after:
                over(after)
            return found

        setattr(owner, name, call)

    from jaxmeta import cli

    names = ("cli.tune", "running", "tasks", "testing", "engine.scheduler")
    modules = (importlib.import_module(f"jaxmeta.{name}") for name in names)
    _, running, tasks, testing, scheduler = modules
    over("import")
    around(tasks, "make", after="data")
    around(scheduler.Scheduler, "fetch", before="trace and compile")
    around(testing, "jobs", before="train")
    around(testing, "outcome", before="test and keep")
    around(running, "run", after="record")
    out = Path(command[-1])
    status = cli.main(command)
    if "mnist" in command:
        status = status or cli.main(["show", str(out)]) or cli.main(["report", str(out)])
        over("table and picture")
    print("PHASES", *(f"{phase}:{at}:{peak}" for phase, at, peak in ends), sep="\t")
    return status


def phases(command: str) -> None:
    """Print those of one command."""
    with tempfile.TemporaryDirectory() as home:
        words = [*shlex.split(command), "--out", str(Path(home) / "study")]
        began = time.monotonic()
        output = subprocess.run(
            [sys.executable, "-m", __spec__.name, "--child", str(began), *words],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        whole = time.monotonic() - began
    print(f"\njaxmeta {command}\n\n{'':20}{'seconds':>10}{'peak MiB':>10}")
    before = 0.0
    line = next(line for line in output.splitlines() if line.startswith("PHASES"))
    for entry in line.split("\t")[1:]:
        phase, at, peak = entry.split(":")
        print(f"{phase:20}{float(at) - before:10.2f}{float(peak):10.0f}")
        before = float(at)
    print(f"{'until it is gone':20}{whole - before:10.2f}\n{'whole':20}{whole:10.2f}", flush=True)


def commands() -> None:
    """Print how long those take that train nothing."""
    from experiments.bench_host import Instant, study_of
    from jaxmeta import engine
    from jaxmeta.running import run

    engine.start = lambda *_: Instant(1)  # trainings that cost nothing
    print(f"\nwhole commands on {DECISIONS} decisions; median of {ROUNDS} (lowest to highest)\n")
    with tempfile.TemporaryDirectory() as home:
        for tuner in ("poster", "three_way"):
            run(study_of(tuner, DECISIONS, 1), Path(home) / tuner, keep_weights=False)
        for words in (
            ["--help"],
            *(
                [command, tuner]
                for tuner in ("poster", "three_way")
                for command in ("show", "replay")
            ),
        ):
            where = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
            # Modules are compiled once, as where a package is installed.
            env = {**os.environ, "PYTHONPATH": where, "PYTHONDONTWRITEBYTECODE": ""}
            seconds = []
            for _ in range(1 + ROUNDS):
                started = time.monotonic()
                command = [sys.executable, "-m", "jaxmeta.cli", *words]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=home, env=env)
                seconds.append(time.monotonic() - started)
            del seconds[0]
            print(
                f"jaxmeta {' '.join(words):18} {statistics.median(seconds):6.2f} s  "
                f"({min(seconds):.2f} to {max(seconds):.2f})",
                flush=True,
            )


def opening() -> None:
    """Print how long the page of a study takes to be written and opened."""
    chromium = shutil.which("chromium")
    if not chromium:
        print("\nno chromium is installed: the page was not opened")
        return
    from playwright.sync_api import sync_playwright

    from experiments.bench_host import Instant, study_of
    from jaxmeta import engine
    from jaxmeta.report import page
    from jaxmeta.running import run

    engine.start = lambda *_: Instant(1)
    seconds: dict[str, list[float]] = {"written": [], "opened": [], "its main thread's": []}
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        folder = Path(home) / "study"
        run(study_of("poster", DECISIONS, AXES), folder, keep_weights=False)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(ROUNDS):
            started = time.monotonic()
            path = page.write(folder)
            written = time.monotonic()
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            session = tab.context.new_cdp_session(tab)
            session.send("Performance.enable")
            tab.goto(path.as_uri())
            tab.evaluate("jaxmeta.ready.then(() => 0)")
            opened = time.monotonic()
            said = session.send("Performance.getMetrics")["metrics"]
            used = {one["name"]: one["value"] for one in said}["ThreadTime"]
            tab.close()
            for took, one in zip(
                seconds.values(), (written - started, opened - written, used), strict=True
            ):
                took.append(one)
        size = path.stat().st_size / 1e6
        browser.close()
    print(
        f"\nthe page of {DECISIONS} decisions on {AXES} axes, {size:.1f} MB; seconds, median of "
        f"{ROUNDS} (lowest to highest)\n"
    )
    for name, took in seconds.items():
        print(f"{name:20}{statistics.median(took):6.2f}  ({min(took):.2f} to {max(took):.2f})")


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        return child(float(sys.argv[2]), sys.argv[3:])
    parser = argparse.ArgumentParser(prog="python -m experiments.bench_start")
    parser.add_argument("--trainings", type=int, help="of the experiment; default: all 20")
    options = parser.parse_args()
    from experiments.bench import cpu
    from experiments.mnist import PROFILES

    print(
        f"\n{cpu()}, {os.cpu_count()} cores; processes running or waiting before the start: ",
        end="",
    )
    print(f"{os.getloadavg()[0]:.1f}")
    commands()
    opening()
    phases(SPIRALS)
    phases(PROFILES["quick"] + (f" --i-max {options.trainings}" if options.trainings else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
