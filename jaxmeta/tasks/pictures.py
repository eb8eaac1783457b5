"""Labelled pictures of somebody's own, in CamVid's layout, made small enough to train on.

A folder holds either one npz file with the arrays `train_images`, `train_labels`, `val_...` and
`test_...`, all uint8; or, as the tutorial of SegNet lays CamVid out, the folders `train`,
`trainannot`, `val`, `valannot`, `test` and `testannot` of PNG files, a label of each pixel under
the name of its picture. Classes are CamVid's eleven; 11 is none.
"""

import io
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from jaxmeta.tasks import npz
from jaxmeta.tasks.idx import read_bytes

CLASSES = (
    *("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car"),
    *("pedestrian", "bicyclist"),
)
IGNORED = len(CLASSES)
SPLITS = {"train": "train", "validation": "val", "test": "test"}
WIDEST = 160  # pixels: a wider picture is reduced by a whole number
MOST, LARGEST = 5_000, 2**23  # pictures in a split, pixels in a picture as it comes

Pair = tuple[np.ndarray, np.ndarray]  # uint8[n, H, W, 3], uint8[n, H, W]


def read(folder: Path | str) -> dict[str, Pair]:
    """Pictures and labels of each split, H and W multiples of 8.

    Raises:
      ValueError: the folder is not laid out so, or a file in it does not fit.
      ModuleNotFoundError: it holds PNG files, and Pillow is not installed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(
            f"data must be a folder in CamVid's layout, and {folder} is none; name one"
        )
    packed = sorted(folder.glob("*.npz"))
    if len(packed) > 1:
        raise ValueError(f"{folder} must hold one npz file, and holds {len(packed)}; choose one")
    splits = _packed(packed[0]) if packed else {s: _files(folder, n) for s, n in SPLITS.items()}
    for split, (images, labels) in splits.items():
        _check(folder, split, images, labels, splits["train"][0].shape[1:])
    return splits


def _packed(path: Path) -> dict[str, Pair]:
    names = [f"{short}_{what}" for short in SPLITS.values() for what in ("images", "labels")]
    arrays = npz.read(path, names)
    return {s: (arrays[f"{n}_images"], arrays[f"{n}_labels"]) for s, n in SPLITS.items()}


def _check(folder: Path, split: str, images: np.ndarray, labels: np.ndarray, shape: Any) -> None:
    if images.ndim != 4 or labels.shape != images.shape[:3] or not len(images):
        raise ValueError(
            f"the {split} split in {folder} must hold images [n, H, W, 3] and labels [n, H, W], "
            f"got {list(images.shape)} and {list(labels.shape)}; mend the arrays"
        )
    if images.shape[1:] != shape or shape[2] != 3 or shape[0] % 8 or shape[1] % 8:
        raise ValueError(
            f"all images in {folder} must have one size with sides that are multiples of 8, and "
            f"three colours, got {list(images.shape[1:])} in the {split} split; resize them"
        )
    if labels.max() > IGNORED:
        raise ValueError(
            f"labels in {folder} must be from 0 to {IGNORED}, the last for no class, got "
            f"{labels.max()} in the {split} split; number them as CamVid does"
        )


def _files(folder: Path, name: str) -> Pair:
    images, labels = folder / name, folder / f"{name}annot"
    for one in (images, labels):
        if not one.is_dir():
            raise ValueError(
                f"{folder} must hold an npz file or CamVid's six folders, and has no {one.name}; "
                "see docs/crossroads.md"
            )
    names = sorted(path.name for path in images.glob("*.png"))
    if not 0 < len(names) <= MOST:
        raise ValueError(
            f"{images} must hold from 1 to {MOST} PNG files, and holds {len(names)}; name another"
        )
    pairs = [reduced(picture(images / n, "RGB"), picture(labels / n, None)) for n in names]
    shapes = {image.shape for image, _ in pairs}
    if len(shapes) > 1:
        raise ValueError(
            f"all images in {images} must have one size, got {' and '.join(map(str, shapes))}; "
            "resize them"
        )
    return np.stack([image for image, _ in pairs]), np.stack([label for _, label in pairs])


def picture(path: Path, mode: str | None) -> np.ndarray:
    """A PNG file: uint8[H, W, 3] with mode "RGB", else uint8[H, W], its entries as they are.

    Raises:
      ValueError: it is missing, damaged, too large, or of another kind.
      ModuleNotFoundError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "pictures in files need Pillow, and it is not installed: pip install 'jaxmeta[drive]'"
        ) from error
    try:
        with Image.open(io.BytesIO(read_bytes(path)), formats=["PNG"]) as image:
            if image.width * image.height > LARGEST:
                raise ValueError(f"{image.width}x{image.height} pixels")
            array = np.asarray(image.convert(mode) if mode else image)
    except Exception as error:  # Pillow has many for a damaged file
        cause = textwrap.shorten(str(error), 200)
        raise ValueError(
            f"{path} must be a PNG file of at most {LARGEST} pixels, and is not ({cause}); leave "
            "the picture out or mend it"
        ) from error
    if array.dtype != np.uint8 or array.ndim != (3 if mode else 2):
        raise ValueError(
            f"{path} must hold one byte for each pixel, its label, got {array.dtype} "
            f"{list(array.shape)}; write it as a grey or palette PNG"
        )
    return array


def reduced(image: np.ndarray, label: np.ndarray, widest: int = WIDEST) -> Pair:
    """Means of k x k pixels, and the label in the middle of each; k is the least that fits.

    What is over a multiple of 8 is cut off at the right and below.
    """
    if image.shape[:2] != label.shape[:2]:
        raise ValueError(
            f"a label must have the size of its picture, {list(image.shape[:2])}, got "
            f"{list(label.shape[:2])}; mend the pair"
        )
    k = -(-image.shape[1] // widest)
    height, width = (side // (8 * k) * 8 for side in image.shape[:2])
    image, label = image[: height * k, : width * k], label[: height * k, : width * k]
    blocks = image.reshape(height, k, width, k, 3).astype(np.uint32).sum((1, 3))
    return ((blocks + k * k // 2) // (k * k)).astype(np.uint8), label[k // 2 :: k, k // 2 :: k]
