"""The weights that a study keeps, in its folder `weights`: an Orbax checkpoint.

They may be somebody else's. So links are not followed, and no more is read than the weights can
take; whether they are those of the record, their digest tells.
"""

import secrets
import shutil
from math import prod
from pathlib import Path
from typing import Any

import jax

from jaxmeta.record.checkpoint import alone, concrete, fitting
from jaxmeta.record.error import JournalError
from jaxmeta.record.files import is_folder

FOLDER = "weights"
LONGEST = 500  # letters of what Orbax says


def save(folder: Path, tree: Any) -> None:
    """Write `tree`, a pytree of arrays, as `folder`, in the place of what is there.

    Raises:
      JournalError: the disk does not take it.
    """
    folder = folder.absolute()
    whole = folder.with_name(f"saving_{secrets.token_hex(8)}")
    try:
        with alone() as checkpointer:
            checkpointer.save(whole, tree)
        if is_folder(folder):
            shutil.rmtree(folder)
        whole.rename(folder)
    except Exception as error:  # Orbax has many for a disk that is full or gone
        shutil.rmtree(whole, ignore_errors=True)
        raise JournalError(
            f"{folder} must take the weights, and did not ({error}); make room, then "
            f"jaxmeta resume {folder.parent}, or go on with --keep-weights none"
        ) from error


def load(folder: Path, like: Any) -> Any:
    """What `save` wrote, in the form of `like`, a pytree of shapes and dtypes.

    Raises:
      JournalError: nothing is there, or nothing of this form.
    """
    if not is_folder(folder):
        raise JournalError(
            f"{folder} is no folder of weights; a study keeps its best ones at its end, "
            "but with --keep-weights none"
        )
    try:
        fitting(folder, like)
        with alone() as checkpointer:
            _same_arrays(checkpointer.metadata(folder.absolute()).item_metadata.tree, like)
            return checkpointer.restore(folder.absolute(), concrete(like))
    except Exception as error:
        why = str(error).partition("\n")[0][:LONGEST]
        raise JournalError(
            f"{folder} must hold the weights of this study's network, and does not ({why}); "
            "restore it from a copy"
        ) from error


def _same_arrays(saved: Any, like: Any) -> None:
    """Raise unless what is saved has the arrays of `like`, and none of them is read in pieces that
    are larger than itself: an array's file may be small and unpack to any size."""
    found = sorted((tuple(one.shape), str(one.dtype)) for one in jax.tree.leaves(saved))
    wanted = sorted((leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(like))
    if found != wanted:
        raise ValueError(f"it has arrays of {found}, and they are of {wanted}")
    for one in jax.tree.leaves(saved):
        if prod(one.storage.chunk_shape) > max(1, prod(one.shape)):
            raise ValueError(f"an array of {one.shape} is packed as {one.storage.chunk_shape}")
