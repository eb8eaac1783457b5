"""What a process that trains is sent: recipes, where to look for modules, and its variables; and
the files that it sends back."""

import copyreg
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import cloudpickle
import jax

from jaxmeta.engine.protocol import Recipe
from jaxmeta.record.error import JournalError

Files = dict[str, bytes]  # of a folder, by their paths in it

# Functions with a gradient of their own go by name, like all others of a module.
for kind in (jax.custom_vjp, jax.custom_jvp):
    copyreg.pickle(kind, lambda function: function.__qualname__)


def packed(recipes: Sequence[Recipe]) -> bytes:
    """A list of them, for `cloudpickle.loads`.

    Raises:
      ValueError: something in it cannot be sent.
    """
    try:
        return cloudpickle.dumps(list(recipes))
    except Exception as error:  # whatever the user's objects raise
        raise ValueError(
            f"a task must be made of what can be sent to worker processes, and is not "
            f"({error}); run without workers, or define its functions at the top of a module"
        ) from error


def searched() -> list[str]:
    """The folders in which this process has found modules, for the end of a worker's path: what the
    study imports its worker must find, and nothing new."""
    folders = set()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if os.path.isabs(file):  # any that was found on a path is
            folder, file = os.path.split(file)
            for _ in range(name.count(".") + file.startswith("__init__.")):
                folder = os.path.dirname(folder)
            folders.add(folder)
    return [path for path in dict.fromkeys(map(os.path.abspath, sys.path)) if path in folders]


def environment_of() -> dict[str, str]:
    """This process's own; an empty entry of PYTHONPATH would be the current folder."""
    paths = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    given = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    joined = os.pathsep.join(paths)
    return {**given, "PYTHONPATH": joined} if joined else given


def files_of(folder: str) -> Files:
    """All files below `folder`, which is removed."""
    home = Path(folder)
    found = {
        path.relative_to(home).as_posix(): path.read_bytes()
        for path in sorted(home.rglob("*"))
        if path.is_file()
    }
    shutil.rmtree(home, ignore_errors=True)
    return found


def write(folder: Path, files: Files) -> None:
    """The opposite of `files_of`, in the place of what is there."""
    whole = folder.with_name(f"{folder.name}_{os.getpid()}")
    try:
        for name, content in files.items():
            path = whole / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        shutil.rmtree(folder, ignore_errors=True)
        whole.rename(folder)
    except OSError as error:
        shutil.rmtree(whole, ignore_errors=True)
        raise JournalError(
            f"{folder} must take the weights, and did not ({error}); make room, then "
            f"jaxmeta resume {folder.parent}, or go on with --keep-weights none"
        ) from error
