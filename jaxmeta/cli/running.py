"""What the commands share that run trainings: `tune` and `resume`."""

import argparse
import sys
from pathlib import Path

from jaxmeta import exits
from jaxmeta.cli.common import WORKERS
from jaxmeta.engine.scheduler import AUTO
from jaxmeta.plain import plain


def stopped(folder: Path) -> int:
    """After Ctrl-C."""
    print(f"jaxmeta: stopped; go on with: jaxmeta resume {plain(folder)}", file=sys.stderr)
    return exits.STOPPED


def add_running(command: argparse.ArgumentParser) -> None:
    """Options that change how long a study takes and what it keeps, and not its journal."""
    group = command.add_argument_group("the journal is the same whatever is said here")
    group.add_argument("--workers", **WORKERS)
    group.add_argument(
        "--lookahead",
        type=_lookahead,
        default=AUTO,
        metavar="auto|0|N",
        help="run trials that may be needed, at most N iterations ahead, in lanes that would "
        "idle; 0: none (default: auto, as far as it takes to fill the lanes)",
    )
    group.add_argument(
        "--keep-weights",
        choices=("best", "none"),
        default="best",
        help="keep the weights of the recommended trial in the study's folder (default: best)",
    )


def _lookahead(text: str) -> int | None:
    if text == "auto":
        return AUTO
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be auto or a number from 0, got {text!r}")
    return int(text)
