"""jaxmeta tunes the hyperparameters of a JAX training, and every study is an exact record.

The record can be resumed, replayed and verified bit for bit; see the README.
"""

import os
import sys

# `python -m jaxmeta.cli` puts the current folder first on the path: it may be a stranger's study,
# and hold a jax.py.
_here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if sys.orig_argv[1:3] == ["-m", "jaxmeta.cli"] and sys.path[0] == os.getcwd() != _here:
    del sys.path[0]

from jaxmeta import runtime  # noqa: E402

runtime.pin()  # before JAX starts: see `runtime`

from jaxmeta.study import Study, resume, run  # noqa: E402
from jaxmeta.tasks import Task, arrays, classification, regression  # noqa: E402
from jaxmeta.training.program import Training  # noqa: E402
from jaxmeta.tuning import Grid, Lattice, Random, ThreeWay, TuneLearningRate  # noqa: E402
from jaxmeta.version import VERSION  # noqa: E402

__version__ = VERSION

__all__ = [
    "Grid",
    "Lattice",
    "Random",
    "Study",
    "Task",
    "ThreeWay",
    "Training",
    "TuneLearningRate",
    "arrays",
    "classification",
    "regression",
    "resume",
    "run",
]
