"""Compute every decision again from the seed and the recorded scores, with no training.

Exit status: 0 all hold, 1 one does not, 2 there is no record to read."""

import argparse
import json

from jaxmeta.cli.common import JSON, add_folder
from jaxmeta.plain import plain
from jaxmeta.record.journal import read
from jaxmeta.replay import Mismatch, replay


def add(command: argparse.ArgumentParser) -> None:
    add_folder(command)
    command.add_argument("--json", **JSON)


def run(options: argparse.Namespace) -> int:
    lines = read(options.folder)
    try:
        chains = replay(lines, checked=True)
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
