"""What the commands share that run trainings: `tune` and `resume`."""

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from jaxmeta import exits
from jaxmeta.cli.common import WORKERS
from jaxmeta.engine.place import Place
from jaxmeta.engine.scheduler import AUTO
from jaxmeta.plain import plain
from jaxmeta.running import Means


def until_stopped(folder: Path, go_on: Callable[[], object]) -> int:
    """Go on with the study in `folder`; the exit status.

    Ctrl-C stops it, and so does SIGTERM, by which a batch system says that its time is over.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        go_on()
    except KeyboardInterrupt:
        print(f"jaxmeta: stopped; go on with: jaxmeta resume {plain(folder)}", file=sys.stderr)
        return exits.STOPPED
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def one_log(options: argparse.Namespace) -> None:
    """Refuse a log of several studies at once."""
    if options.tensorboard is not None:
        raise ValueError(
            "--tensorboard writes the log of one study, and here are several; export each of them "
            "afterwards: jaxmeta export STUDY --to tensorboard --out DIR"
        )


def add_running(command: argparse.ArgumentParser) -> None:
    """Options that change how long a study takes and what it keeps, and not its journal."""
    group = command.add_argument_group("the journal is the same whatever is said here")
    group.add_argument("--workers", **WORKERS)
    group.add_argument(
        "--engine",
        default="local",
        metavar="local|ray[=ADDRESS]",
        help="where workers are: on this machine, or on a Ray cluster: that at host:port, else "
        "that of RAY_ADDRESS, else a new one on this machine; 0 workers are there as many as it "
        "has room for, now and later",
    )
    group.add_argument(
        "--cpus-per-worker", type=float, metavar="N", help="of the cluster (default: 1)"
    )
    group.add_argument(
        "--gpus-per-worker", type=float, metavar="N", help="of the cluster (default: 0)"
    )
    group.add_argument(
        "--scratch",
        metavar="DIR",
        help="where the machines of a cluster save trials in progress, a folder that all of them "
        "reach (default: nowhere; a trial whose worker dies begins again)",
    )
    group.add_argument(
        "--lookahead",
        type=lookahead,
        default=AUTO,
        metavar="auto|0|N",
        help="run trials that may be needed, at most N iterations ahead, in lanes that would "
        "idle; 0: none (default: auto, as far as it takes to fill the lanes)",
    )
    group.add_argument(
        "--tensorboard",
        type=Path,
        metavar="DIR",
        help="also write a log for TensorBoard there, a run a training, as decisions come",
    )
    group.add_argument(
        "--keep-weights",
        choices=("best", "none"),
        default="best",
        help="keep the weights of the recommended trial in the study's folder (default: best)",
    )


def means_of(options: argparse.Namespace) -> Means:
    """How and where the command line wants trials to run."""
    engine, _, address = options.engine.partition("=")
    names = ("cpus_per_worker", "gpus_per_worker", "scratch")
    given = {name: getattr(options, name) for name in names}
    place = Place(engine, address, **{n: v for n, v in given.items() if v is not None})
    keep_weights = options.keep_weights == "best"
    return Means(options.workers, options.lookahead, keep_weights, place)


def lookahead(text: str) -> int | None:
    """The option of that name."""
    if text == "auto":
        return AUTO
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be auto or a number from 0, got {text!r}")
    return int(text)
