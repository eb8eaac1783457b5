"""Write a study for somewhere else, into the folder --out.

To stablehlo, onnx or orbax: the recommended network of a finished study as one file, its weights
checked against the record, with the scaling of images inside. The file names its study: --trace
prints that. To csv, parquet, json, tensorboard or optuna: the record, finished or not.

Exit status: 0, or 1 where --trace FILE is not of the study that is named beside it."""

import argparse
import json
from pathlib import Path

from jaxmeta import convert, export
from jaxmeta.cli.common import add_trust
from jaxmeta.plain import plain
from jaxmeta.record.journal import digest, read

FORMATS = export.FORMATS | convert.FORMATS


def add(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path, nargs="?", help="the study's folder")
    command.add_argument(
        "--to",
        choices=FORMATS,
        help="; ".join(f"{name}: {words}" for name, words in FORMATS.items()),
    )
    command.add_argument("--out", type=Path, metavar="DIR", help="a folder, new or not")
    command.add_argument(
        "--batch",
        type=int,
        metavar="N",
        help="how many examples a call takes (default: any number)",
    )
    command.add_argument("--trace", type=Path, metavar="FILE", help="which study FILE comes from")
    add_trust(command)


def run(options: argparse.Namespace) -> int:
    if options.trace:
        return _trace(options.trace, options.folder)
    if not (options.folder and options.to and options.out):
        raise ValueError("say what to export: jaxmeta export STUDY --to FORMAT --out DIR")
    if options.to in convert.FORMATS:
        print(plain(convert.convert(options.folder, options.to, options.out)))
        return 0
    made = export.export(
        options.folder,
        options.to,
        options.out,
        batch=options.batch,
        task=options.task,
        allow_download=options.allow_download,
    )
    print(plain(made.path))
    print(f"  of the study {made.trace['study']}")
    if made.latency:
        size = "one example" if options.batch in (None, 1) else f"{options.batch} examples"
        print(
            f"  outputs: the network's own on {made.examples:,} held-out examples, to "
            f"{made.difference:.1e} of the largest"
        )
        print(f"  {size} on one core: {made.latency}")
    return 0


def _trace(file: Path, folder: Path | None) -> int:
    found = export.trace(file)
    for name, value in found.items():
        print(plain(f"{name}: {value if isinstance(value, str) else json.dumps(value)}"))
    if folder is None:
        return 0
    same = digest(read(folder)) == found["study"]
    print(plain(f"{'the study in' if same else 'not the study in'} {folder}"))
    return 0 if same else 1
