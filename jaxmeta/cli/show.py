"""Print the trajectory of a study, finished or not: what was drawn, the moves, the values, the
score, and at the end what is recommended, the best score and the test. Of several studies
(`tune --seeds`): what each of them recommends."""

import argparse
import json

from jaxmeta.cli.common import JSON, add_folder
from jaxmeta.cli.console import console
from jaxmeta.record.journal import read
from jaxmeta.record.seeds import folders
from jaxmeta.report import seeds, table


def add(command: argparse.ArgumentParser) -> None:
    add_folder(command)
    command.add_argument("--json", **JSON)


def run(options: argparse.Namespace) -> int:
    several = {seed: read(folder) for seed, folder in folders(options.folder).items()}
    if several and options.json:
        found = {seed: table.to_json(lines) for seed, lines in several.items()}
        print(json.dumps(found, indent=2))
    elif several:
        console().print(seeds.table(several))
    elif options.json:
        print(json.dumps(table.to_json(read(options.folder)), indent=2))
    else:
        console().print(table.table(read(options.folder)))
    return 0
