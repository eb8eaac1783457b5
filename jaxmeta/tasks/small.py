"""Two tasks that train in a second: for a first look, and for tests that need thousands of studies.

Their data are formulas, so they are the same everywhere and need no file.
"""

from functools import partial
from typing import Any

import jax
import numpy as np
from flax import linen as nn

from jaxmeta.models.layers import Dense, Dropout
from jaxmeta.space import Values
from jaxmeta.supervised import Dataset, Task, arrays, classification, regression

WIDTHS = Values(8, 16, 32, 64, 128, start=32)
WIDEST = 2**16  # units: a record is a stranger's, and may ask for any number


class Perceptron(nn.Module):
    """One hidden layer of `width` ReLU units: float32[B, inputs] -> float32[B, outputs]."""

    outputs: int
    width: int = 32
    dropout: float | jax.Array = 0.0

    @nn.compact
    def __call__(self, x, *, train: bool):
        if type(self.width) is not int or not 1 <= self.width <= WIDEST:
            raise ValueError(
                f"width must be a whole number from 1 to {WIDEST}, got {self.width!r:.100}; "
                "change it"
            )
        last = Dense(self.outputs)  # made first, so that its weights are those of "Dense_0"
        x = nn.relu(Dense(self.width)(x))
        return last(Dropout(self.dropout)(x, deterministic=not train))


def _shuffled(n: int) -> np.ndarray:
    """0, 1, ..., n - 1 in an order far from sorted, without a generator: steps of a prime."""
    return np.arange(n) * 7919 % n


def _held_out(name: str, x: np.ndarray, y: np.ndarray, train_size: int | None) -> Dataset:
    """The last quarter is the test set, a quarter before it validation; 7919 divides no such n."""
    quarter = len(x) // 4
    test = (x[-quarter:], y[-quarter:])
    x, y = x[:-quarter], y[:-quarter]
    available = len(x) - quarter
    size = available if train_size is None else train_size
    if not 0 < size <= available:
        raise ValueError(f"train_size must be from 1 to {available} for {name}, got {train_size}")
    x, y = np.concatenate([x[:size], x[-quarter:]]), np.concatenate([y[:size], y[-quarter:]])
    return arrays(name, x, y, test=test, validation=quarter)


def spirals(train_size: int | None = None) -> Task:
    """Three spiral arms in the plane, to be told apart: 1,200 / 600 / 600 points, score a count."""
    n = _shuffled(2400)
    arm, along = n % 3, n / 2400
    angle = 2 * np.pi * (along + arm / 3)
    x = np.stack([along * np.cos(angle), along * np.sin(angle)], axis=1)
    data = _held_out("spirals", x, arm, train_size)
    return classification(
        "spirals", partial(Perceptron, 3), data, fixed_order=True, **_known(train_size)
    )


def sine(train_size: int | None = None) -> Task:
    """sin(2 pi x) for x in [0, 1): 512 / 256 / 256 points, score an exact float.

    Its bits are those of one program at one width: of a product with a single input or output XLA
    makes sums and multiplications, and rounds them otherwise in other surroundings.
    """
    x = (_shuffled(1024) / 1024).reshape(-1, 1)
    data = _held_out("sine", x, np.sin(2 * np.pi * x), train_size)
    return regression("sine", partial(Perceptron, 1), data, **_known(train_size))


def _known(train_size: int | None) -> dict[str, Any]:
    """What both tasks say of themselves."""
    return {"axes": {"width": WIDTHS}, "options": {"train_size": train_size}}
