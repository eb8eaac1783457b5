"""jaxmeta tunes the hyperparameters of a JAX training, and every study is an exact record.

The record can be resumed, replayed and verified bit for bit; see the README.
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

# `python -m jaxmeta.cli` puts the current folder first on the path: it may be a stranger's study,
# and hold a jax.py.
_here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if sys.orig_argv[1:3] == ["-m", "jaxmeta.cli"] and sys.path[0] == os.getcwd() != _here:
    del sys.path[0]

from jaxmeta import runtime  # noqa: E402

runtime.pin()  # before JAX starts: see `runtime`

from jaxmeta.version import VERSION  # noqa: E402

if TYPE_CHECKING:
    from jaxmeta.engine import Place
    from jaxmeta.outcome import Outcome, load, tune
    from jaxmeta.prior import Prior
    from jaxmeta.running import resume, run
    from jaxmeta.space import Choice, Linear, Log, Space, Values
    from jaxmeta.study import Study
    from jaxmeta.supervised import Task, arrays, classification, regression
    from jaxmeta.training import Lanes, Training, objective, trainable
    from jaxmeta.tuning import Grid, OptunaSearch, PosterRule, Random, RankGP, ThreeWay

__version__ = VERSION

# Where each public name is defined; loaded when it is first used, so that importing jaxmeta is
# quick, and a room can be imported without the rooms above it.
_HOMES = {
    "Choice": "space",
    "Grid": "tuning",
    "Lanes": "training",
    "Linear": "space",
    "Log": "space",
    "OptunaSearch": "tuning",
    "Outcome": "outcome",
    "Place": "engine",
    "PosterRule": "tuning",
    "Prior": "prior",
    "Random": "tuning",
    "RankGP": "tuning",
    "Space": "space",
    "Study": "study",
    "Task": "supervised",
    "ThreeWay": "tuning",
    "Training": "training",
    "Values": "space",
    "arrays": "supervised",
    "classification": "supervised",
    "load": "outcome",
    "objective": "training",
    "regression": "supervised",
    "resume": "running",
    "run": "running",
    "trainable": "training",
    "tune": "outcome",
}

__all__ = [
    "Choice",
    "Grid",
    "Lanes",
    "Linear",
    "Log",
    "OptunaSearch",
    "Outcome",
    "Place",
    "PosterRule",
    "Prior",
    "Random",
    "RankGP",
    "Space",
    "Study",
    "Task",
    "ThreeWay",
    "Training",
    "Values",
    "arrays",
    "classification",
    "load",
    "objective",
    "regression",
    "resume",
    "run",
    "trainable",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"jaxmeta has no {name!r}; the public names are in jaxmeta.__all__")
    return getattr(importlib.import_module(f"jaxmeta.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
