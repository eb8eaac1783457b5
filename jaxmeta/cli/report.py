"""Draw a study, from its record alone, into its folder: report.html, a page for any browser that
needs no network, and report.png and report.svg, a picture for a text.

Of several studies also index.html, which compares them, in the folder that they stand in; what is
no study is passed over, so that `jaxmeta report runs/*` can be said."""

import argparse
import sys
from pathlib import Path

from jaxmeta.plain import plain
from jaxmeta.record import journal
from jaxmeta.record.lines import decisions
from jaxmeta.record.several import folders as studies
from jaxmeta.report import page, picture
from jaxmeta.report.page import index


def add(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path, nargs="+", help="the study's folder; or several")


def run(options: argparse.Namespace) -> int:
    folders = [one for folder in options.folder for one in studies(folder).values() or [folder]]
    several = len(folders) > 1
    if several:
        folders = [folder for folder in folders if _holds_study(folder)]
        if not folders:
            raise ValueError("none of these holds a study with a decision; name one that does")
    for folder in folders:
        for path in (*picture.draw(folder), page.write(folder)):
            print(plain(path))
    if several:
        print(plain(index.write(folders, [journal.read(folder) for folder in folders])))
    return 0


def _holds_study(folder: Path) -> bool:
    if not (folder / journal.NAME).exists():
        print(f"jaxmeta: passed over, no study: {plain(folder)}", file=sys.stderr)
        return False
    if not decisions(journal.read(folder)):
        print(f"jaxmeta: passed over, no decision yet: {plain(folder)}", file=sys.stderr)
        return False
    return True
