"""Perception of a crossroads camera: what each pixel is, how far away, or both."""

from functools import partial

import numpy as np

from jaxmeta.length import Training
from jaxmeta.models.unet import UNet
from jaxmeta.score import FLOAT
from jaxmeta.space import Log, Values
from jaxmeta.supervised import Dataset, Split, Task
from jaxmeta.supervised.constructors import made_of
from jaxmeta.supervised.pixels import BOTH, DEPTH, MEAN_IOU, Both, LogDepth, Segmentation
from jaxmeta.tasks import crossroads_data
from jaxmeta.training.data import digest

HEADS = ("segmentation", "depth", "both")
AXES = {"batch_size": Values(5, 10, 20, 40, start=10)}
MIDDLE = 2.7  # log metres, about what a pixel's depth is


def crossroads(heads: str = "segmentation", train_size: int | None = None) -> Task:
    """A small U-Net on the pictures that come with the package: 600 / 150 / 150 of 96x72.

    Segmentation learns by cross entropy and is scored by mean intersection over union, from one
    integer confusion matrix of the split; depth learns by the mean absolute error of log depth, and
    minus that is its score; both learn by the sum of the two losses, depth's times `depth_weight`,
    and are scored by the sum of the two scores, which no weight touches.

    Args:
      heads: "segmentation", "depth" or "both".
      train_size: train on the first so many pictures only; None for all.

    Raises:
      ValueError: there is no such head, or `train_size` is out of range.
    """
    if heads not in HEADS:
        raise ValueError(f"heads must be one of {', '.join(HEADS)}, got {heads!r}; choose one")
    classes = len(crossroads_data.CLASSES)
    labels, depth = Segmentation(classes), LogDepth(crossroads_data.log_depths())
    what, meaning, first = {
        "segmentation": (labels, MEAN_IOU, (0.0,) * classes),
        "depth": (depth, DEPTH, (MIDDLE,)),
        "both": (Both(labels, depth), BOTH, (0.0,) * classes + (MIDDLE,)),
    }[heads]
    return made_of(
        "crossroads",
        partial(UNet, len(first), first),
        _data(heads, train_size),
        *(what.loss, what.points, FLOAT, meaning),
        axes=AXES | ({"depth_weight": Log(0.1, 10.0, start=1.0)} if heads == "both" else {}),
        defaults={"batch_size": 10, "learning_rate": 3e-3},
        options={"heads": heads, "train_size": train_size},
        fixed_order=heads == "segmentation",
        summary=what.summary,
        training=Training(6, 6),
    )


def _data(heads: str, train_size: int | None) -> Dataset:
    arrays, whole = crossroads_data.read(), crossroads_data.SIZES["train"]
    if train_size is not None and train_size not in range(1, whole + 1):
        raise ValueError(
            f"train_size must be a whole number from 1 to {whole} for crossroads, got "
            f"{train_size!r}; leave it out for all"
        )
    splits = {}
    for split in crossroads_data.SIZES:
        n = train_size if split == "train" else None
        rgb, *targets = (arrays[f"{split}_{what}"][:n] for what in ("rgb", "label", "depth"))
        label, depth = (target.astype(np.int32) for target in targets)
        y = {"segmentation": label, "depth": depth, "both": np.stack([label, depth], axis=3)}
        splits[split] = Split(rgb, y[heads])
    classes = len(crossroads_data.CLASSES)
    return Dataset("crossroads", classes=classes, digest=digest(splits), **splits)
