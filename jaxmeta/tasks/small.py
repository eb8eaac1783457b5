"""Two tasks that train in a second: for a first look, and for tests that need thousands of studies.

Their data are formulas, so they are the same everywhere and need no file.
"""

import numpy as np
from flax import linen as nn

from jaxmeta.models.layers import Dense
from jaxmeta.tasks.data import Dataset
from jaxmeta.tasks.task import Task, arrays, classification, regression


class Perceptron(nn.Module):
    """One hidden layer of `hidden` ReLU units: float32[B, inputs] -> float32[B, outputs]."""

    hidden: int
    outputs: int

    @nn.compact
    def __call__(self, x, *, train: bool):
        del train
        return Dense(self.outputs)(nn.relu(Dense(self.hidden)(x)))


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
    return classification("spirals", Perceptron(32, 3), data, options={"train_size": train_size})


def sine(train_size: int | None = None) -> Task:
    """sin(2 pi x) for x in [0, 1): 512 / 256 / 256 points, score an exact float."""
    x = (_shuffled(1024) / 1024).reshape(-1, 1)
    data = _held_out("sine", x, np.sin(2 * np.pi * x), train_size)
    return regression("sine", Perceptron(32, 1), data, options={"train_size": train_size})
