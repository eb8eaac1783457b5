"""Data sets as arrays in a fixed order, with a digest of every byte for the record.

MNIST comes with the package (`mnist_builder`). Fashion-MNIST is four files of the same format, from
Debian's package `dataset-fashion-mnist` or else downloaded. Any other image classification set of
TensorFlow Datasets is loaded by its name there (`tfds_sets`).

Order: MNIST and Fashion-MNIST keep the order of their files. The other sets keep the order in
which TFDS stores them, a hash of each example's key, fixed by the set's version. Their index order
would be the worse choice: many sets are generated class by class, and the last twelfth, held out
for validation, would be a few classes only.
"""

from pathlib import Path

import numpy as np

from jaxmeta.supervised.dataset import Dataset, Split
from jaxmeta.tasks import cache, idx, mnist_builder, tfds_sets
from jaxmeta.training.data import digest

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


def load(name: str = "mnist", train_size: int | None = None) -> Dataset:
    """The data set `name`: from the package, from this machine or through TensorFlow Datasets.

    The validation split is the end of the set's own training split: its last 5,000 examples, or its
    last twelfth (rounded down) where it has fewer than 60,000. MNIST: 55,000, 5,000 and 10,000.

    Args:
      name: "mnist", "fashion_mnist", or any image classification set of TFDS ("cifar10", ...).
      train_size: keep the first so many of the training examples only; None for all.

    Raises:
      ValueError: no such set, a set of another kind, a damaged file, or `train_size` out of range.
      ImportError: TFDS needs TensorFlow to prepare this set, and there is none.
      RuntimeError: the set could not be downloaded, prepared or read.
      OSError: the folder of prepared sets cannot be written.
    """
    readers = {"mnist": _mnist, "fashion_mnist": _fashion_mnist}
    (x, y), test, classes = readers[name]() if name in readers else _from_tfds(name)
    held_out = min(5_000, len(y) // 12)
    if not held_out:
        raise ValueError(
            f"a data set must have 12 training examples or more, to hold out a twelfth, and {name} "
            f"has {len(y)}; choose a larger one"
        )
    available = len(y) - held_out
    if train_size is not None and train_size not in range(1, available + 1):
        raise ValueError(
            f"train_size must be a whole number from 1 to {available} for {name}, got "
            f"{train_size!r}; leave it out for all"
        )
    splits = {
        "train": Split(x[:available][:train_size], y[:available][:train_size]),
        "validation": Split(x[available:], y[available:]),
        "test": test,
    }
    return Dataset(name=name, classes=classes, digest=digest(splits), ignored=None, **splits)


def _mnist() -> tuple[Split, Split, int]:
    arrays = mnist_builder.read(cache.folder())
    return _split(*arrays["train"], 10), _split(*arrays["test"], 10), 10


def _fashion_mnist() -> tuple[Split, Split, int]:
    """Read from its idx files wherever they come from, so that order and digest are the same."""
    names = [f"{name}.gz" for split in ("train", "test") for name in mnist_builder.FILES[split]]
    if DEBIAN_FASHION_MNIST.is_dir():
        paths = [DEBIAN_FASHION_MNIST / name for name in names]
    else:
        cache.allow("fashion_mnist", cache.has("fashion_mnist"))
        paths = tfds_sets.download("fashion_mnist", names, cache.folder())
    x, y, test_x, test_y = (idx.read(path) for path in paths)
    return _split(x[..., None], y, 10), _split(test_x[..., None], test_y, 10), 10


def _from_tfds(name: str) -> tuple[Split, Split, int]:
    cache.allow(name, cache.has(name))
    arrays, classes = tfds_sets.read(name, cache.folder())
    return _split(*arrays["train"], classes), _split(*arrays["test"], classes), classes


def _split(x: np.ndarray, y: np.ndarray, classes: int) -> Split:
    """Images and labels, whatever file they came from, as what they should be."""
    whole = (x.dtype, x.ndim, y.shape) == (np.uint8, 4, x.shape[:1])
    if not (whole and y.size and y.dtype.kind in "iu" and 0 <= y.min() <= y.max() < classes):
        raise ValueError(
            f"a data set must hold images, uint8 [n, H, W, C], and labels from 0 to {classes - 1}, "
            f"integers [n], got {x.dtype} {list(x.shape)} and {y.dtype} {list(y.shape)}; check the "
            "files, and fetch them again"
        )
    return Split(x, y.astype(np.int32))
