"""Go on from the last complete line, and from the last saved epoch of the training after it, to the
journal that an uninterrupted study would have written, byte for byte."""

import argparse

from jaxmeta import display, running, several
from jaxmeta.cli.common import add_folder, add_trust
from jaxmeta.cli.console import console
from jaxmeta.cli.running import add_running, means_of, one_log, until_stopped
from jaxmeta.record.several import folders

TRUST = ("task", "accept_environment", "allow_download")  # options, as `running.resume` has them


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
    folder, means = options.folder, means_of(options)
    trust = {name: getattr(options, name) for name in TRUST}

    def go_on() -> None:
        if studies := folders(folder):
            one_log(options)
            several.resume(folder, means=means, watchers=display.several(console()), **trust)
            display.summary(console(), studies)
        else:
            with display.resuming(console(), folder, options.tensorboard) as watcher:
                running.resume(folder, watcher=watcher, **trust, **vars(means))

    return until_stopped(folder, go_on)
