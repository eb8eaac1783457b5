"""Options that several commands share."""

import argparse
from pathlib import Path
from typing import Any

WORKERS: dict[str, Any] = {
    "type": int,
    "default": 0,
    "metavar": "N",
    "help": "train in N processes (default: in this one); changes no bit",
}
JSON: dict[str, Any] = {"action": "store_true", "help": "for programs"}


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
