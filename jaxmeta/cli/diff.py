"""Compare configuration, environment, draws, trainings, scores and decisions of two studies, and
draw both trajectories with the parting marked.

Exit status: 0 the same, 1 they differ."""

import argparse
import json
from pathlib import Path

from jaxmeta.cli.common import JSON
from jaxmeta.plain import plain
from jaxmeta.record.diff import diff
from jaxmeta.record.journal import read


def add(command: argparse.ArgumentParser) -> None:
    command.add_argument("a", type=Path, help="a study's folder")
    command.add_argument("b", type=Path, help="another's")
    command.add_argument("--out", type=Path, help="a folder for diff.png and diff.svg")
    command.add_argument("--json", **JSON)


def run(options: argparse.Namespace) -> int:
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
