"""Make a prior of the records of earlier studies, for `jaxmeta tune --learn-from`, or say what is
in one."""

import argparse
from pathlib import Path

from jaxmeta.cli.console import console


def add(command: argparse.ArgumentParser) -> None:
    verbs = command.add_subparsers(dest="verb", required=True)
    build = verbs.add_parser("build", help="of these studies' first 40 trainings each")
    build.add_argument("folders", nargs="+", type=Path, help="of studies")
    build.add_argument("-o", "--out", type=Path, required=True, help="the file to write")
    show = verbs.add_parser("show", help="the tasks in a file, and how many trainings of each")
    show.add_argument("file", type=Path, help="of `jaxmeta prior build`")


def run(options: argparse.Namespace) -> int:
    from jaxmeta.prior import Prior

    if options.verb == "build":
        prior = Prior.from_records(options.folders)
        prior.save(options.out)
    else:
        prior = Prior.load(options.file)
    out = console()
    for task in prior.tasks:
        names = ", ".join(dict.fromkeys(name for row in task.trainings for name in row.values))
        words = f"{len(task.trainings):>3} trainings of {task.source}: {names}"
        out.print(words, markup=False, highlight=False)
    out.print(f"digest: {prior.digest}", markup=False, highlight=False)
    return 0
