"""The steering task: the package's frames, and folders of a user's own."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxmeta import tasks
from jaxmeta.supervised import Split
from jaxmeta.tasks import driving_log
from jaxmeta.tasks.steering import SHIPPED, mirrored, shipped

Image = pytest.importorskip("PIL.Image")
ROWS = 24


def test_the_package_has_about_five_thousand_frames_in_less_than_a_megabyte():
    splits = shipped()
    assert sum(len(split.y) for split in splits.values()) == 5122
    assert SHIPPED.stat().st_size < 2**20
    for x, y in splits.values():
        assert x.dtype == np.uint8 and x.shape[1:] == (36, 64, 1) and y.dtype == np.float32
        assert 0.1 < y.std() < 0.3 and np.abs(y).max() <= 0.4189


@pytest.mark.parametrize("damage", ["short", "other", "pickle"])
def test_a_file_that_is_not_the_original_one_is_a_sentence(damage, tmp_path, monkeypatch):
    path = tmp_path / "steering.npz"
    if damage == "short":
        path.write_bytes(SHIPPED.read_bytes()[:-100])
    elif damage == "pickle":
        np.savez(path, train_x=np.array([object()]))
    else:
        with np.load(SHIPPED) as file:
            arrays = dict(file)
        arrays["test_y"][0] += 1
        np.savez_compressed(path, **arrays)
    # The package has a function of the module's name.
    monkeypatch.setattr(sys.modules["jaxmeta.tasks.steering"], "SHIPPED", path)
    with pytest.raises(ValueError, match="install jaxmeta again"):
        shipped()


def test_a_mirrored_frame_follows_each():
    x = np.arange(12, dtype=np.uint8).reshape(2, 2, 3, 1)
    found = mirrored(Split(x, np.array([0.25, -0.5], np.float32)))
    assert found.y.tolist() == [0.25, -0.25, -0.5, 0.5]
    np.testing.assert_array_equal(found.x[1, :, ::-1], found.x[0])
    assert len(tasks.make("steering").train.y) == 2 * len(shipped()["train"].y)


def image(path: Path, left: int = 0) -> None:
    """80 x 50: black, its left half and its first ten rows `left`."""
    pixels = np.zeros((50, 80, 3), np.uint8)
    pixels[:, :40] = left
    pixels[:10] = 255
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("log")
    for n in range(ROWS):
        image(folder / "IMG" / f"{n}.png", 10 * n)
    return folder


def udacity(folder: Path, n: int, steering: str = "0.5") -> str:
    return f"IMG/{n}.png, IMG/l.png, IMG/r.png, {steering}, 0.9, 0, 30.1"


def log(folder: Path, text: str, name: str = driving_log.NAME) -> Path:
    for old in folder.glob("*.csv"):
        old.unlink()
    (folder / name).write_text(text)
    return folder


def test_udacitys_log_with_and_without_its_header(pictures):
    rows = [udacity(pictures, n, str(n / ROWS)) for n in range(ROWS)]
    header = ",".join(driving_log.UDACITY)
    found = [
        driving_log.read(log(pictures, "\n".join(lines) + "\n"), 10, 0)
        for lines in (rows, [header, *rows])
    ]
    for splits in found:
        assert [len(splits[n].y) for n in ("train", "validation", "test")] == [16, 4, 4]
    a, b = found
    np.testing.assert_array_equal(a["test"].x, b["test"].x)
    np.testing.assert_allclose(a["validation"].y, -np.deg2rad(25) * np.arange(16, 20) / ROWS)
    # Ten rows are cut off; the rest is black on the right, and as grey as it was on the left.
    assert (a["train"].x[5, :, :31] == 50).all() and (a["train"].x[5, :, 33:] == 0).all()


def test_two_columns_are_a_file_and_radians(pictures):
    rows = [f"IMG/{n}.png,{n / 100}" for n in range(ROWS)]
    for lines in (rows, ["file,angle", *rows]):
        splits = driving_log.read(log(pictures, "\n".join(lines), "mine.csv"), 0, 0)
        np.testing.assert_allclose(splits["test"].y, np.arange(20, 24) / 100, rtol=1e-6)
    assert (splits["train"].x[0, :6] == 255).all()  # nothing is cut off


def test_paths_of_another_machine_are_found_by_their_last_part(pictures):
    rows = [rf"C:\Users\me\IMG\{n}.png,0" if n % 2 else f"/IMG/run/{n}.png,0" for n in range(ROWS)]
    driving_log.read(log(pictures, "\n".join(rows), "mine.csv"), 0, 0)


def test_a_folder_is_a_task_and_its_record_makes_it_again(pictures):
    folder = log(pictures, "\n".join(f"IMG/{n}.png,{n / 100}" for n in range(ROWS)), "mine.csv")
    made = tasks.make("steering", data=str(folder), crop_top=10)
    assert made.train.y.shape == (32,)
    again = tasks.from_record({"name": "steering", **made.options})
    assert again.data_record() == made.data_record()
    with pytest.raises(ValueError, match="train_size must be a whole number from 1 to 32"):
        tasks.make("steering", data=str(folder), train_size=33)


GOOD = [f"IMG/{n}.png,0.1" for n in range(ROWS)]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("IMG/none.png,0", "row 25 of .*mine.csv must name an image in .* 'IMG/none.png'"),
        (",0", "must name an image in"),
        ("../../etc/passwd,0", "must name an image in"),
        ("mine.csv,0", "must name an image .JPEG, PNG, BMP, PPM."),
        ("IMG,0", "must name an image in"),
        ("link.png,0", "must name an image in"),
        ("IMG/0.png,left", "row 25 .* from -1.571 to 1.571 rad, and has 'left'"),
        ("IMG/0.png,nan", "has 'nan'"),
        ("IMG/0.png,7", "has '7'"),
        ("IMG/0.png", "must have 2 columns .file,angle., and has 1"),
        ("IMG/0.png,0,0", "and has 3"),
        ('"IMG/0.png,0', "must be a CSV in UTF-8"),
        ("IMG/short.png,0", "is none that can be used"),
    ],
)
def test_a_bad_row_is_one_sentence(row, words, pictures, tmp_path):
    content = (pictures / "IMG" / "1.png").read_bytes()
    (pictures / "IMG" / "short.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "elsewhere.png").write_bytes(content)
    if not (pictures / "link.png").is_symlink():
        os.symlink(tmp_path / "elsewhere.png", pictures / "link.png")
    folder = log(pictures, "\n".join([*GOOD, row]), "mine.csv")
    with pytest.raises(ValueError, match=words) as error:
        driving_log.read(folder, 0, 0)
    assert "\n" not in str(error.value)


def test_what_else_a_folder_cannot_be(pictures, tmp_path):
    with pytest.raises(ValueError, match="must be a folder"):
        driving_log.read(tmp_path / "none", 0, 0)
    with pytest.raises(ValueError, match="must hold driving_log.csv, or one other CSV"):
        driving_log.read(tmp_path, 0, 0)
    with pytest.raises(ValueError, match="must have 12 rows or more"):
        driving_log.read(log(pictures, "\n".join(GOOD[:11]), "mine.csv"), 0, 0)
    with pytest.raises(ValueError, match="50 rows, of which 30 . 20 are cut off"):
        driving_log.read(log(pictures, "\n".join(GOOD), "mine.csv"), 30, 20)
    with pytest.raises(ValueError, match="0 or more rows"):
        driving_log.read(pictures, -1, 0)
    with pytest.raises(ValueError, match="and has 'x'"):  # a bad first row is no header
        driving_log.read(log(pictures, udacity(pictures, 0, "x")), 0, 0)
    with pytest.raises(ValueError, match="are for images of --data"):
        tasks.make("steering", crop_top=3)
    with pytest.raises(ValueError, match="driving_log.csv must be a regular file"):
        fifo = tmp_path / driving_log.NAME
        os.mkfifo(fifo)
        driving_log.read(tmp_path, 0, 0)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_log_or_a_sentence(content):
    folder = Path(os.environ["JAXMETA_STATE"])
    (folder / "any.csv").write_bytes(content)
    with pytest.raises(ValueError) as error:
        driving_log.read(folder, 0, 0)
    assert "\n" not in str(error.value)
