"""A training saved between epochs: loaded whole, or not at all."""

from concurrent.futures import ThreadPoolExecutor

import chex
import jax.numpy as jnp
import pytest

from jaxmeta.record.checkpoint import FOLDER, Checkpoints, forget
from jaxmeta.record.journal import JournalError

PROGRESS = {"w": jnp.arange(6.0).reshape(2, 3), "epoch": jnp.int32(4), "good": jnp.bool_(True)}


def checkpoints(folder, seconds=0.0):
    return Checkpoints(folder, "a study", seconds)


def names(folder):
    return {path.name.split("_")[0] for path in (folder / FOLDER).glob("*")}


def test_what_was_saved_last_is_loaded(tmp_path):
    keeper = checkpoints(tmp_path)
    keeper.save("0.2.-3.0", 1, PROGRESS)
    later = {**PROGRESS, "epoch": jnp.int32(10)}
    keeper.save("0.2.-3.0", 10, later)
    chex.assert_trees_all_equal(checkpoints(tmp_path).load("0.2.-3.0", PROGRESS), later)
    assert len(list((tmp_path / FOLDER).iterdir())) == 1
    assert checkpoints(tmp_path).load("0.2.-3.1", PROGRESS) is None


def test_one_is_forgotten_and_the_others_stay(tmp_path):
    keeper = checkpoints(tmp_path)
    for name in ("0.1.2.0", "0.1.2.1", "0.11.2.0"):
        keeper.save(name, 1, PROGRESS)
    forget(tmp_path, "0.1.2.0")
    assert names(tmp_path) == {"0.1.2.1", "0.11.2.0"}
    forget(tmp_path)
    assert not (tmp_path / FOLDER).exists()


def test_short_epochs_are_not_saved(tmp_path):
    for seconds, due in ((60, False), (0, True)):
        keeper = checkpoints(tmp_path, seconds)
        keeper.load("a", PROGRESS)
        assert keeper.due("a") == due


def test_saving_takes_a_small_part_of_the_time(tmp_path):
    keeper = checkpoints(tmp_path)
    keeper.save("a", 1, PROGRESS)
    assert not keeper.due("a")  # a save takes longer than no time


def test_without_a_folder_nothing_is_saved():
    keeper = checkpoints(None)
    assert keeper.load("a", PROGRESS) is None and not keeper.due("a")


def test_what_is_damaged_is_not_used(tmp_path):
    checkpoints(tmp_path).save("a", 1, PROGRESS)
    (saved,) = (tmp_path / FOLDER).iterdir()
    saved.rename(saved.with_name("a_1_" + "0" * 32))  # the digest is another's
    assert checkpoints(tmp_path).load("a", PROGRESS) is None
    for path in list((tmp_path / FOLDER).rglob("*")):
        if path.is_file():
            path.write_bytes(b"")
    assert checkpoints(tmp_path).load("a", PROGRESS) is None


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / FOLDER).touch()
    with pytest.raises(JournalError, match="must take a checkpoint, and did not"):
        checkpoints(tmp_path).save("a", 1, PROGRESS)


def test_threads_save_one_after_the_other(tmp_path):
    """At once they would wait for each other, for minutes."""
    keeper = checkpoints(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        saving = [pool.submit(keeper.save, f"0.{i}.0.0", 1, PROGRESS) for i in range(4)]
        for one in saving:
            one.result(timeout=60)
    assert len(names(tmp_path)) == 4
