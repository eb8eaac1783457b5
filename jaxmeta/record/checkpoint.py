"""Trainings in progress, saved at the ends of epochs so that a kill costs little.

Orbax writes each into a folder of its own. When that is whole it gets its name, which carries a
mark of all its bytes (`seal`): what does not match was not written by this user's own processes, or
is damaged. Orbax never reads it, and the training begins again, which gives the same bits later.
"""

import hmac
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax

from jaxmeta.record import seal
from jaxmeta.record.error import JournalError
from jaxmeta.record.files import is_folder, regular

FOLDER = "checkpoint"
# Saving takes a fraction of a second; shorter epochs than this are trained again instead.
SECONDS = 1.0
# And no more of the time than one part in so many goes into saving.
PARTS = 20
# More than Orbax writes beside the arrays, so that no size takes long to look at.
FILES, BESIDE = 10_000, 2**26
# Devices have threads of their own, and two savings at once wait for each other in Orbax for ever.
_ALONE = threading.Lock()


class Checkpoints:
    """What the study in `folder` has saved; with None, or without a key, nothing is saved.

    Args:
      of: words that tell this study from others.
      seconds: each training no more often than this.
    """

    def __init__(self, folder: Path | None, of: str = "", seconds: float = SECONDS) -> None:
        self._folder = folder and _home(folder)
        self._of, self._seconds = of, seconds
        self._saved: dict[str, float] = {}
        self._tags: dict[str, str] = {}

    def due(self, name: str) -> bool:
        """Whether it is time to save training `name`, which was loaded or begun by `load`."""
        if self._folder is None or seal.start() is None:
            return False
        return time.monotonic() - self._saved[name] >= self._seconds

    def save(self, name: str, epoch: int, progress: Any) -> None:
        """Save training `name` at the end of `epoch`."""
        assert self._folder is not None
        started = time.monotonic()
        older = _of(self._folder, name)
        # A name that nobody can have put a link at, and `forget` does not take for a training's.
        whole = self._folder / f"saving_{secrets.token_hex(8)}"
        try:
            self._folder.mkdir(exist_ok=True)  # before Orbax, whose threads say much of a failure
            if not is_folder(self._folder):
                raise OSError("it is no folder, or a link")
            with alone() as checkpointer:
                checkpointer.save(whole, progress)
            mark = self._mark(whole, name, epoch, progress)
            whole.rename(self._folder / f"{name}_{epoch}_{mark}")
        except Exception as error:  # Orbax has many for a disk that is full or gone
            shutil.rmtree(whole, ignore_errors=True)
            raise JournalError(
                f"{self._folder} must take a checkpoint, and did not ({error}); what was done "
                f"before is kept: make room, then jaxmeta resume {self._folder.parent}"
            ) from error
        for path in older:
            shutil.rmtree(path, ignore_errors=True)
        self._saved[name] = time.monotonic()
        self._seconds = max(self._seconds, PARTS * (self._saved[name] - started))

    def load(self, name: str, like: Any, tag: str = "") -> Any | None:
        """Training `name` as last saved, in the form of `like` (shapes, dtypes, device); None if it
        was not. `tag` tells it from trainings of that name in other studies."""
        self._saved[name], self._tags[name] = time.monotonic(), tag
        saved = _of(self._folder, name) if self._folder else []
        for path in sorted(saved, key=lambda path: -_epoch(path)):
            try:
                mark = self._mark(path, name, _epoch(path), like)
                if mark is None or not hmac.compare_digest(path.name.rpartition("_")[2], mark):
                    continue
                with alone() as checkpointer:
                    return checkpointer.restore(path, concrete(like))
            except Exception:  # noqa: BLE001, S112 whatever is wrong with it, the training begins again
                continue
        return None

    def forget(self, name: str) -> None:
        """Remove what was saved of training `name`; never while it is saved."""
        if self._folder is not None:
            forget(self._folder.parent, name)

    def _mark(self, path: Path, name: str, epoch: int, like: Any) -> str | None:
        """32 hexadecimal digits of every file's name and bytes; None without a key.

        Raises:
          ValueError: it is more than a training `like` this can have saved.
          OSError, JournalError: something is there that is no file, or cannot be read.
        """
        tag = self._tags.get(name, "")
        mark = seal.start("checkpoint", self._of, tag, name, str(epoch))
        if mark is None:
            return None
        for file in fitting(path, like):
            with open(file, "rb", opener=regular) as opened:
                seal.add(mark, file.relative_to(path).as_posix().encode())
                seal.add(mark, opened.read())
        return mark.hexdigest()[:32]


def forget(folder: Path, name: str = "") -> None:
    """Remove what the study in `folder` has saved of training `name`; of all without one."""
    for path in _of(_home(folder), name) if name else (_home(folder),):
        shutil.rmtree(path, ignore_errors=True)  # which follows no link


def _home(folder: Path) -> Path:
    return (folder / FOLDER).absolute()


def _of(home: Path, name: str) -> list[Path]:
    """What is saved of training `name`."""
    form = re.compile(re.escape(name) + "_[0-9]{1,9}_[0-9a-f]{32}")
    entries = home.iterdir() if is_folder(home) else ()
    return [path for path in entries if form.fullmatch(path.name) and is_folder(path)]


def _epoch(path: Path) -> int:
    return int(path.name.rsplit("_", 2)[1])


def _files(path: Path) -> list[Path]:
    """All files below `path`, in the order of their names; a link to a folder counts as a file."""
    found: list[Path] = []
    for folder, folders, files in os.walk(path):
        links = [one for one in folders if not is_folder(Path(folder, one))]
        found += [Path(folder, one) for one in [*files, *links]]
        if len(found) > FILES:
            raise ValueError(f"{path} has too many files")
    return sorted(found)


def fitting(path: Path, like: Any) -> list[Path]:
    """The files below `path`, in the order of their names, if a pytree `like` this can have them.

    Raises:
      ValueError: they are more, or larger.
      OSError, JournalError: something is there that is no file.
    """
    left = 2 * sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(like)) + BESIDE
    files = _files(path)
    for file in files:
        with open(file, "rb", opener=regular) as opened:
            left -= os.fstat(opened.fileno()).st_size
    if left < 0:
        raise ValueError(f"{path} is too large")
    return files


@contextmanager
def alone() -> Iterator[Any]:
    """Orbax's checkpointer, for one thread at a time."""
    import orbax.checkpoint as ocp

    with _ALONE, ocp.StandardCheckpointer() as checkpointer:
        yield checkpointer


def concrete(like: Any) -> Any:
    """The shapes, dtypes and devices of `like`, in which Orbax restores."""

    def one(leaf: Any) -> Any:
        sharding = getattr(leaf, "sharding", None)
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    return jax.tree.map(one, like)
