"""Perception of a crossroads camera: what each pixel is, how far away, or both."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from jaxmeta.length import Training
from jaxmeta.models.unet import UNet
from jaxmeta.score import FLOAT
from jaxmeta.space import Linear, Log, Values
from jaxmeta.supervised import Dataset, Split, Task
from jaxmeta.supervised.constructors import made_of
from jaxmeta.supervised.pixels import BOTH, DEPTH, MEAN_IOU, Both, LogDepth, Segmentation
from jaxmeta.tasks import crossroads_data, pictures, tfds_scenes
from jaxmeta.training.data import digest

HEADS = ("segmentation", "depth", "both")
AXES = {"batch_size": Values(5, 10, 20, 40, start=10), "dropout": Linear(0.0, 0.5, 0.1)}


class _Scenes(NamedTuple):
    """Pictures of one source, with the targets that it has."""

    name: str
    heads: tuple[str, ...]
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]]  # for "both" targets are [n, H, W, 2]
    classes: int = 0
    ignored: int | None = None
    range: tuple[float, float] = (crossroads_data.NEAREST, crossroads_data.FARTHEST)


def crossroads(
    heads: str = "segmentation",
    data: str | None = None,
    dataset: str | None = None,
    train_size: int | None = None,
) -> Task:
    """A small U-Net on the pictures that come with the package: 600 / 150 / 150 of 96x72.

    Segmentation learns by cross entropy and is scored by mean intersection over union, from one
    integer confusion matrix of the split; depth learns by the mean absolute error of log depth, and
    minus that is its score; both learn by the sum of the two losses, depth's times `depth_weight`,
    and are scored by the sum of the two scores, which no weight touches.

    Args:
      heads: "segmentation", "depth" or "both".
      data: a folder of labelled pictures instead, see `tasks.pictures`.
      dataset: "cityscapes" or "nyu_depth_v2" instead, see `tasks.tfds_scenes`.
      train_size: train on the first so many pictures only; None for all.

    Raises:
      ValueError: there is no such head, these pictures have no such targets, the folder does not
        fit, or `train_size` is out of range.
      RuntimeError: TensorFlow Datasets has not prepared the set on this machine.
    """
    if heads not in HEADS:
        raise ValueError(f"heads must be one of {', '.join(HEADS)}, got {heads!r:.100}; choose one")
    scenes = _scenes(heads, data, dataset)
    if heads not in scenes.heads:
        raise ValueError(
            f"heads must be {' or '.join(scenes.heads)} for {scenes.name}, which has no other "
            f"targets, got {heads}; choose another"
        )
    labels = Segmentation(scenes.classes, scenes.ignored)
    logs = crossroads_data.log_depths(*scenes.range)
    depth = LogDepth(logs)
    middle = float(np.round(logs[1:].mean(), 1))  # log metres: where depth begins
    what, meaning, first = {
        "segmentation": (labels, MEAN_IOU, (0.0,) * scenes.classes),
        "depth": (depth, DEPTH, (middle,)),
        "both": (Both(labels, depth), BOTH, (0.0,) * scenes.classes + (middle,)),
    }[heads]
    return made_of(
        "crossroads",
        partial(UNet, len(first), first),
        _dataset(scenes, train_size),
        *(what.loss, what.points, FLOAT, meaning),
        axes=AXES | ({"depth_weight": Log(0.1, 10.0, start=1.0)} if heads == "both" else {}),
        defaults={"batch_size": 10, "learning_rate": 3e-3},
        options={"heads": heads, "data": data, "dataset": dataset, "train_size": train_size},
        fixed_order=heads == "segmentation",
        summary=what.summary,
        training=Training(6, 6),
    )


def _scenes(heads: str, data: str | None, dataset: str | None) -> _Scenes:
    if data is not None and dataset is not None:
        raise ValueError("data names a folder and dataset a set, and one is enough; leave one out")
    if data is not None:
        found = pictures.read(data), len(pictures.CLASSES), pictures.IGNORED
        return _Scenes(f"the folder {data}", HEADS[:1], *found)
    if dataset is None:
        return _frozen(heads)
    if dataset not in tfds_scenes.SETS:
        raise ValueError(
            f"dataset must be one of {', '.join(tfds_scenes.SETS)} for crossroads, got "
            f"{dataset!r:.100}; leave it out for what comes with the package"
        )
    one, splits = tfds_scenes.SETS[dataset], tfds_scenes.read(dataset)
    x, y = splits["train"]
    n = len(x) - max(1, len(x) // 12)
    splits |= {"train": (x[:n], y[:n]), "validation": (x[n:], y[n:])}
    return _Scenes(dataset, (one.head,), splits, one.classes, one.classes or None, one.range)


def _frozen(heads: str) -> _Scenes:
    arrays, splits = crossroads_data.read(), {}
    for split in crossroads_data.SIZES:
        rgb, label, depth = (arrays[f"{split}_{what}"] for what in ("rgb", "label", "depth"))
        y = {"segmentation": label, "depth": depth, "both": np.stack([label, depth], axis=3)}
        splits[split] = rgb, y[heads]
    return _Scenes("crossroads", HEADS, splits, len(crossroads_data.CLASSES))


def _dataset(scenes: _Scenes, train_size: int | None) -> Dataset:
    whole = len(scenes.splits["train"][0])
    if train_size is not None and train_size not in range(1, whole + 1):
        raise ValueError(
            f"train_size must be a whole number from 1 to {whole} for {scenes.name}, got "
            f"{train_size!r}; leave it out for all"
        )
    splits = {
        split: Split(x[:n], y[:n].astype(np.int32))
        for split, (x, y) in scenes.splits.items()
        for n in [train_size if split == "train" else None]
    }
    name = "a folder" if scenes.name.startswith("the ") else scenes.name
    return Dataset(
        name, **splits, classes=scenes.classes, digest=digest(splits), ignored=scenes.ignored
    )
