"""Print a script that completes jaxmeta's commands and options in a shell:

eval "$(jaxmeta completion bash)"      in ~/.bashrc
jaxmeta completion zsh > _jaxmeta      into a folder of $fpath"""

import argparse
import importlib.util

SHELLS = ("bash", "zsh", "tcsh")


def add(command: argparse.ArgumentParser) -> None:
    command.add_argument("shell", choices=SHELLS)


def run(options: argparse.Namespace) -> int:
    if importlib.util.find_spec("shtab") is None:
        raise ModuleNotFoundError(
            "completion needs shtab, and it is not installed: pip install 'jaxmeta[completion]'"
        )
    import shtab

    from jaxmeta import cli

    print(shtab.complete(cli.parser(list(cli.COMMANDS)), options.shell))
    return 0
