"""Trainings in progress, saved at the ends of epochs so that a kill costs little.

Orbax writes each into a folder of its own and renames that when it is whole. The folder's name
carries the digest of all that was saved: what does not match is not used, and the training begins
again, which gives the same bits later.
"""

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from jaxmeta.record.journal import JournalError

FOLDER = "checkpoint"
# Saving takes a fraction of a second; shorter epochs than this are trained again instead.
SECONDS = 1.0
# And no more of the time than one part in so many goes into saving.
PARTS = 20
# Devices have threads of their own, and two savings at once wait for each other in Orbax for ever.
_ALONE = threading.Lock()


class Checkpoints:
    """What the study in `folder` has saved; with None nothing is saved.

    Args:
      digest: of a pytree, as text.
      seconds: each training no more often than this.
    """

    def __init__(
        self, folder: Path | None, digest: Callable[[Any], str], seconds: float = SECONDS
    ) -> None:
        self._folder = folder and _home(folder)
        self._digest, self._seconds = digest, seconds
        self._saved: dict[str, float] = {}

    def due(self, name: str) -> bool:
        """Whether it is time to save training `name`, which was loaded or begun by `load`."""
        if self._folder is None:
            return False
        return time.monotonic() - self._saved[name] >= self._seconds

    def save(self, name: str, epoch: int, progress: Any) -> None:
        """Save training `name` at the end of `epoch`."""
        assert self._folder is not None
        import orbax.checkpoint as ocp

        started = time.monotonic()
        older = list(self._folder.glob(f"{name}_*"))
        path = self._folder / f"{name}_{epoch}_{self._digest(progress)}"
        try:
            self._folder.mkdir(exist_ok=True)  # before Orbax, whose threads say much of a failure
            with _ALONE, ocp.StandardCheckpointer() as checkpointer:
                checkpointer.save(path, progress, force=True)
        except Exception as error:  # Orbax has many for a disk that is full or gone
            raise JournalError(
                f"{self._folder} must take a checkpoint, and did not ({error}); what was done "
                f"before is kept: make room, then jaxmeta resume {self._folder.parent}"
            ) from error
        for path in older:
            shutil.rmtree(path, ignore_errors=True)
        self._saved[name] = time.monotonic()
        self._seconds = max(self._seconds, PARTS * (self._saved[name] - started))

    def load(self, name: str, like: Any) -> Any | None:
        """Training `name` as last saved, in the form of `like` (shapes, dtypes, device); None if it
        was not."""
        self._saved[name] = time.monotonic()
        saved = self._folder.glob(f"{name}_*_*") if self._folder else ()
        for path in sorted(saved, key=lambda path: -int(path.name.split("_")[1])):
            import orbax.checkpoint as ocp

            try:
                with _ALONE, ocp.StandardCheckpointer() as checkpointer:
                    progress = checkpointer.restore(path, jax.tree.map(_concrete, like))
            except Exception:  # noqa: BLE001, S112 whatever is wrong with it, the training begins again
                continue
            if path.name.endswith(f"_{self._digest(progress)}"):
                return progress
        return None


def forget(folder: Path, name: str = "") -> None:
    """Remove what the study in `folder` has saved of training `name`; of all without one."""
    for path in _home(folder).glob(f"{name}_*") if name else (_home(folder),):
        shutil.rmtree(path, ignore_errors=True)


def _home(folder: Path) -> Path:
    return (folder / FOLDER).absolute()


def _concrete(leaf: Any) -> Any:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)
