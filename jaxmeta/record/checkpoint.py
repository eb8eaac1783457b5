"""A training in progress, saved at the end of an epoch so that a kill costs no more than one.

Orbax writes it into a folder of its own and renames that when it is whole. The folder's name
carries the digest of all that was saved: what does not match is not used, and the training begins
again, which gives the same bits later.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from jaxmeta.record.journal import JournalError

FOLDER = "checkpoint"
# Saving takes a fraction of a second; shorter epochs than this are trained again instead.
SECONDS = 1.0


class Checkpoint:
    """The checkpoint of the study in `folder`.

    Args:
      digest: of a pytree, as text.
      seconds: no more often than this.
    """

    def __init__(
        self, folder: Path, digest: Callable[[Any], str], seconds: float = SECONDS
    ) -> None:
        self._folder = (folder / FOLDER).absolute()
        self._digest, self._seconds = digest, seconds
        self._saved = time.monotonic()

    def save(self, i: int, epoch: int, progress: Any) -> None:
        """Save training `i` at the end of `epoch`, unless the last time was just now."""
        if time.monotonic() - self._saved < self._seconds:
            return
        import orbax.checkpoint as ocp

        older = list(self._folder.glob("*")) if self._folder.exists() else []
        path = self._folder / f"{i}-{epoch}-{self._digest(progress)}"
        try:
            with ocp.StandardCheckpointer() as checkpointer:
                checkpointer.save(path, progress, force=True)
        except Exception as error:  # Orbax has many for a disk that is full or gone
            raise JournalError(
                f"{self._folder} must take a checkpoint, and did not ({error}); what was done "
                f"before is kept: make room, then jaxmeta resume {self._folder.parent}"
            ) from error
        for path in older:
            shutil.rmtree(path, ignore_errors=True)
        self._saved = time.monotonic()

    def load(self, i: int, like: Any) -> Any | None:
        """Training `i` as last saved, in the form of `like` (shapes and dtypes); None if "
        "it was not."""
        saved = self._folder.glob(f"{i}-*-*")
        for path in sorted(saved, key=lambda path: -int(path.name.split("-")[1])):
            import orbax.checkpoint as ocp

            try:
                with ocp.StandardCheckpointer() as checkpointer:
                    progress = checkpointer.restore(path, jax.tree.map(_concrete, like))
            except Exception:  # noqa: BLE001, S112 whatever is wrong with it, the training begins again
                continue
            if path.name.endswith(f"-{self._digest(progress)}"):
                return progress
        return None

    def clear(self) -> None:
        """Forget what was saved: the training has ended."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._saved = time.monotonic()


def _concrete(leaf: Any) -> Any:
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)
