"""The command line: a thin layer over `study`, `report` and `display`, one file a command.

A command's module has `add`, which declares its options, and `run`, which obeys them and gives the
exit status. It is imported only where its name stands on the command line: JAX, which most need,
takes longer to import than they to run.
"""

import argparse
import importlib
import io
import sys
from collections.abc import Sequence

from jaxmeta import exits

COMMANDS = {
    "tune": "run a study into a new folder",
    "show": "the trajectory of a study as a table",
    "watch": "look on while a study runs elsewhere, here or in a browser",
    "report": "a page and a picture of a study; of several, a page that compares them",
    "resume": "go on with a study that was interrupted",
    "replay": "compute every decision of a study again, with no training",
    "plan": "how long a study would take on more or fewer workers",
    "verify": "check a study: its chain, its decisions, its trainings",
    "diff": "where two studies part",
    "drive": "put the network of a steering study at the wheel",
    "export": "the best network as one file, or the record for other tools",
    "env": "the fingerprint of this environment, and what in it can change bits",
    "completion": "a script that completes commands and options in a shell",
    "prior": "what earlier studies tell of a new one, as a file",
    "judge": "tuners on benchmark tables, where a training is a look-up",
}

EXAMPLES = """examples:
  jaxmeta tune spirals --out runs/first                  a first look, in seconds
  jaxmeta tune mnist --seed 0 --out runs/a               the poster's network, our tuner
  jaxmeta tune mnist --preset poster --out runs/p        the poster's network and tuner
  jaxmeta tune mnist --preset poster --tune batch_size --set learning_rate=1e-3 --out runs/b
  jaxmeta tune mnist --tune learning_rate=1e-5:1:log --tune optimizer=adam,sgd --out runs/c
  jaxmeta tune mnist --tuner grid --tune dropout=0:0.8:0.2 --epochs 3 --out runs/d
  jaxmeta tune mnist --workers 2 --out runs/e            the same as runs/a, in two processes
  jaxmeta tune mnist --tune learning_rate --tune dropout --learn-from 'runs/*' --out runs/f
  jaxmeta show runs/a                                    the trajectory as a table
  jaxmeta report runs/a                                  a page for any browser, and a picture
  jaxmeta watch runs/a                                   look on from a second terminal
  jaxmeta resume runs/a                                  go on after Ctrl-C, a kill, a power cut
  jaxmeta verify runs/a                                  is it true? train it all again and compare
  jaxmeta tune mnist --seeds 0:20 --workers 8 --out runs/f   twenty studies, which share the workers
  jaxmeta plan runs/a --workers 1,8,64                   how long would more workers take?
  jaxmeta diff runs/a runs/b                             where do two studies part?
  jaxmeta export runs/a --to onnx --out deploy           the best network, for another machine
  jaxmeta export runs/a --to csv --out tables            the record, for a spreadsheet
"""


def parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The whole command line, with the options of the commands that are named in `words`."""
    top = argparse.ArgumentParser(
        prog="jaxmeta",
        description="Tune the hyperparameters of a JAX training; every study is an exact record.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    for name, words_for_it in COMMANDS.items():
        one = commands.add_parser(
            name,
            help=words_for_it,
            epilog=EXAMPLES if name == "tune" else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in words:
            command = _module(name)
            one.description = command.__doc__
            command.add(one)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status, which is never 1 but where a command says so.

    0 when it did what it was asked, 2 for bad input, 70 for an error that nobody foresaw, 130 after
    Ctrl-C, 141 where nobody reads the output any more (`| head`).
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # λ, where the terminal has no such letter
    words = sys.argv[1:] if arguments is None else arguments
    options = parser(words).parse_args(words)
    try:
        status = _module(options.command).run(options)
        print(end="", flush=True)
        return status
    except BaseException as error:  # SystemExit too: a task's own code may not say how it ends
        return exits.failed(error)


def _module(name: str):
    return importlib.import_module(f"jaxmeta.cli.{name}")
