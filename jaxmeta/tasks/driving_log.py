"""Frames and steering angles of a user's own: a folder of images with a CSV.

Two forms. `driving_log.csv`, as Udacity's simulator writes it: center, left, right, steering,
throttle, brake, speed, with or without that header; the center image is used, and its steering, -1
to 1 of 25 degrees and positive to the right, becomes rad, positive to the left. Or any one other
CSV of two columns, file and angle in rad, positive to the left, with or without a header.

The folder may be somebody else's: links to elsewhere are not followed, and an image is opened only
as JPEG, PNG, BMP or PPM.
"""

import csv
import io
import math
import warnings
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from jaxmeta.supervised import Split
from jaxmeta.tasks.idx import read_bytes

NAME = "driving_log.csv"
UDACITY = ("center", "left", "right", "steering", "throttle", "brake", "speed")
DEGREES = 25  # of Udacity's 1
SIZE = (64, 36)  # of a frame, as pillow has it
FORMATS = ("JPEG", "PNG", "BMP", "PPM")
PIXELS = 2**26  # the most of an image
ROWS = 200_000
LEAST = 12  # rows, so that there are two for validation and test each


def read(folder: Path, crop_top: int, crop_bottom: int) -> dict[str, Split]:
    """The frames in grey, uint8[n, 36, 64, 1], and angles float32[n], rad, in the order of the CSV:
    the last sixth is the test split, the sixth before it validation.

    Raises:
      ValueError: there is no CSV, a row is none, an image is missing or none.
      ModuleNotFoundError: pillow is not installed.
    """
    if min(crop_top, crop_bottom) < 0:
        raise ValueError(
            f"crop_top and crop_bottom must be 0 or more rows, got {crop_top} and {crop_bottom}; "
            "raise them"
        )
    pairs = list(_rows(_log(folder)))
    if len(pairs) < LEAST:
        raise ValueError(
            f"{folder} must have {LEAST} rows or more, to hold out some, and has {len(pairs)}; "
            "record more"
        )
    x = np.stack([_frame(folder, row, name, crop_top, crop_bottom) for row, name, _ in pairs])
    y = np.array([angle for _, _, angle in pairs], np.float32)
    part = len(y) // 6
    ends = {"train": (0, -2 * part), "validation": (-2 * part, -part), "test": (-part, None)}
    return {name: Split(x[a:b], y[a:b]) for name, (a, b) in ends.items()}


def _log(folder: Path) -> Path:
    if not folder.is_dir():
        raise ValueError(f"--data must be a folder with images and a CSV, and {folder} is none")
    if (log := folder / NAME).exists():
        return log
    found = sorted(folder.glob("*.csv"))
    if len(found) != 1:
        raise ValueError(
            f"{folder} must hold {NAME}, or one other CSV of two columns, and holds "
            f"{', '.join(path.name for path in found[:5]) or 'none'}; add or remove some"
        )
    return found[0]


def _rows(log: Path) -> Iterator[tuple[str, str, float]]:
    """What to call a row in a sentence, its image and its angle."""
    try:
        table = list(csv.reader(io.StringIO(read_bytes(log).decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{log} must be a CSV in UTF-8, and is not ({error}); mend it") from error
    if len(table) > ROWS:
        raise ValueError(f"{log} must have at most {ROWS} rows, and has {len(table)}; split it")
    udacity = log.name == NAME
    width = len(UDACITY) if udacity else 2
    for n, cells in enumerate(table, 1):
        cells, row = [cell.strip() for cell in cells], f"row {n} of {log}"
        if not any(cells) or (n == 1 and len(cells) == width and _header(cells, udacity)):
            continue
        if len(cells) != width:
            columns = ",".join(UDACITY) if udacity else "file,angle"
            raise ValueError(
                f"{row} must have {width} columns ({columns}), and has {len(cells)}; mend it"
            )
        yield (
            row,
            cells[0],
            _angle(row, cells[UDACITY.index("steering") if udacity else 1], udacity),
        )


def _header(cells: list[str], udacity: bool) -> bool:
    """Only a row of names, so that a first row with a bad number is no header."""
    names = [cell.lower() for cell in cells]
    if udacity:
        return names == list(UDACITY)
    return names[0] in ("file", "image", "frame", "filename", "path", "center")


def _angle(row: str, cell: str, udacity: bool) -> float:
    most, unit = (1.0, "of 25 degrees") if udacity else (math.pi / 2, "rad")
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not -most <= value <= most:
        raise ValueError(
            f"{row} must have a steering angle from {-most:.4g} to {most:.4g} {unit}, and has "
            f"{cell!r:.50}; mend it"
        )
    return -math.radians(DEGREES * value) if udacity else value


def _frame(folder: Path, row: str, name: str, crop_top: int, crop_bottom: int) -> np.ndarray:
    """One image in grey, cut and resized to a frame."""
    path = _inside(folder, row, name)
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "images need pillow, and it is not installed: pip install 'jaxmeta[drive]'"
        ) from error
    content = read_bytes(path)
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content), formats=FORMATS) as image:
            warnings.simplefilter("ignore")
            width, height = image.size
            if width * height > PIXELS:
                raise ValueError(f"{width}x{height} pixels, which is more than {PIXELS}")
            if crop_top + crop_bottom >= height:
                raise ValueError(f"{height} rows, of which {crop_top} + {crop_bottom} are cut off")
            grey = image.convert("L").crop((0, crop_top, width, height - crop_bottom))
            return np.asarray(grey.resize(SIZE, Image.Resampling.BOX))[..., None]
    except Exception as error:  # pillow has many for damaged files
        raise ValueError(
            f"{row} must name an image ({', '.join(FORMATS)}), and {path} is none that can be used "
            f"({error}); mend or leave out this row"
        ) from error


def _inside(folder: Path, row: str, name: str) -> Path:
    """The image of a row. Udacity's simulator writes whole paths of the machine that it ran on: an
    image is then looked for beside the CSV, or in its folder IMG."""
    windows = "\\" in name
    parts = (PureWindowsPath if windows else PurePosixPath)(name).parts
    last = parts[-1] if parts else ""
    home = folder.resolve()
    for path in (folder.joinpath(*parts), folder / "IMG" / last, folder / last):
        if last and path.is_file() and path.resolve().is_relative_to(home):
            return path
    raise ValueError(
        f"{row} must name an image in {folder}, and there is no {name!r:.100}; add it, or leave "
        "out this row"
    )
