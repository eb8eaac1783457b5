"""Print the trajectory of a study, finished or not: what was drawn, the moves, the values, the
score, and at the end what is recommended, the best score and the test."""

import argparse
import json

from jaxmeta.cli.common import JSON, add_folder
from jaxmeta.cli.console import console
from jaxmeta.record.journal import read
from jaxmeta.report import table


def add(command: argparse.ArgumentParser) -> None:
    add_folder(command)
    command.add_argument("--json", **JSON)


def run(options: argparse.Namespace) -> int:
    lines = read(options.folder)
    if options.json:
        print(json.dumps(table.to_json(lines), indent=2))
    else:
        console().print(table.table(lines))
    return 0
