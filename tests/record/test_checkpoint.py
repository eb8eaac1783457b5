"""A training saved between epochs: loaded whole, or not at all."""

import chex
import jax.numpy as jnp
import pytest

from jaxmeta.record.checkpoint import FOLDER, Checkpoint
from jaxmeta.record.journal import JournalError
from jaxmeta.training.digest import digest, to_hex

PROGRESS = {"w": jnp.arange(6.0).reshape(2, 3), "epoch": jnp.int32(4), "good": jnp.bool_(True)}


def checkpoint(folder, seconds=0.0):
    return Checkpoint(folder, lambda progress: to_hex(digest(progress)), seconds)


def test_what_was_saved_last_is_loaded(tmp_path):
    keeper = checkpoint(tmp_path)
    keeper.save(2, 1, PROGRESS)
    later = {**PROGRESS, "epoch": jnp.int32(10)}
    keeper.save(2, 10, later)
    chex.assert_trees_all_equal(checkpoint(tmp_path).load(2, PROGRESS), later)
    assert len(list((tmp_path / FOLDER).iterdir())) == 1
    assert checkpoint(tmp_path).load(3, PROGRESS) is None
    keeper.clear()
    assert not (tmp_path / FOLDER).exists()


def test_short_epochs_are_not_saved(tmp_path):
    checkpoint(tmp_path, seconds=60).save(0, 1, PROGRESS)
    assert not (tmp_path / FOLDER).exists()


def test_what_is_damaged_is_not_used(tmp_path):
    checkpoint(tmp_path).save(0, 1, PROGRESS)
    (saved,) = (tmp_path / FOLDER).iterdir()
    saved.rename(saved.with_name("0-1-" + "0" * 32))  # the digest is another's
    assert checkpoint(tmp_path).load(0, PROGRESS) is None
    for path in list((tmp_path / FOLDER).rglob("*")):
        if path.is_file():
            path.write_bytes(b"")
    assert checkpoint(tmp_path).load(0, PROGRESS) is None


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / FOLDER).touch()
    with pytest.raises(JournalError, match="must take a checkpoint, and did not"):
        checkpoint(tmp_path).save(0, 1, PROGRESS)
