"""Tasks for the levels of the promise, named on the command line as tests.repro.networks:NAME."""

from dataclasses import replace

import jax
import optax
from flax import linen as nn

from jaxmeta.models.poster import PosterNet
from jaxmeta.supervised import Dataset, Split, Task, classification
from jaxmeta.supervised.optimizers import adam
from jaxmeta.tasks.data import load
from jaxmeta.tasks.small import spirals
from jaxmeta.training.data import digest


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
    """The poster's network; dropout 0.4, since with one half 1 / keep is exact."""
    name = "tests.repro.networks:poster"
    return classification(name, PosterNet(dropout=0.4), digits(), fixed_order=True)


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


def left_to_right() -> Task:
    """The control: spirals, with each step u of its optimizer taken as (u + b) - b."""
    return _summed(lambda u, b: (u + b) - b)


def right_to_left() -> Task:
    """The same sum in the other order, u + (b - b): the two differ by a rounding of u."""
    return _summed(lambda u, b: u + (b - b))


def _summed(order) -> Task:
    """b is 1,000 learning rates and u at most a few: u + b has no room for the last digits of u.

    On no processor; and b must not be a constant, since XLA adds two constants first.
    """

    def optimizer(learning_rate) -> optax.GradientTransformation:
        def rounded(updates, _):
            return jax.tree.map(lambda u: order(u, 1_000 * learning_rate), updates)

        return optax.chain(adam(learning_rate), optax.stateless(rounded))

    return replace(spirals(), optimizers={"rounded": optimizer}, defaults={})
