"""What several commands share: the console, and the options for speed and for trust."""

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from jaxmeta import exits
from jaxmeta.engine.scheduler import AUTO
from jaxmeta.plain import plain

WORKERS: dict[str, Any] = {
    "type": int,
    "default": 0,
    "metavar": "N",
    "help": "train in N processes (default: in this one); changes no bit",
}
JSON: dict[str, Any] = {"action": "store_true", "help": "for programs"}


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise  # rich would exit with status 1, which says "different"


def console() -> Console:
    """The terminal as it is; a file or a pipe has room for the widest table."""
    one = _Console()
    return one if one.is_terminal else _Console(width=120)


def stopped(folder: Path) -> int:
    """After Ctrl-C."""
    print(f"jaxmeta: stopped; go on with: jaxmeta resume {plain(folder)}", file=sys.stderr)
    return exits.STOPPED


def add_folder(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path, help="the study's folder")


def add_trust(command: argparse.ArgumentParser) -> None:
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
