"""Go on from the last complete line, and from the last saved epoch of the training after it, to the
journal that an uninterrupted study would have written, byte for byte."""

import argparse

from jaxmeta import display, study
from jaxmeta.cli.common import add_folder, add_trust
from jaxmeta.cli.console import console
from jaxmeta.cli.running import add_running, place_of, until_stopped


def add(command: argparse.ArgumentParser) -> None:
    add_folder(command)
    command.add_argument(
        "--accept-environment",
        action="store_true",
        help="go on although versions, flags or device have changed; the journal will say so",
    )
    add_trust(command)
    add_running(command)


def run(options: argparse.Namespace) -> int:
    place = place_of(options)

    def go_on() -> None:
        with display.resuming(console(), options.folder) as watcher:
            study.resume(
                options.folder,
                options.task,
                watcher=watcher,
                accept_environment=options.accept_environment,
                workers=options.workers,
                lookahead=options.lookahead,
                allow_download=options.allow_download,
                keep_weights=options.keep_weights == "best",
                place=place,
            )

    return until_stopped(options.folder, go_on)
