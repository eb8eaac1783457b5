"""The poster's task: its network on MNIST, or on any image-classification set of TFDS."""

from jaxmeta.models.poster import PosterNet
from jaxmeta.tasks.data import load
from jaxmeta.tasks.task import Task, classification


def images(dataset: str = "mnist", train_size: int | None = None) -> Task:
    """The poster's network and loss on the images of `dataset` (see `tasks.data.load`).

    Args:
      dataset: "mnist", which comes with the package, or a name of TensorFlow Datasets.
      train_size: train on the first so many examples only; None for all.
    """
    data = load(dataset, train_size)
    return classification(
        "mnist",
        PosterNet(classes=data.classes),
        data,
        options={"dataset": dataset, "train_size": train_size},
    )
