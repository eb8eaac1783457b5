"""Draw values, scores, probabilities and learning curves of a study into report.png and report.svg
in its folder."""

import argparse

from jaxmeta.cli.common import add_folder
from jaxmeta.plain import plain
from jaxmeta.report import picture


def add(command: argparse.ArgumentParser) -> None:
    add_folder(command)


def run(options: argparse.Namespace) -> int:
    for path in picture.draw(options.folder):
        print(plain(path))
    return 0
