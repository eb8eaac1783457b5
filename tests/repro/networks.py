"""Tasks for the levels of the promise, named on the command line as tests.repro.networks:NAME."""

import optax
from flax import linen as nn

from jaxmeta.models.poster import PosterNet
from jaxmeta.tasks import Task, classification
from jaxmeta.tasks.data import Dataset, Split, digest, load


def digits() -> Dataset:
    """A small part of MNIST: 1,000 digits to train on, 500 to validate and 500 to test."""
    whole = load("mnist", train_size=1000)
    splits = {
        "train": whole.train,
        "validation": Split(*(array[:500] for array in whole.validation)),
        "test": Split(*(array[:500] for array in whole.test)),
    }
    return Dataset(name="digits", classes=10, digest=digest(splits), **splits)


def poster() -> Task:
    """The poster's network; keep = 0.6, since one half would hide a division (BITS, "Pitfalls")."""
    return classification("tests.repro.networks:poster", PosterNet(keep=0.6), digits())


class Plain(nn.Module):
    """The same shapes, written as everybody writes them, but for the slow convolutions."""

    @nn.compact
    def __call__(self, x, *, train: bool):
        x = x.reshape(len(x), -1)
        for features in (3136, 1024):
            x = nn.relu(nn.Dense(features)(x))
        return nn.Dense(10)(nn.Dropout(0.4, deterministic=not train)(x))


def plain() -> Task:
    """The control: Flax's own layers, optax's own Adam, batches of 1,000."""
    return classification("tests.repro.networks:plain", Plain(), digits(), optimizer=optax.adam)
