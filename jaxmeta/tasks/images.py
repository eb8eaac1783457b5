"""The poster's task: its network on MNIST, or on any image-classification set of TFDS."""

from functools import partial

from jaxmeta.models.poster import PosterNet
from jaxmeta.space import Linear
from jaxmeta.supervised import Task, classification
from jaxmeta.tasks.data import load


def images(dataset: str = "mnist", train_size: int | None = None) -> Task:
    """The poster's network and loss on the images of `dataset` (see `tasks.data.load`).

    The network takes `dropout`, which is one half where nobody says otherwise.

    Args:
      dataset: "mnist", which comes with the package, or a name of TensorFlow Datasets.
      train_size: train on the first so many examples only; None for all.
    """
    data = load(dataset, train_size)
    return classification(
        "mnist",
        partial(PosterNet, data.classes),
        data,
        axes={"dropout": Linear(0.0, 0.8, 0.1, start=0.5)},
        options={"dataset": dataset, "train_size": train_size},
        fixed_order=True,
    )
