"""Print the trajectory of a study, finished or not: what was drawn, the moves, the values, the
score, and at the end what is recommended, the best score and the test. Of several studies
(`tune --seeds`, or of several tasks): what each of them recommends."""

import argparse
import json

from jaxmeta.cli.common import JSON, add_folder
from jaxmeta.cli.console import console
from jaxmeta.record.journal import read
from jaxmeta.record.several import folders
from jaxmeta.report import several, table


def add(command: argparse.ArgumentParser) -> None:
    add_folder(command)
    command.add_argument("--json", **JSON)


def run(options: argparse.Namespace) -> int:
    studies = {name: read(folder) for name, folder in folders(options.folder).items()}
    if studies and options.json:
        found = {name: table.to_json(lines) for name, lines in studies.items()}
        print(json.dumps(found, indent=2))
    elif studies:
        console().print(several.table(studies))
    elif options.json:
        print(json.dumps(table.to_json(read(options.folder)), indent=2))
    else:
        console().print(table.table(read(options.folder)))
    return 0
