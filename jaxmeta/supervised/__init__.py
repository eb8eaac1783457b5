"""The built-in trainable: networks that learn from examples in mini-batches."""

from jaxmeta.supervised.constructors import classification, regression
from jaxmeta.supervised.dataset import Dataset, Split, arrays
from jaxmeta.supervised.optimizers import OPTIMIZERS
from jaxmeta.supervised.regularizers import REGULARIZERS
from jaxmeta.supervised.task import Task

__all__ = [
    "OPTIMIZERS",
    "REGULARIZERS",
    "Dataset",
    "Split",
    "Task",
    "arrays",
    "classification",
    "regression",
]
