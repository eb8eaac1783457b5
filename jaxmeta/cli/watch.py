"""Show a study that runs in another process, or one that has ended; with --serve as a page that any
browser on this machine can open, and that is loaded anew as decisions come. Only reads. Ctrl-C ends
the watching, and not the study."""

import argparse

from jaxmeta import exits
from jaxmeta.cli.common import add_folder
from jaxmeta.cli.console import console


def add(command: argparse.ArgumentParser) -> None:
    add_folder(command)
    command.add_argument(
        "--serve",
        type=int,
        nargs="?",
        const=0,
        metavar="PORT",
        help="serve the page on 127.0.0.1, at this port or a free one",
    )


def run(options: argparse.Namespace) -> int:
    from jaxmeta.display import looking

    try:
        if options.serve is None:
            looking.watch(options.folder, console())
            return 0
        from jaxmeta.display.serving import Server

        with Server(options.folder, options.serve) as server:
            print(f"{server.address}  Ctrl-C ends it", flush=True)
            server.serve_forever()
    except KeyboardInterrupt:
        return exits.STOPPED
    return 0
