"""Put the network of a steering study at the wheel, on six tracks that its data do not contain: a
table, a picture of the paths (tracks.png) and a short film of the first (film.png)."""

import argparse
from pathlib import Path

from rich.table import Table

from jaxmeta.cli.common import add_folder
from jaxmeta.cli.console import console
from jaxmeta.plain import plain


def add(command: argparse.ArgumentParser) -> None:
    add_folder(command)
    command.add_argument("--out", type=Path, help="where pictures go (default: the study's folder)")
    command.add_argument(
        "--task",
        metavar="module:function",
        help="call this function of yours, or of somebody you trust, for the record's task",
    )
    command.add_argument("--controls", action="store_true", help="drive the controls as well")


def run(options: argparse.Namespace) -> int:
    from jaxmeta.drive import clone, laps, picture

    driver, error = clone.driver(options.folder, options.task)
    drivers = {"the clone": lambda seed: driver}
    if options.controls:
        drivers |= laps.CONTROLS
    driven = {name: laps.laps(of, name == "the clone") for name, of in drivers.items()}
    print(f"RMSE on the test split: {error['rmse']:.4f} rad, {error['rmse_degrees']:.2f} degrees")
    table = Table("", "track", *laps.COLUMNS)
    for one in driven["the clone"]:
        row = laps.summary([one])
        table.add_row("", str(one.track.seed), *laps.cells(row))
    for name, rounds in driven.items():
        table.add_row(name, "all", *laps.cells(laps.summary(rounds)))
    console().print(table)
    for path in picture.draw(driven["the clone"], options.out or options.folder):
        print(plain(path))
    return 0
