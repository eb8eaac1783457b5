"""Image classification sets of TensorFlow Datasets, by name, stored as ArrayRecord.

Reading a prepared set takes no TensorFlow. Preparing one mostly does: TFDS encodes images with it
and opens downloaded archives through it. So a set of `features.Image` asks for it before anything
is downloaded; `pip install 'jaxmeta[tfds]'` brings it.
"""

import contextlib
import difflib
import importlib.util
import logging
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxmeta.tasks import cache
from jaxmeta.tasks.prepared import check

EXAMPLES_AT_ONCE = 1_000
NAME = r"\w+(/(?!\.+(:|$))[\w+.-]+)?(:\d+\.\d+\.\d+)?"

log = logging.getLogger(__name__)

Arrays = tuple[np.ndarray, np.ndarray]  # images uint8 [n, H, W, C], labels int64 [n]


def read(name: str, folder: Path) -> tuple[dict[str, Arrays], int]:
    """The training and test split of the TFDS set `name`, prepared in `folder`, and its classes.

    Args:
      name: as TFDS writes it, "cifar10", with a configuration or a version if need be:
        "emnist/letters", "cifar10:3.0.2".

    Raises:
      ValueError: TFDS has no such set, or it is not one of labelled images of one size.
      ImportError: it has to be prepared with TensorFlow, which is not installed.
      RuntimeError: it could not be downloaded, prepared or read.
    """
    with cache.quiet():
        import tensorflow_datasets as tfds

        known = tfds.list_builders(with_community_datasets=False)
    base = re.split("[/:]", name)[0]
    if base not in known:
        close = " or ".join(difflib.get_close_matches(base.lower(), known))
        hint = f"did you mean {close}?" if close else "see the catalogue of TensorFlow Datasets"
        raise ValueError(f"dataset must be a name of TensorFlow Datasets, got {name!r}; {hint}")
    if not re.fullmatch(NAME, name, re.ASCII):
        raise ValueError(
            "dataset must be a name, with a configuration or a version if need be, as in "
            f"emnist/letters or cifar10:3.0.2, got {name!r}; leave out what is more"
        )
    with cache.locked(folder, base):
        check(folder / base)
        with _explained(name, folder / base):
            builder: Any = tfds.builder(name, data_dir=folder)
        image, label = _image_and_label(builder.info, name)
        cache.allow(name, builder.data_path.exists())
        if not builder.data_path.exists():
            if isinstance(builder.info.features[image], tfds.features.Image):
                _need_tensorflow(name)
            log.warning("preparing %s in %s, once; this may take minutes", name, folder)
        with _explained(name, folder / base):
            builder.download_and_prepare(file_format="array_record")
        if missing := {"train", "test"} - set(builder.info.splits):
            raise ValueError(
                f"a data set must have the splits train and test, and {name} has no "
                f"{' and no '.join(sorted(missing))}; choose another"
            )
        with _explained(name, folder / base):
            arrays = {
                split: _read_split(builder.as_data_source(split), image, label)
                for split in ("train", "test")
            }
    for split, (_, labels) in arrays.items():
        if labels.min() < 0:
            raise ValueError(f"all examples must have a label, and {name} hides those of {split}")
    return arrays, builder.info.features[label].num_classes


def download(name: str, files: list[str], folder: Path) -> list[Path]:
    """The files of the TFDS set `name`, fetched once and checked against TFDS's SHA-256.

    Raises:
      RuntimeError: they could not be fetched.
    """
    into = folder / name
    if not into.exists():
        log.warning("downloading %s to %s, once", name, into)
    with cache.locked(folder, name):
        check(into)
        with _explained(name, into):
            import tensorflow_datasets as tfds

            builder: Any = tfds.builder_cls(name)
            manager: Any = tfds.download.DownloadManager(download_dir=into)
            return [Path(path) for path in manager.download([builder.URL + file for file in files])]


def _image_and_label(info: Any, name: str) -> tuple[str, str]:
    """The names of the two features that make a set of labelled uint8 images of one size."""
    import tensorflow_datasets as tfds

    match info.supervised_keys:
        case str(image), str(label):
            shape = info.features[image].shape
            if (
                isinstance(info.features[label], tfds.features.ClassLabel)
                and info.features[image].np_dtype == np.uint8
                and len(shape) == 3
                and None not in shape
            ):
                return image, label
    raise ValueError(
        f"a data set must hold labelled images of one size, uint8 [H, W, C], and {name} holds "
        f"{textwrap.shorten(str(info.features), 200)}; choose another"
    )


def _need_tensorflow(name: str) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        raise ImportError(
            f"TensorFlow Datasets encodes the images of {name} with TensorFlow, which is not "
            "installed; pip install 'jaxmeta[tfds]'"
        )


def _read_split(source: Any, image: str, label: str) -> Arrays:
    first = source[0][image]
    images = np.empty((len(source), *first.shape), first.dtype)
    labels = np.empty(len(source), np.int64)
    for start in range(0, len(source), EXAMPLES_AT_ONCE):
        rows = range(start, min(start + EXAMPLES_AT_ONCE, len(source)))
        examples = source.__getitems__(rows)
        images[rows.start : rows.stop] = [example[image] for example in examples]
        labels[rows.start : rows.stop] = [example[label] for example in examples]
    return images, labels


@contextlib.contextmanager
def _explained(name: str, prepared: Path) -> Iterator[None]:
    """Runs TFDS in silence, and says what to do about whatever it raises."""
    try:
        with cache.quiet():
            yield
    except Exception as error:
        cause = textwrap.shorten(f"{type(error).__name__}: {error}", 300)
        raise RuntimeError(
            f"TensorFlow Datasets could not give {name} ({cause}); check its spelling, the network "
            f"and the disk, delete {prepared} if it is damaged, and try again"
        ) from error
