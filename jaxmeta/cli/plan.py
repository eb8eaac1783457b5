"""How long a study would take on more or fewer workers: its look-ahead is simulated, with the times
that trainings took in its record; or of a study that has not begun, with --seconds-per-training.

  jaxmeta plan runs/a --workers 1,8,64
  jaxmeta plan mnist --preset poster --seconds-per-training 600 --workers 1,8,64 --seeds 0:20

No training is run. The start of workers and compilation are not counted."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from jaxmeta import plan, several
from jaxmeta.cli import tune
from jaxmeta.cli.common import JSON
from jaxmeta.cli.console import console
from jaxmeta.cli.running import lookahead
from jaxmeta.engine.scheduler import AUTO
from jaxmeta.record import lines as record
from jaxmeta.record.journal import NAME, read
from jaxmeta.record.schema import space_of
from jaxmeta.record.several import folders
from jaxmeta.score import FLOAT
from jaxmeta.study import Study
from jaxmeta.tuning import Chains, from_record, of_record

WORKERS = (1, 2, 4, 8, 16, 32, 64)


def add(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "what", metavar="task|folder", help="a task or several, as of `tune`; or a study's"
    )
    command.add_argument(
        "--workers",
        type=_workers,
        default=WORKERS,
        metavar="N,N,...",
        help=f"how many there may be (default: {','.join(map(str, WORKERS))})",
    )
    command.add_argument(
        "--seconds-per-training", type=float, metavar="S", help="where there is no record"
    )
    command.add_argument("--lookahead", type=lookahead, default=AUTO, help="as of `tune`")
    command.add_argument("--json", **JSON)
    tune.add_study(command)


def run(options: argparse.Namespace) -> int:
    folder = Path(options.what)
    of = _begun(folder, options) if folder.is_dir() else _not_begun(options)
    plans = [plan.plan(*of, workers, options.lookahead) for workers in options.workers]
    if options.json:
        print(json.dumps([asdict(one) for one in plans], indent=2))
        return 0
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name in ("workers", "hours", "useful", "trainings", "speed-up"):
        table.add_column(name, justify="right")
    for one in plans:
        cells = f"{one.seconds / 3600:.4g}", f"{one.useful:.0%}", str(one.trainings)
        table.add_row(str(one.workers), *cells, f"{one.speed_up:.2f}")
    console().print(table)
    print(f"Of these, {plan.enough(plans)} workers are enough: more bring less than 2 %.")
    return 0


def _begun(folder: Path, options: argparse.Namespace):
    """What is planned, of one study or of several in one folder; and what is known of it."""
    if said := tune.said(options):
        raise ValueError(
            f"{folder} holds a study, whose record says what it is; leave out {', '.join(said)}"
        )
    homes = list(folders(folder).values()) or [folder]
    records = [(lines, home) for home in homes if (lines := read(home))]
    if not records:
        raise ValueError(
            f"{folder} must hold a study that has begun, and the first line of its journal is not "
            "written yet; wait for it, or name the task and --seconds-per-training"
        )
    first, *others = (lines[0] for lines, _ in records)
    if any(other["task"] != first["task"] for other in others):
        raise ValueError(
            f"a plan from records is of one task, and {folder} holds studies of several; name the "
            f"folder of one, {homes[0].parent} for example"
        )
    tuner = from_record(first["tuner"], space_of(first))
    numbers = [lines[0]["seed"] for lines, _ in records]
    if options.seeds:
        numbers = several.parse(options.seeds)

    def chains() -> list[Chains]:
        exact = record.kind_of(first) == FLOAT
        return [of_record({**first, "seed": seed}, tuner, exact) for seed in numbers]

    if options.seconds_per_training is not None:
        kinds = [record.kind_of(first)] * len(numbers)
        return chains, plan.by_lot(options.seconds_per_training, kinds)
    return chains, plan.of_records(records)


def _not_begun(options: argparse.Namespace):
    if options.seconds_per_training is None:
        raise ValueError(
            f"{options.what} is no folder with a {NAME}, so nothing is known of the time that a "
            "training takes; say --seconds-per-training"
        )
    options.task = options.what
    studies = tune.studies_of(options)
    if studies[0].stop_early:
        raise ValueError("a plan takes all trainings to be whole; leave out --stop-early")
    numbers = tune.seeds_of(options)

    def chains() -> list[Chains]:
        return [_chains(study, seed) for study in studies for seed in numbers]

    kinds = [study.task.kind for study in studies for _ in numbers]
    return chains, plan.by_lot(options.seconds_per_training, kinds)


def _chains(study: Study, seed: int) -> Chains:
    paired, exact = study.keys == "paired", study.task.kind == FLOAT
    return Chains(study.tuner, seed, study.chains, study.replicates, paired, exact)


def _workers(text: str) -> list[int]:
    if not all(part.isdecimal() and 0 < int(part) <= 100_000 for part in text.split(",")):
        raise argparse.ArgumentTypeError(f"must be numbers from 1, as in 1,8,64, got {text!r}")
    return [int(part) for part in text.split(",")]
