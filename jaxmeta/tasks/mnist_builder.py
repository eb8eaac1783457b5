"""MNIST: four idx files that come with the package, served through TensorFlow Datasets.

TFDS's own `mnist` needs a network to fetch the files and TensorFlow to encode the images. The
builder here needs neither: it writes the shipped files as tensors of uint8 to ArrayRecord, once
per user, and `as_data_source` reads them back. A record holds 1,000 images, in index order; with
one image to a record, reading took 11 times as long.

Nothing is taken on trust: the shipped files are checked against the SHA-256 of the original ones
before they are used, and what was read back is written as idx files again, in memory, and checked
against the same SHA-256. A load gives MNIST byte for byte, or an error.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxmeta.tasks import cache, idx
from jaxmeta.tasks.prepared import check

SHIPPED = Path(__file__).parent / "mnist"
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
NAME, VERSION = "jaxmeta_mnist", "1.0.0"
IMAGES_PER_RECORD = 1_000

Arrays = tuple[np.ndarray, np.ndarray]  # images uint8 [n, 28, 28, 1], labels uint8 [n]


def read(folder: Path) -> dict[str, Arrays]:
    """MNIST's training and test split as TFDS reads them from `folder`, prepared there if need be.

    Raises:
      ValueError: a shipped file is not the original one.
      RuntimeError: the shipped files are right, but what was prepared of them is not.
    """
    prepared = folder / NAME / VERSION
    with cache.locked(folder, "mnist"), cache.quiet():
        with contextlib.suppress(Exception):  # not there, or damaged in whatever way: made anew
            check(prepared.parent)
            return _read_back(prepared)
        shipped = {split: _shipped(split) for split in FILES}
        try:
            with contextlib.suppress(OSError):  # it is a folder, or is not there
                prepared.parent.unlink()
            shutil.rmtree(prepared.parent, ignore_errors=True)  # with what a killed process left
            _prepare(folder, shipped)
            return _read_back(prepared)
        except Exception as error:
            raise RuntimeError(
                f"MNIST could not be prepared in {prepared.parent} ({error}); delete that folder, "
                "see that its disk has room, or set JAXMETA_DATA to another folder"
            ) from error


def _shipped(split: str) -> Arrays:
    contents = []
    for name in FILES[split]:
        path = SHIPPED / f"{name}.gz"
        content = idx.read_bytes(path)
        _check(content, name, f"the shipped file {path}")
        contents.append(idx.parse(content, path))
    images, labels = contents
    return images[..., None], labels


def _prepare(folder: Path, shipped: dict[str, Arrays]) -> None:
    """Writes the arrays to ArrayRecord, in a folder of another name until it is whole."""
    import tensorflow_datasets as tfds

    class Mnist(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        """MNIST in records of 1,000 images."""

        name = NAME
        VERSION = tfds.core.Version(VERSION)
        code_path = None  # beside it TFDS would look for the checksums of downloads: there are none

        def _info(self) -> tfds.core.DatasetInfo:
            features = {
                "image": tfds.features.Tensor(
                    shape=(None, 28, 28, 1), dtype=np.uint8, encoding="bytes"
                ),
                "label": tfds.features.Tensor(shape=(None,), dtype=np.uint8, encoding="bytes"),
            }
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(features),
                supervised_keys=("image", "label"),
                disable_shuffling=True,
            )

        def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
            return {split: self._generate_examples(*arrays) for split, arrays in shipped.items()}

        def _generate_examples(
            self, images: np.ndarray, labels: np.ndarray
        ) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
            for start in range(0, len(labels), IMAGES_PER_RECORD):
                record = slice(start, start + IMAGES_PER_RECORD)
                yield start, {"image": images[record], "label": labels[record]}

    Mnist(data_dir=folder).download_and_prepare(file_format="array_record")


def _read_back(prepared: Path) -> dict[str, Arrays]:
    import tensorflow_datasets as tfds

    builder: Any = tfds.builder_from_directory(prepared)
    return {split: _read_split(builder.as_data_source(split), split) for split in FILES}


def _read_split(source: Any, split: str) -> Arrays:
    records = source.__getitems__(range(len(source)))
    images = np.concatenate([record["image"] for record in records])
    labels = np.concatenate([record["label"] for record in records])
    for name, array in zip(FILES[split], (images[..., 0], labels), strict=True):
        _check(idx.dump(array), name, f"{name}, as read back from ArrayRecord,")
    return images, labels


def _check(content: bytes, name: str, what: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256[name]:
        raise ValueError(
            f"{what} must have SHA-256 {SHA256[name]}, got {found}; install jaxmeta again"
        )
