"""Cityscapes and NYU Depth v2 from TensorFlow Datasets, made small enough to train on.

Only where TFDS has them prepared on this machine, as ArrayRecord: Cityscapes asks for an account,
and NYU Depth v2 is 32 GB. Reading them whole is untested, for want of both; what is made of an
example is tested.
"""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxmeta.tasks import cache
from jaxmeta.tasks.crossroads_data import encode
from jaxmeta.tasks.pictures import Pair, reduced

# Cityscapes' nineteen classes that count, by the number that its files have for each.
TRAINED = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
MOST = 3_000  # pictures of the training split, so that they fit into memory


class Scenes(NamedTuple):
    """A set of TFDS: which split is held out as test, and what is in an example."""

    image: str
    target: str
    test: str
    head: str
    classes: int = 0
    range: tuple[float, float] = (0.5, 10.0)  # metres


SETS = {
    "cityscapes": Scenes("image_left", "segmentation_label", "validation", "segmentation", 19),
    "nyu_depth_v2": Scenes("image", "depth", "validation", "depth"),
}


def read(name: str) -> dict[str, Pair]:
    """Training and test split of the set `name`, one of SETS.

    Raises:
      RuntimeError: it is not prepared on this machine, or cannot be read.
    """
    scenes = SETS[name]
    try:
        with cache.quiet():
            import tensorflow_datasets as tfds

            builder: Any = tfds.builder(name, data_dir=cache.folder())
            sources = {s: builder.as_data_source(s) for s in ("train", scenes.test)}
    except Exception as error:
        raise RuntimeError(
            f"{name} must be prepared in {cache.folder()} as ArrayRecord, and cannot be read "
            f"({type(error).__name__}); download and prepare it with TensorFlow Datasets"
        ) from error
    return {
        "train": converted(scenes, itertools.islice(sources["train"], MOST)),
        "test": converted(scenes, sources[scenes.test]),
    }


def converted(scenes: Scenes, examples: Iterable[Mapping[str, np.ndarray]]) -> Pair:
    """Pictures and targets: labels 0 to classes - 1, and `classes` for none; or codes of depth."""
    labels = np.full(256, scenes.classes, np.uint8)
    labels[list(TRAINED)] = np.arange(len(TRAINED))
    pairs = []
    for example in examples:
        image, target = (np.asarray(example[n]) for n in (scenes.image, scenes.target))
        image, target = reduced(image, target.reshape(image.shape[:2]))
        if scenes.head == "depth":
            metres = np.where(target > 0, target, np.inf).astype(np.float64)
            pairs.append((image, encode(metres, *scenes.range)))
        else:
            pairs.append((image, labels[target.astype(np.uint8)]))
    images, targets = zip(*pairs, strict=True)
    return np.stack(images), np.stack(targets)
