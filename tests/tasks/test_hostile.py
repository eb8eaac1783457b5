"""Data that somebody else made: what does not fit is one sentence, and nothing else happens."""

import gzip
import json
import os
import re
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flax import linen as nn
from hypothesis import example, given
from hypothesis import strategies as st

from jaxmeta import cli
from jaxmeta.record.journal import JournalError
from jaxmeta.supervised import arrays, classification
from jaxmeta.supervised.dataset import Dataset, Split
from jaxmeta.tasks import cache, data, idx, mnist_builder, prepared, tfds_sets

HUGE = 2**32 - 1


def header(code: int, *shape: int) -> bytes:
    return bytes([0, 0, code, len(shape)]) + np.array(shape, ">u4").tobytes()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for each test."""
    path = tmp_path / "cache"
    monkeypatch.setenv("JAXMETA_DATA", str(path))
    return path


# --- idx -----------------------------------------------------------------------------------------


@given(st.binary(max_size=99) | st.binary(max_size=60).map(lambda b: bytes([0, 0, 8]) + b))
@example(header(8, HUGE, HUGE, HUGE, HUGE))
@example(header(14, 0, HUGE, HUGE, HUGE))
@example(header(14, *[HUGE] * 7, 0))
@example(bytes([0, 0, 8, 255]) + bytes(4 * 255))
@example(bytes([0, 0, 8, 65]) + np.ones(65, ">u4").tobytes() + b"1")
def test_any_bytes_are_an_array_or_a_sentence(content: bytes) -> None:
    try:
        found = idx.parse(content, Path("labels"))
    except ValueError as error:
        assert str(error).startswith("labels must ") and "\n" not in str(error)
    else:
        assert idx.dump(found) == content


@given(st.binary(max_size=99))
@example(b"")
@example(b"0" * 999)
def test_any_compressed_bytes_are_read_or_a_sentence(content: bytes) -> None:
    path = Path(os.environ["JAXMETA_DATA"] + ".gz")  # hypothesis will have no `tmp_path`
    for damaged in (
        gzip.compress(content)[:-1],
        gzip.compress(content) + b"x",
        b"\x1f\x8b" + content,
    ):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="must be a whole gzip file"):
            idx.read_bytes(path)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """10 GB of zeros in 10 MB, behind the header of an array that they fill."""
    path, block = tmp_path / "images.gz", gzip.compress(bytes(2**24), mtime=0)
    path.write_bytes(gzip.compress(header(8, 640, 2**24)) + 640 * block)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="must hold at most 134217728 bytes, and holds more"):
            idx.read(path)
        assert tracemalloc.get_traced_memory()[1] < 3 * idx.MOST
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop"])
def test_what_is_no_file_is_not_waited_for(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "labels"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path)
    with pytest.raises((ValueError, OSError), match="labels"):
        idx.read(path)


@pytest.fixture
def fashion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fashion-MNIST's four files, small, where Debian has them."""
    path = tmp_path / "fashion"
    path.mkdir()
    for images, labels in mnist_builder.FILES.values():
        (path / f"{images}.gz").write_bytes(gzip.compress(idx.dump(np.zeros((24, 3, 2), np.uint8))))
        (path / f"{labels}.gz").write_bytes(gzip.compress(idx.dump(np.zeros(24, np.uint8))))
    monkeypatch.setattr(data, "DEBIAN_FASHION_MNIST", path)
    return path


@pytest.mark.parametrize(
    ("which", "array"),
    [
        (0, np.zeros((24, 3, 2), np.int32)),
        (0, np.zeros((24, 6), np.uint8)),
        (0, np.zeros((23, 3, 2), np.uint8)),
        (1, np.zeros(24, np.float64)),
        (1, np.full(24, 10, np.uint8)),
        (1, np.full(24, -1, np.int8)),
        (1, np.zeros((24, 1), np.uint8)),
        (1, np.zeros(0, np.uint8)),
    ],
)
def test_files_of_the_wrong_kind_are_a_sentence(which: int, array, fashion: Path) -> None:
    assert data.load("fashion_mnist").train.x.shape == (22, 3, 2, 1)
    name = mnist_builder.FILES["train"][which]
    (fashion / f"{name}.gz").write_bytes(gzip.compress(idx.dump(array)))
    with pytest.raises(ValueError, match="must hold images, uint8 .* and labels from 0 to 9"):
        data.load("fashion_mnist")


# --- the cache -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("../cifar10", "/etc/passwd", "cifar10/..", "cifar10/.", "cifar10/../..", "cifar10/a/b"),
        *(
            "cifar10/data_dir=/etc",
            "cifar10:../1.0.0",
            "cifar10:1.0.0/x=1",
            "cifar10\n",
            "kaggle:x",
        ),
        *("cifar10/..:3.0.2", "cifar10/\x1b[2J", "cifar10/\ud800", "", "cifar10:\u0661.0.0"),
    ],
)
def test_a_name_that_is_more_than_a_name_touches_nothing(name: str, folder: Path) -> None:
    folder.mkdir()
    with pytest.raises(ValueError, match="^dataset must be a name"):
        tfds_sets.read(name, folder)
    assert not os.listdir(folder)


@pytest.mark.parametrize("name", ["emnist/letters", "cifar10:3.0.2", "a_b/c-1.0+x:1.0.0"])
def test_a_name_is_a_name(name: str) -> None:
    assert re.fullmatch(tfds_sets.NAME, name, re.ASCII)


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_lock_that_is_no_file_is_left_alone(kind: str, folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    if kind == "link":
        cache.folder().joinpath("mnist.lock").symlink_to(target)
    else:
        os.mkfifo(cache.folder() / "mnist.lock")
    with pytest.raises(JournalError, match="mnist.lock is a"), cache.locked(folder, "mnist"):
        pass
    assert target.read_text() == "mine"


def set_at(path: Path, **features: object) -> Path:
    path.mkdir(parents=True)
    (path / "features.json").write_text(json.dumps(features))
    return path


def test_a_class_of_somebody_elses_is_not_imported(folder: Path, tmp_path: Path) -> None:
    good = "tensorflow_datasets.core.features.tensor_feature.Tensor"
    set_at(folder / "a" / "1.0.0", pythonClassName=good, featuresDict={"x": {"type": good}})
    prepared.check(folder / "a")
    for n, bad in enumerate(("evil.Class", "tensorflow_datasets_evil.Class", 7, None)):
        for name in ("type", "pythonClassName"):
            set_at(folder / f"{n}{name}" / "1.0.0", featuresDict=[{"x": {name: bad}}])
            with pytest.raises(ValueError, match="may name classes of TensorFlow Datasets alone"):
                prepared.check(folder / f"{n}{name}")


def test_a_prepared_set_that_names_a_module_runs_nothing(folder: Path, tmp_path: Path) -> None:
    """In a process of its own, with the module where Python finds it."""
    (tmp_path / "evil.py").write_text("open('pwned', 'w')")
    set_at(folder / "cifar10" / "3.0.2", pythonClassName="evil.Class")
    code = "from jaxmeta.tasks.data import load; load('cifar10:3.0.2')"
    path = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path), "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert "may name classes of TensorFlow Datasets alone" in done.stderr
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("kind", ["link", "link within", "pipe", "deep", "huge", "no json"])
def test_a_prepared_set_that_is_none_is_a_sentence(kind: str, folder: Path, tmp_path: Path) -> None:
    within = folder / "cifar10" / "3.0.2"
    if kind == "link":
        set_at(tmp_path / "elsewhere")
        folder.mkdir()
        (folder / "cifar10").symlink_to(tmp_path / "elsewhere")
    else:
        set_at(within)
    if kind == "link within":
        (within / "data.array_record").symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(within / "dataset_info.json")
    elif kind == "deep":
        (within / "features.json").write_text("[" * 100_000)
    elif kind == "huge":
        os.truncate(within / "features.json", 2**40)
    elif kind == "no json":
        (within / "features.json").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=f"delete {folder}/cifar10") as caught:
        tfds_sets.read("cifar10:3.0.2", folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_mnist_is_made_anew_where_something_else_stands(kind: str, folder: Path, tmp_path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("mine")
    if kind == "link":
        (cache.folder() / mnist_builder.NAME).symlink_to(elsewhere)
    else:
        os.mkfifo(set_at(folder / mnist_builder.NAME / "1.0.0") / "dataset_info.json")
    assert len(mnist_builder.read(folder)["train"][0]) == 60_000
    assert os.listdir(elsewhere) == ["mine"] and not (folder / mnist_builder.NAME).is_symlink()


# --- labels --------------------------------------------------------------------------------------


class Net(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(3)(x.reshape(len(x), -1))


X, Y = np.zeros((30, 2), np.float32), np.arange(30) % 3


@pytest.mark.parametrize(
    ("y", "test", "words"),
    [
        (np.sort(Y), Y, "2 of the validation split is not; the last 10 .* shuffle first"),
        (-np.sort(-Y), Y, "0 of the validation split is not; .* shuffle first"),
        (np.minimum(Y, 1), Y, "2 of the test split is not"),
        (np.where(Y == 1, 0, Y), Y, "1 of the test split is not"),
    ],
)
def test_a_label_that_training_lacks_is_a_sentence(y, test, words: str) -> None:
    with pytest.raises(ValueError, match=f"among the training examples, and {words}"):
        arrays("sorted", X, y, test=(X, test), validation=10)


def test_numbers_are_no_labels() -> None:
    found = arrays("numbers", X, np.sort(Y) * 1.0, test=(X, Y * 1.0), validation=10)
    assert found.train.y.dtype == np.float32 and found.classes == 0


@pytest.mark.parametrize("shape", [(30,), (30, 4, 5), (30, 1)])
def test_numbers_in_the_place_of_labels_are_a_sentence(shape) -> None:
    y = np.zeros(shape)
    found = arrays("numbers", X, y, test=(X, y), validation=10)
    with pytest.raises(ValueError, match="must have integer labels, got float32 in the train"):
        classification("numbers", Net(), found)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
@pytest.mark.parametrize("label", [3, -1, 255, 2**31 - 1])
def test_a_label_that_is_no_class_is_a_sentence(part, label) -> None:
    y = Y.astype(np.int32)
    splits = {name: Split(X, y) for name in ("train", "validation", "test")}
    splits[part] = Split(X, np.where(np.arange(30) == 7, np.int32(label), y))
    odd = Dataset("three", **splits, classes=3, digest="")
    words = f"from 0 to below 3, .* got .*{label}.* in the {part} split"
    with pytest.raises(ValueError, match=words):
        classification("three", Net(), odd)
    classification("three", Net(), replace(odd, ignored=label))


def dense():
    """A task for the command line: a label a pixel, and outputs that are none of them."""
    x, y = np.zeros((30, 2, 2), np.float32), np.zeros((30, 2, 2), int)
    return classification("dense", Net(), arrays("dense", x, y, test=(x, y)))


def test_outputs_that_are_not_of_every_label_are_a_sentence(tmp_path: Path, capsys) -> None:
    tune = ["tune", "tests.tasks.test_hostile:dense", "--batch-size", "9"]
    assert cli.main([*tune, "--out", str(tmp_path / "a")]) == 2
    err = capsys.readouterr().err
    assert "must be logits of 1 classes" in err and err.count("\n") == 1, err
