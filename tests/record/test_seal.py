"""What stands beside a journal is believed only where this user's own processes wrote it."""

import json
import os
import shutil

import jax.numpy as jnp
import pytest

from jaxmeta.record import cache, seal
from jaxmeta.record.cache import Cache
from jaxmeta.record.checkpoint import FOLDER, Checkpoints, forget
from jaxmeta.trial import Result

FIRST = [{"line": "study", "environment": {"jax": "1"}}]
RESULT = Result(5, 1, 1, [5], [0.5], ["0" * 32], False, "0" * 32)
PROGRESS = {"w": jnp.arange(6.0), "epoch": jnp.int32(4)}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXMETA_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def checkpoints(folder, of="a study"):
    return Checkpoints(folder, of, 0.0)


def saved(folder):
    keeper = checkpoints(folder)
    keeper.load("0.1.2.0", PROGRESS, "key")
    keeper.save("0.1.2.0", 3, PROGRESS)
    (path,) = (folder / FOLDER).iterdir()
    return path


def loaded(folder, tag="key", of="a study", name="0.1.2.0"):
    return checkpoints(folder, of).load(name, PROGRESS, tag) is not None


def hexadecimal(*words):
    mark = seal.start(*words)
    assert mark is not None
    return mark.hexdigest()


def test_the_key_is_made_once_and_is_the_users_alone(home):
    assert hexadecimal("a") == hexadecimal("a") != hexadecimal("b")
    assert os.stat(home / seal.NAME).st_mode & 0o777 == 0o600
    assert [path.name for path in home.iterdir()] == [seal.NAME]
    assert hexadecimal("ab", "c") != hexadecimal("a", "bc")


@pytest.mark.parametrize("spoil", ["others may read it", "too short", "a link", "no folder"])
def test_without_a_key_nothing_is_kept_and_nothing_believed(spoil, home, tmp_path):
    if spoil == "no folder":
        home.write_bytes(b"")
    else:
        home.mkdir()
        key = home / seal.NAME
        key.write_bytes(bytes(seal.BYTES - (spoil == "too short")))
        key.chmod(0o644 if spoil == "others may read it" else 0o600)
        if spoil == "a link":
            key.rename(home / "other")
            key.symlink_to(home / "other")
    assert seal.start("a") is None
    Cache(tmp_path, FIRST, Result).put("0.0.0.0", RESULT)
    assert not (tmp_path / cache.NAME).exists()
    keeper = checkpoints(tmp_path)
    assert keeper.load("a", PROGRESS) is None and not keeper.due("a")


def test_a_result_that_somebody_else_wrote_is_left_out(home, tmp_path, monkeypatch):
    kept = Cache(tmp_path, FIRST, Result)
    kept.put("0.0.0.0", RESULT)
    assert kept.load() == {"0.0.0.0": RESULT}
    whole = (tmp_path / cache.NAME).read_bytes()
    entry = json.loads(whole)
    for change in ({"name": "0.1.0.0"}, {"of": "0" * 64}, {"mark": "0" * 64}, {"mark": None}):
        (tmp_path / cache.NAME).write_bytes(json.dumps({**entry, **change}).encode())
        assert kept.load() == {}
    entry["result"]["score"] = 6
    (tmp_path / cache.NAME).write_bytes(json.dumps(entry).encode())
    assert kept.load() == {}
    (tmp_path / cache.NAME).write_bytes(whole)
    monkeypatch.setenv("JAXMETA_STATE", str(tmp_path / "another's"))
    assert kept.load() == {}  # the same bytes, for somebody else


def test_a_checkpoint_is_read_by_orbax_only_as_it_was_written(home, tmp_path, monkeypatch):
    path = saved(tmp_path)
    assert loaded(tmp_path)
    assert not loaded(tmp_path, tag="another key") and not loaded(tmp_path, of="another study")

    import orbax.checkpoint as ocp

    def never(*_, **__):
        raise AssertionError("Orbax reads what is not ours")

    monkeypatch.setattr(ocp.StandardCheckpointer, "restore", never)
    assert not loaded(tmp_path)  # `never` was called, and what it raises begins the training again
    calls = []
    monkeypatch.setattr(ocp.StandardCheckpointer, "restore", lambda *_, **__: calls.append(1))
    files = [file for file in path.rglob("*") if file.is_file()]
    for file in files:
        content = file.read_bytes()
        file.write_bytes(content + b"x")
        loaded(tmp_path)
        file.write_bytes(content)
    (path / "more").write_bytes(b"")
    loaded(tmp_path)
    (path / "more").unlink()
    (path / "more").symlink_to(files[0])
    loaded(tmp_path)
    (path / "more").unlink()
    with open(path / "more", "wb") as file:
        file.truncate(2**40)  # which would take minutes to read
    loaded(tmp_path)
    (path / "more").unlink()
    path.rename(path.with_name(path.name.replace("_3_", "_4_")))
    loaded(tmp_path)
    assert not calls


def test_a_linked_folder_is_neither_read_nor_emptied(home, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    path = saved(elsewhere.parent)
    shutil.move(path.parent, elsewhere)
    study = tmp_path / "study"
    study.mkdir()
    (study / FOLDER).symlink_to(elsewhere)
    assert not loaded(study)
    forget(study, "0.1.2.0")
    forget(study)
    assert [inner.name for inner in elsewhere.iterdir()] == [path.name]
