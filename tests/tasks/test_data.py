"""The data room: the original bytes, in a fixed order, whatever happens to the cache."""

import functools
import gzip
import hashlib
import http.server
import io
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxmeta.tasks import cache, data, idx, mnist_builder
from jaxmeta.tasks.data import Split, digest, load

with cache.quiet():
    tfds = pytest.importorskip("tensorflow_datasets")

MNIST_DIGEST = "1cd0ce71159db3794b247fde6e868cfa39c04355294481a1fee8b8ea7ba42867"
# Of Debian's files. Compressed again with the names and times of the original ones, they had the
# SHA-256 that TensorFlow Datasets lists, so both sources hold the same bytes.
FASHION_MNIST_DIGEST = "c216ede33432150cf4934ccbc89fe39e57b5d3b03665ef7a703789302ec3a0bb"

IDX_ARRAYS = st.sampled_from(sorted(idx.DTYPES.values())).flatmap(
    lambda dtype: hnp.arrays(
        np.dtype(dtype).newbyteorder("="), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0)
    )
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for each test."""
    path = tmp_path / "cache"
    monkeypatch.setenv("JAXMETA_DATA", str(path))
    return path


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with MNIST in it, to be copied."""
    path = tmp_path_factory.mktemp("prepared")
    mnist_builder.read(path)
    return path


@pytest.fixture
def filled(prepared: Path, folder: Path) -> Path:
    """The files of MNIST in this test's cache."""
    shutil.copytree(prepared, folder)
    return folder / mnist_builder.NAME / mnist_builder.VERSION


def splits(x: np.ndarray, y: np.ndarray | None = None) -> dict[str, Split]:
    return {"train": Split(x, np.zeros(len(x), np.int32) if y is None else y)}


# --- idx -----------------------------------------------------------------------------------------


def test_idx_bytes_written_by_hand() -> None:
    content = bytes([0, 0, 0x0B, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes.fromhex(
        "0001 0002 0003 0100 ffff 8000"
    )
    expected = np.array([[1, 2, 3], [256, -1, -32768]], np.int16)
    np.testing.assert_array_equal(idx.parse(content, Path("x")), expected, strict=True)
    assert idx.dump(expected) == content


@given(IDX_ARRAYS)
def test_idx_gives_back_what_was_written(array: np.ndarray) -> None:
    found = idx.parse(idx.dump(array), Path("x"))
    np.testing.assert_array_equal(found, array, strict=True)


def test_idx_reads_compressed_and_plain_files(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    (tmp_path / "plain").write_bytes(idx.dump(array))
    (tmp_path / "packed.gz").write_bytes(gzip.compress(idx.dump(array)))
    for name in ("plain", "packed.gz"):
        np.testing.assert_array_equal(idx.read(tmp_path / name), array, strict=True)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "must be an idx file"),
        (b"PK\x03\x04....", "must be an idx file, and starts with the bytes 50 4b 03 04"),
        (bytes([0, 0, 8, 3, 0, 0, 0, 1]), "ends in its header"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 7]), "must hold 11 bytes for an array of shape (3,)"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 7, 7, 7]), "must hold 11 bytes"),
        (gzip.compress(b"0" * 999, mtime=0)[:-9], "must be a whole gzip file"),
        (gzip.compress(b"0" * 999, mtime=0)[:-8] + b"12345678", "must be a whole gzip file"),
    ],
)
def test_idx_says_what_is_wrong_with_which_file(
    content: bytes, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        idx.read(path)
    assert str(path) in str(caught.value)
    assert sentence in str(caught.value)


# --- digest --------------------------------------------------------------------------------------


def test_digest_is_the_hash_of_header_lines_and_entries() -> None:
    x, y = np.array([[1, 2]], ">i2"), np.array([3], np.int32)
    canonical = (
        b'["test", "x", "int16", [1, 2]]\n\1\0\2\0' + b'["test", "y", "int32", [1]]\n\3\0\0\0'
    )
    assert digest({"test": Split(x, y)}) == hashlib.sha256(canonical).hexdigest()


@given(st.data())
def test_digest_changes_with_any_one_pixel(choice: st.DataObject) -> None:
    x = choice.draw(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=4, max_dims=4)))
    changed = x.copy()
    changed.flat[choice.draw(st.integers(0, x.size - 1))] ^= choice.draw(st.integers(1, 255))
    assert digest(splits(x)) == digest(splits(x.copy()))
    assert digest(splits(x)) != digest(splits(changed))


def test_digest_covers_labels_dtype_shape_and_names() -> None:
    x, y = np.zeros((2, 6), np.int32), np.zeros(2, np.int32)
    same_bytes = [
        splits(x),
        splits(x.astype(np.uint32)),
        splits(x.astype(np.float32)),
        splits(x.reshape(2, 3, 2)),
        splits(x, y.astype(np.float32)),
        {"test": Split(x, y)},
        splits(x) | {"test": Split(x[:0], y[:0])},
        splits(x, np.ones(2, np.int32)),
    ]
    assert len({digest(each) for each in same_bytes}) == len(same_bytes)


def test_digest_does_not_see_memory_layout_byte_order_or_the_order_of_splits() -> None:
    x = np.arange(24, dtype=np.float32).reshape(4, 6)
    expected = digest(splits(x))
    assert digest(splits(np.asfortranarray(x))) == expected
    assert digest(splits(x.astype(">f4"))) == expected
    assert digest(splits(np.repeat(x, 2, axis=1)[:, ::2])) == expected
    both = splits(x) | {"test": Split(x[:1], np.zeros(1))}
    assert digest(both) == digest(dict(reversed(both.items())))


def test_digest_takes_any_dtype_of_numbers_and_refuses_objects() -> None:
    import ml_dtypes

    kinds = [np.bool_, np.float16, np.complex64, ml_dtypes.bfloat16, ml_dtypes.int4, "U3", "M8[s]"]
    assert len({digest(splits(np.zeros(8).astype(kind))) for kind in kinds}) == len(kinds)
    assert len(digest(splits(np.zeros((0, 28, 28, 1), np.uint8)))) == 64
    with pytest.raises(ValueError, match="x of the train split must be an array of numbers"):
        digest(splits(np.array([None, 1])))


# --- MNIST ---------------------------------------------------------------------------------------


def test_mnist_is_the_shipped_files_in_their_order(filled: Path) -> None:
    mnist = load()
    x, y, test_x, test_y = (
        idx.read(mnist_builder.SHIPPED / f"{name}.gz")
        for split in ("train", "test")
        for name in mnist_builder.FILES[split]
    )
    np.testing.assert_array_equal(mnist.train.x, x[:55_000, ..., None], strict=True)
    np.testing.assert_array_equal(mnist.validation.x, x[55_000:, ..., None], strict=True)
    np.testing.assert_array_equal(mnist.test.x, test_x[..., None], strict=True)
    np.testing.assert_array_equal(mnist.train.y, y[:55_000].astype(np.int32), strict=True)
    np.testing.assert_array_equal(mnist.validation.y, y[55_000:].astype(np.int32), strict=True)
    np.testing.assert_array_equal(mnist.test.y, test_y.astype(np.int32), strict=True)
    assert (mnist.name, mnist.classes, mnist.digest) == ("mnist", 10, MNIST_DIGEST)
    assert load("mnist").digest == MNIST_DIGEST


def test_train_size_keeps_the_first_and_nothing_else_changes(filled: Path) -> None:
    whole, few = load(), load(train_size=3)
    np.testing.assert_array_equal(few.train.x, whole.train.x[:3])
    np.testing.assert_array_equal(few.train.y, [5, 0, 4])
    assert digest({"rest": few.validation, "test": few.test}) == digest(
        {"rest": whole.validation, "test": whole.test}
    )
    assert few.digest != whole.digest == load(train_size=55_000).digest


@pytest.mark.parametrize("train_size", [0, -1, 55_001, 2.5])
def test_train_size_out_of_range_is_refused(train_size: int, filled: Path) -> None:
    with pytest.raises(ValueError, match=r"from 1 to 55000 for mnist, got .*; leave it out"):
        load(train_size=train_size)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("file", "damage"),
    [("*train*", flip), ("*test*", empty), ("*test*", Path.unlink), ("*info.json", empty)],
)
def test_a_damaged_cache_is_made_anew(
    file: str, damage: Callable[[Path], None], filled: Path
) -> None:
    (path,) = filled.glob(file)
    before = path.read_bytes()
    damage(path)
    assert load().digest == MNIST_DIGEST
    assert len(path.read_bytes()) == len(before)


def test_a_sound_cache_of_other_images_is_made_anew(folder: Path) -> None:
    other = {split: mnist_builder._shipped(split) for split in ("train", "test")}
    other["test"][1][9_999] ^= 1
    with cache.quiet():
        mnist_builder._prepare(folder, other)
    assert load().digest == MNIST_DIGEST


@pytest.mark.parametrize("name", mnist_builder.SHA256)
def test_a_changed_shipped_file_is_named_with_both_hashes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(mnist_builder.SHIPPED, tmp_path / "shipped")
    monkeypatch.setattr(mnist_builder, "SHIPPED", tmp_path / "shipped")
    path = tmp_path / "shipped" / f"{name}.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] ^= 1
    path.write_bytes(gzip.compress(content, compresslevel=1))
    with pytest.raises(ValueError) as caught:
        load()
    for part in (str(path), mnist_builder.SHA256[name], hashlib.sha256(content).hexdigest()):
        assert part in str(caught.value)
    assert caught.value.__context__ is None


def test_a_cache_that_cannot_be_written_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("JAXMETA_DATA", str(tmp_path / "file" / "below"))
    with pytest.raises(OSError, match="cannot be written .*; set JAXMETA_DATA to a folder"):
        load()


def test_the_cache_lies_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("JAXMETA_DATA", str(tmp_path / "mine"))
    assert cache.folder() == tmp_path / "mine"
    monkeypatch.delenv("JAXMETA_DATA")
    assert cache.folder() == tmp_path / "xdg" / "jaxmeta"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache.folder() == tmp_path / "home" / ".cache" / "jaxmeta"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.folder() == tmp_path / "home" / ".cache" / "jaxmeta"


# --- whole processes -----------------------------------------------------------------------------

LOAD = """
import logging
from jaxmeta.tasks import data, mnist_builder
prepare, prepared = mnist_builder._prepare, []
def counted(*arguments):
    prepared.append(1)
    prepare(*arguments)
mnist_builder._prepare = counted
print("ready", flush=True)
print(data.load(train_size=100).digest, len(prepared), logging.root.handlers)
"""

DIE_AT_RECORD_30 = """
import os, signal
import numpy as np
from jaxmeta.tasks import data, mnist_builder
class Dying(np.ndarray):
    def __getitem__(self, record):
        if record.start == 30_000:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.asarray(self)[record]
shipped = mnist_builder._shipped
mnist_builder._shipped = lambda split: (shipped(split)[0].view(Dying), shipped(split)[1])
data.load()
"""


def start(program: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_processes_that_start_at_once_prepare_once_and_print_nothing(folder: Path) -> None:
    with cache.locked(cache.folder(), "mnist"):
        running = [start(LOAD) for _ in range(2)]
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
    outputs = [process.communicate() for process in running]
    assert [errors for _, errors in outputs] == ["", ""]
    expected = load(train_size=100).digest
    assert sorted(line for line, _ in outputs) == [f"{expected} {n} []\n" for n in (0, 1)]


def test_killed_while_preparing_leaves_nothing_that_harms(folder: Path) -> None:
    process = start(DIE_AT_RECORD_30)
    process.communicate()
    assert process.returncode == -9
    assert list(folder.glob("*/incomplete*")), "it was to be killed in the middle"
    assert load().digest == MNIST_DIGEST
    assert not list(folder.glob("*/incomplete*"))


# --- Fashion-MNIST -------------------------------------------------------------------------------


@pytest.fixture
def small_fashion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four small idx files in Fashion-MNIST's place: 24 and 5 images of 3 by 2 pixels."""
    path = tmp_path / "fashion"
    path.mkdir()
    for split, n in (("train", 24), ("test", 5)):
        images, labels = np.arange(6 * n, dtype=np.uint8).reshape(n, 3, 2), np.arange(n) % 10
        contents = images, labels.astype(np.uint8)
        for name, array in zip(mnist_builder.FILES[split], contents, strict=True):
            (path / f"{name}.gz").write_bytes(gzip.compress(idx.dump(array)))
    monkeypatch.setattr(data, "DEBIAN_FASHION_MNIST", path)
    return path


def test_fashion_mnist_is_read_in_the_order_of_its_files(small_fashion: Path) -> None:
    fashion = load("fashion_mnist")
    assert fashion.train.x.shape == (22, 3, 2, 1)
    np.testing.assert_array_equal(fashion.train.x.ravel(), np.arange(22 * 6))
    expected = np.arange(22, dtype=np.int32) % 10
    np.testing.assert_array_equal(fashion.train.y, expected, strict=True)
    np.testing.assert_array_equal(fashion.validation.y, [2, 3])
    np.testing.assert_array_equal(fashion.test.y, np.arange(5))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(small_fashion: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same files, not on this machine but at Fashion-MNIST's address."""
    handler = functools.partial(Quiet, directory=str(small_fashion))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with cache.quiet():
            builder = tfds.builder_cls("fashion_mnist")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(builder, "URL", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setattr(data, "DEBIAN_FASHION_MNIST", small_fashion / "missing")
        yield small_fashion
        server.shutdown()


def test_fashion_mnist_is_the_same_when_downloaded(
    served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloaded = load("fashion_mnist").digest
    monkeypatch.setattr(data, "DEBIAN_FASHION_MNIST", served)
    assert load("fashion_mnist").digest == downloaded


def test_a_failed_download_is_said_in_a_sentence(served: Path, folder: Path) -> None:
    (served / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(RuntimeError, match="could not give fashion_mnist .*404.*network") as caught:
        load("fashion_mnist")
    assert caught.value.__cause__ is not None


@pytest.mark.skipif(not data.DEBIAN_FASHION_MNIST.is_dir(), reason="no dataset-fashion-mnist")
def test_fashion_mnist_of_debian() -> None:
    fashion = load("fashion_mnist")
    assert [len(part.y) for part in (fashion.train, fashion.validation, fashion.test)] == [
        55_000,
        5_000,
        10_000,
    ]
    np.testing.assert_array_equal(np.bincount(fashion.test.y), [1_000] * 10)
    assert fashion.train.x.shape[1:] == (28, 28, 1)
    assert fashion.digest == FASHION_MNIST_DIGEST


# --- TensorFlow Datasets -------------------------------------------------------------------------

COLOURS = np.random.default_rng(0).integers(0, 256, (40, 6, 5, 3), np.uint8)


def examples(numbers: range, image=lambda i: COLOURS[i], label=lambda i: i % 3) -> list:
    return [(i, {"image": image(i), "label": label(i)}) for i in numbers]


def register(set_name: str, image, label=None, keys=("image", "label"), **made: list) -> None:
    """A set of TensorFlow Datasets, generated from the examples of each of its splits."""

    class Tiny(tfds.core.GeneratorBasedBuilder):
        name = f"jaxmeta_test_{set_name}"
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {"image": image, "label": label or tfds.features.ClassLabel(num_classes=3)}
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features), supervised_keys=keys
            )

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(split) for split in made}

        def _generate_examples(self, split):
            yield from made[split]


def png(i: int) -> io.BytesIO:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(COLOURS[i]).save(content, "png")
    content.seek(0)
    return content


@pytest.fixture(scope="module")
def sets() -> None:
    tensor = tfds.features.Tensor(shape=(6, 5, 3), dtype=np.uint8)
    floats = tfds.features.Tensor(shape=(6, 5, 3), dtype=np.float32)
    sizes = tfds.features.Image(shape=(None, None, 3))
    number = tfds.features.Scalar(np.int64)
    train, test = examples(range(30)), examples(range(30, 40))
    unlabelled = examples(range(30, 40), label=lambda i: -1)
    pngs = {"train": examples(range(30), png), "test": examples(range(30, 40), png)}
    register("tensors", tensor, train=train, test=test)
    register("pngs", tfds.features.Image(shape=(6, 5, 3)), **pngs)
    register("floats", floats, train=train, test=test)
    register("sizes", sizes, train=train, test=test)
    register("numbers", tensor, number, train=train, test=test)
    register("unsupervised", tensor, keys=None, train=train, test=test)
    register("trainonly", tensor, train=train)
    register("unlabelled", tensor, train=train, test=unlabelled)
    register("eleven", tensor, train=train[:11], test=test)
    register(
        "failing", tensor, train=[*train, (30, {"image": COLOURS[0], "label": "?"})], test=test
    )


def stored_order(split: str, numbers: range) -> list[int]:
    """The order in which TFDS stores examples keyed by number: by MD5 of the split and the key."""
    return sorted(numbers, key=lambda i: hashlib.md5(f"{split}{i}".encode()).digest())


def assert_is_the_colours(found: data.Dataset) -> None:
    train, test = stored_order("train", range(30)), stored_order("test", range(30, 40))
    np.testing.assert_array_equal(found.train.x, COLOURS[train[:28]], strict=True)
    np.testing.assert_array_equal(found.validation.x, COLOURS[train[28:]], strict=True)
    np.testing.assert_array_equal(found.test.x, COLOURS[test], strict=True)
    np.testing.assert_array_equal(found.train.y, np.array(train[:28], np.int32) % 3, strict=True)
    np.testing.assert_array_equal(found.test.y, np.array(test, np.int32) % 3, strict=True)
    assert found.classes == 3


def test_a_tfds_set_of_colour_tensors(sets: None, caplog: pytest.LogCaptureFixture, capfd) -> None:
    first = load("jaxmeta_test_tensors")
    assert_is_the_colours(first)
    (record,) = caplog.records
    assert "preparing jaxmeta_test_tensors in" in record.message
    assert load("jaxmeta_test_tensors").digest == first.digest
    assert len(caplog.records) == 1, "the second time there is nothing to prepare"
    assert capfd.readouterr() == ("", "")


def test_a_tfds_set_of_encoded_images_is_read_without_tensorflow(sets: None, folder: Path) -> None:
    pytest.importorskip("PIL")
    with cache.quiet():
        builder = tfds.builder("jaxmeta_test_pngs", data_dir=folder)
        builder.download_and_prepare(file_format="array_record")
    assert_is_the_colours(load("jaxmeta_test_pngs"))


def test_train_size_of_a_small_set(sets: None) -> None:
    assert len(load("jaxmeta_test_tensors", train_size=28).train.y) == 28
    with pytest.raises(ValueError, match="from 1 to 28 for jaxmeta_test_tensors, got 29"):
        load("jaxmeta_test_tensors", train_size=29)


def test_a_damaged_tfds_set_is_said_in_a_sentence(sets: None, folder: Path) -> None:
    load("jaxmeta_test_tensors")
    (path,) = folder.glob("jaxmeta_test_tensors/*/*train*")
    path.write_bytes(path.read_bytes()[:70_000])
    with pytest.raises(RuntimeError, match="delete .*/jaxmeta_test_tensors if it is damaged"):
        load("jaxmeta_test_tensors")


@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [
        ("floats", ValueError, "must hold labelled images of one size, uint8"),
        ("sizes", ValueError, "must hold labelled images of one size, uint8"),
        ("numbers", ValueError, "must hold labelled images of one size, uint8"),
        ("unsupervised", ValueError, "must hold labelled images of one size, uint8"),
        ("trainonly", ValueError, "jaxmeta_test_trainonly has no test; choose another"),
        ("unlabelled", ValueError, "jaxmeta_test_unlabelled hides those of test"),
        ("eleven", ValueError, "must have 12 training examples or more"),
        ("failing", RuntimeError, "could not give jaxmeta_test_failing"),
        ("tensors/nothing", RuntimeError, "could not give jaxmeta_test_tensors/nothing"),
    ],
)
def test_a_tfds_set_that_does_not_fit_is_said_in_a_sentence(
    name: str, error: type[Exception], sentence: str, sets: None
) -> None:
    with pytest.raises(error, match=sentence) as caught:
        load(f"jaxmeta_test_{name}")
    assert "\n" not in str(caught.value)
    assert error is ValueError or caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("fashon_mnist", "did you mean fashion_mnist"),
        ("Cifar10", "did you mean cifar10"),
        ("zzzz", "see the catalogue"),
        ("", "see the catalogue"),
        ("MNIST", "did you mean mnist"),
    ],
)
def test_an_unknown_name_gets_close_ones(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match="must be a name of TensorFlow Datasets") as caught:
        load(name)
    assert hint in str(caught.value)


@pytest.mark.skipif(find_spec("tensorflow") is not None, reason="TensorFlow is installed")
def test_tensorflow_is_asked_for_before_anything_is_downloaded(folder: Path) -> None:
    with pytest.raises(ImportError, match=r"images of cifar10.*pip install 'jaxmeta\[tfds\]'"):
        load("cifar10")
    assert not list(folder.glob("cifar10/*"))
