"""Labelled pictures of somebody's own: read as they are, or refused in one sentence."""

import io
import os
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jaxmeta import tasks
from jaxmeta.tasks import crossroads_data, npz, pictures, tfds_scenes

DRAW = np.random.default_rng(0)


def arrays(n=3, height=16, width=24, most=11):
    made = {}
    for i, short in enumerate(pictures.SPLITS.values()):
        made[f"{short}_images"] = DRAW.integers(0, 256, (n + i, height, width, 3), np.uint8)
        made[f"{short}_labels"] = DRAW.integers(0, most + 1, (n + i, height, width), np.uint8)
    return made


def test_an_npz_is_a_task_of_segmentation(tmp_path):
    made = arrays()
    np.savez_compressed(tmp_path / "mine.npz", **made)
    task = tasks.make("crossroads", data=str(tmp_path))
    for split, short in pictures.SPLITS.items():
        np.testing.assert_array_equal(getattr(task.data, split).x, made[f"{short}_images"])
        np.testing.assert_array_equal(getattr(task.data, split).y, made[f"{short}_labels"])
    assert (task.data.classes, task.data.ignored) == (11, 11)
    assert tasks.from_record({"name": task.name, **task.options}).data.digest == task.data.digest


@pytest.mark.parametrize(
    ("heads", "best", "worse"), [("segmentation", 1, 0), ("depth", 0, -0.5), ("both", 1, -0.5)]
)
def test_each_head_is_scored_by_its_own_measure(heads, best, worse):
    """Right outputs have the best score; labels one off and log depth off by a half do not."""
    task = tasks.make("crossroads", heads=heads)
    y = np.asarray(task.data.validation.y[:4])
    label, code = (y[..., 0], y[..., 1]) if heads == "both" else (y, y)
    for off, score in ((0, best), (1, worse)):
        parts = []
        if heads != "depth":
            parts.append(np.eye(8, dtype=np.float32)[(label + off) % 8])
        if heads != "segmentation":
            parts.append((crossroads_data.log_depths()[code] + np.float32(off / 2))[..., None])
        sums = jax.tree.map(lambda x: x.sum(0), task.points(np.concatenate(parts, -1), y))
        assert float(task.summary(sums)) == pytest.approx(score, abs=1e-5)


def files(folder: Path, **changes):
    Image = pytest.importorskip("PIL.Image")
    for name, array in arrays(2, 30, 330).items():
        short, what = name.split("_")
        into = folder / (short if what == "images" else f"{short}annot")
        into.mkdir()
        for i, one in enumerate(array[:2]):
            Image.fromarray(changes.get(name, one)).save(into / f"{i}.png")
    return folder


def test_files_are_reduced_to_means_and_middles(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    images, labels = pictures.read(files(tmp_path))["train"]
    assert images.shape == (2, 8, 104, 3) and labels.shape == (2, 8, 104)  # 30x330 by 3, by 8
    whole = np.asarray(Image.open(tmp_path / "train" / "1.png")).astype(float)
    assert images[1, 2, 5].tolist() == np.rint(whole[6:9, 15:18].mean((0, 1))).tolist()
    assert labels[1, 2, 5] == np.asarray(Image.open(tmp_path / "trainannot" / "1.png"))[7, 16]


def write(folder: Path, what: str) -> None:
    """A folder that does not fit."""
    made = arrays()
    match what:
        case "empty":
            return
        case "two":
            np.savez(folder / "other.npz", **made)
        case "no test":
            del made["test_labels"]
        case "objects":
            made["val_images"] = np.array([{}], object)
        case "floats":
            made["val_images"] = made["val_images"] / 255
        case "sides":
            made = arrays(height=15)
        case "sizes":
            made["test_images"] = np.zeros((2, 8, 8, 3), np.uint8)
            made["test_labels"] = np.zeros((2, 8, 8), np.uint8)
        case "labels":
            made = arrays(most=200)
        case "fewer labels":
            made["val_labels"] = made["val_labels"][1:]
        case "none":
            made = {name: array[:0] for name, array in made.items()}
    np.savez(folder / "mine.npz", **made)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("empty", "must hold an npz file or CamVid's six folders, and has no train;"),
        ("two", "must hold one npz file, and holds 2"),
        ("no test", "must hold an array test_labels"),
        ("objects", "val_images in .* must be uint8 in C order and whole, got object"),
        ("floats", "val_images in .* must be uint8 in C order and whole, got float64"),
        ("sides", "sides that are multiples of 8, and three colours, got .15, 24, 3."),
        ("sizes", "must have one size .* in the test split"),
        ("labels", "must be from 0 to 11, the last for no class, got 200 in the train split"),
        ("fewer labels", "must hold images .* and labels"),
        ("none", "must hold images .* and labels"),
    ],
)
def test_a_folder_that_does_not_fit_is_a_sentence(what, words, tmp_path):
    write(tmp_path, what)
    with pytest.raises(ValueError, match=words) as said:
        tasks.make("crossroads", data=str(tmp_path))
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"heads": "car"}, "heads must be one of segmentation, depth, both, got 'car'"),
        ({"data": "nowhere"}, "nowhere is none"),
        ({"dataset": "mnist"}, "dataset must be one of cityscapes, nyu_depth_v2"),
        ({"dataset": "cityscapes", "data": "x"}, "leave one out"),
        ({"train_size": 601}, "train_size must be a whole number from 1 to 600"),
    ],
)
def test_an_option_that_does_not_fit_is_a_sentence(options, words):
    with pytest.raises(ValueError, match=words):
        tasks.make("crossroads", **options)


def test_a_folder_has_no_depth(tmp_path):
    write(tmp_path, "fits")
    with pytest.raises(ValueError, match="heads must be segmentation for the folder"):
        tasks.make("crossroads", data=str(tmp_path), heads="both")


@pytest.mark.parametrize("what", ["pipe", "text", "size", "colour", "missing"])
def test_a_file_that_is_no_picture_is_a_sentence(what, tmp_path):
    labels = {"size": np.zeros((9, 9), np.uint8), "colour": np.zeros((30, 330, 3), np.uint8)}
    changes = {"val_labels": labels[what]} if what in labels else {}
    path = files(tmp_path, **changes) / "valannot" / "1.png"
    if what not in labels:
        path.unlink()
    if what == "pipe":
        os.mkfifo(path)
    if what == "text":
        path.write_text("P" * 99)
    words = "must have the size of its picture" if what == "size" else "png must"
    with pytest.raises(ValueError, match=words):
        pictures.read(tmp_path)


def packed(**entries: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


HUGE = "{'descr': '|u1', 'fortran_order': False, 'shape': (4294967295, 4294967295)}\n"
WHOLE = packed(a=header("{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}\n") + b"xy")


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, derandomize=True)
@given(st.binary(max_size=99).map(lambda b: packed(a=b)) | st.binary(max_size=99))
@example(packed(b=b""))
@example(packed(a=header(HUGE)))
@example(packed(a=header("__import__('os').abort()\n")))
@example(packed(a=header("(" * 900)))
@example(WHOLE[:-30])
@example(WHOLE.replace(b"xy", b"xz"))
def test_any_bytes_are_an_array_or_a_sentence(content):
    try:
        npz.parse(content, Path("mine.npz"), ["a"])
    except ValueError as error:
        assert "mine.npz must" in str(error) and "\n" not in str(error)


def test_a_whole_file_is_read_and_a_bomb_is_not(monkeypatch):
    assert npz.parse(WHOLE, Path("mine.npz"), ["a"])["a"].tobytes() == b"xy"
    monkeypatch.setattr(npz, "MOST", 2**20)
    with pytest.raises(ValueError, match="at most 1048576 bytes, and has more"):
        npz.parse(packed(a=bytes(2**24)), Path("mine.npz"), ["a"])


def test_the_packages_data_are_checked_when_read(monkeypatch):
    made = crossroads_data.read()
    changed = {**made, "test_label": made["test_label"] ^ np.eye(72, 96, dtype=np.uint8)}
    monkeypatch.setattr(crossroads_data, "SHA256", crossroads_data.sha256(changed))
    with pytest.raises(ValueError, match="crossroads.npz must hold the arrays with the digest"):
        crossroads_data.read()


def test_an_example_of_a_tfds_set_becomes_classes_or_codes():
    image = DRAW.integers(0, 256, (64, 320, 3), np.uint8)
    ids = np.full((64, 320, 1), 7, np.uint8)  # road, Cityscapes' first class
    ids[:, 160:] = 3  # out of the region of interest
    cityscapes, nyu = tfds_scenes.SETS["cityscapes"], tfds_scenes.SETS["nyu_depth_v2"]
    one = {"image_left": image, "segmentation_label": ids}
    images, labels = tfds_scenes.converted(cityscapes, [one])
    assert images.shape == (1, 32, 160, 3) and labels.shape == (1, 32, 160)
    assert (labels[0, :, :80] == 0).all() and (labels[0, :, 80:] == 19).all()
    depth = np.full((64, 320), 2.5, np.float16)
    depth[:, :160] = 0  # not measured
    _, codes = tfds_scenes.converted(nyu, [{"image": image, "depth": depth}])
    assert (codes[0, :, :80] == 0).all()
    metres = np.exp(crossroads_data.log_depths(*nyu.range))[codes[0, :, 80:]]
    np.testing.assert_allclose(metres, 2.5, rtol=0.01)


def test_a_set_that_is_not_here_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXMETA_DATA", str(tmp_path))
    with pytest.raises(RuntimeError, match="cityscapes must be prepared in .* as ArrayRecord"):
        tasks.make("crossroads", dataset="cityscapes")
