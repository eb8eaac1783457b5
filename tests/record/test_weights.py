"""Kept weights may be a stranger's: they are those of the record, or nothing is given and one
sentence says why."""

import json
import os
import shutil
import zlib

import jax
import pytest

import jaxmeta
from jaxmeta.record import weights
from jaxmeta.record.error import JournalError
from jaxmeta.running import resume, run
from tests import guard
from tests.answers import LONG, bounded, harmless
from tests.records import rewrite, true
from tests.studies import study

# Where Orbax fails it leaves coroutines behind.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def original():
    folder = true("one")
    jaxmeta.load(folder).weights()  # what is imported late is here before anybody watches
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """The weights of another network."""
    folder = tmp_path_factory.mktemp("study") / "b"
    run(study(options={"i_max": 1}, fixed={"width": 8}), folder)
    return folder / weights.FOLDER


@pytest.fixture
def copy(original, tmp_path):
    return shutil.copytree(original, tmp_path / "copy")


def refused(folder, words, watched=()):
    """What is said; `watched`: before any code of Orbax runs."""
    outcome = jaxmeta.load(folder)
    with bounded(), pytest.raises(JournalError, match=words) as caught:
        if watched:
            with guard.watching(*watched) as seen:
                outcome.weights()
            assert not seen, seen
        else:
            outcome.weights()
    said = str(caught.value)
    assert "; " in said and harmless(said) and "\n" not in said and len(said) < LONG, said


def test_what_was_kept_is_given_back(copy):
    """The control of all that follows."""
    kept = jaxmeta.load(copy).weights()
    assert {leaf.shape for leaf in jax.tree.leaves(kept)} == {(2, 32), (32,), (32, 3), (3,)}


def test_weights_of_a_variant_are_those_of_its_values():
    assert jaxmeta.load(true("four")).weights()


def emptied(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def linked(folder):
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(folder.with_name("elsewhere"))


def a_file(folder):
    shutil.rmtree(folder)
    folder.write_bytes(b"x")


def a_pipe(folder):
    shutil.rmtree(folder)
    os.mkfifo(folder)


def gone(folder):
    shutil.rmtree(folder)


def a_file_is_a_link(folder):
    one = folder / "manifest.ocdbt"
    one.rename(folder.with_name("elsewhere"))
    one.symlink_to(folder.with_name("elsewhere"))


def a_folder_is_a_link(folder):
    (folder / "d").rename(folder.with_name("elsewhere"))
    (folder / "d").symlink_to(folder.with_name("elsewhere"))


def a_link_leads_to_itself(folder):
    (folder / "more").symlink_to(folder)


def a_pipe_among_them(folder):
    os.mkfifo(folder / "more")


def a_pipe_for_one(folder):
    (folder / "manifest.ocdbt").unlink()
    os.mkfifo(folder / "manifest.ocdbt")


def a_terabyte(folder):
    with open(folder / "more", "wb") as file:
        file.truncate(2**40)


def many_files(folder):
    for n in range(10_001):
        (folder / f"{n}").touch()


BEFORE = (linked, a_file, a_pipe, gone, a_file_is_a_link, a_folder_is_a_link)
BEFORE += (a_link_leads_to_itself, a_pipe_among_them, a_pipe_for_one, a_terabyte, many_files)


@pytest.mark.parametrize("spoil", BEFORE)
def test_what_is_no_folder_of_weights_is_not_opened(spoil, copy, monkeypatch):
    """Nothing is waited for, and Orbax has no part in it."""
    spoil(copy / weights.FOLDER)

    def never(*_, **__):
        raise AssertionError("Orbax reads what is not ours")

    import orbax.checkpoint as ocp

    monkeypatch.setattr(ocp.StandardCheckpointer, "restore", never)
    refused(copy, "is no folder of weights|must hold the weights", watched=(copy,))


def damaged(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-1])


def zeros(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(bytes(path.stat().st_size))


def deep(folder):
    for name in ("_METADATA", "_CHECKPOINT_METADATA", "_sharding"):
        (folder / name).write_text("[" * 100_000 + "]" * 100_000)


def no_names(folder):
    (folder / "_METADATA").write_text('{"tree_metadata":{},"use_ocdbt":true}')


@pytest.mark.parametrize("spoil", [emptied, damaged, zeros, deep, no_names])
def test_what_is_broken_is_a_sentence(spoil, copy):
    spoil(copy / weights.FOLDER)
    refused(copy, "must hold the weights")


def test_weights_of_another_network_are_a_sentence(copy, other):
    shutil.rmtree(copy / weights.FOLDER)
    shutil.copytree(other, copy / weights.FOLDER)
    refused(copy, r"it has arrays of .*\(2, 8\).*, and they are of .*\(2, 32\)")


NAME = "params.Dense_0.bias"


def packed() -> bytes:
    """4 GiB of zeros in 20 MB of zlib: a block that stands by itself, again and again."""
    pack, block, times = zlib.compressobj(1), bytes(2**24), 256
    head = pack.compress(block) + pack.flush(zlib.Z_FULL_FLUSH)
    one = pack.compress(block) + pack.flush(zlib.Z_FULL_FLUSH)
    end = pack.flush()[:-4]  # without its checksum, which for n zeros is n and 1
    checksum = (times * len(block) % 65521 << 16 | 1).to_bytes(4, "big")
    return head + one * (times - 1) + end + checksum


def unpacked(**fields):
    """The description of an array changed, and its chunk with it: a bomb."""

    def spoil(folder):
        import tensorstore

        store = tensorstore.KvStore.open({"driver": "ocdbt", "base": f"file://{folder}/"}).result()
        said = json.loads(store[f"{NAME}/.zarray"]) | {"compressor": {"id": "zlib", "level": 1}}
        store[f"{NAME}/.zarray"] = json.dumps(said | fields).encode()
        store[f"{NAME}/0"] = packed()

    return spoil


BOMBS = {
    "more bytes than the array": unpacked(),
    "a piece of 2^30": unpacked(chunks=[2**30]),
    "an array of 2^30": unpacked(chunks=[2**30], shape=[2**30]),
    "an array of 2^62": unpacked(shape=[2**62]),
    "numbers of another kind": unpacked(dtype="<f8"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_not_unpacked(name, copy):
    BOMBS[name](copy / weights.FOLDER)
    with bounded(memory=1 << 30):
        refused(copy, "must hold the weights")


def test_other_weights_of_the_same_network_have_another_digest(copy):
    """Of one bit."""
    kept = jaxmeta.load(copy).weights()
    leaves, form = jax.tree.flatten(kept)
    leaves[0] = leaves[0].at[0].add(2.0**-20)
    weights.save(copy / weights.FOLDER, jax.tree.unflatten(form, leaves))
    refused(copy, "have the digest .* and the record names")


def test_a_tree_of_more_than_the_weights_is_not_taken(copy):
    kept = jaxmeta.load(copy).weights()
    weights.save(copy / weights.FOLDER, {**kept, "more": {"code": jax.numpy.zeros(3)}})
    refused(copy, "must hold the weights")


@pytest.mark.parametrize("kind", ["link", "file", "pipe"])
def test_weights_are_not_written_through_what_stands_there(kind, copy, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_text("mine")
    shutil.rmtree(copy / weights.FOLDER)
    rewrite(copy, lambda lines: lines.pop())
    at = copy / weights.FOLDER
    if kind == "link":
        at.symlink_to(outside)
    elif kind == "file":
        at.write_text("mine")
    else:
        os.mkfifo(at)
    with pytest.raises(JournalError, match="must take the weights, and did not"):
        resume(copy)
    assert [path.name for path in outside.iterdir()] == ["mine"]
    assert not [path for path in copy.iterdir() if path.name.startswith("saving_")]
    at.unlink()
    resume(copy)
    assert jaxmeta.load(copy).weights()


def test_a_record_that_names_another_task_runs_nothing_for_its_weights(copy):
    pwned = {"name": "tests.guard:trap"}
    rewrite(copy, lambda lines: lines[0].update(task=pwned))
    refused(copy, "tests.guard:trap.*--task", watched=(copy,))
