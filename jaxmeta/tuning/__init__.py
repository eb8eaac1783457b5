"""Tuners: who chooses the next training. Pure, exact, and knowing nothing of networks or disks."""

from jaxmeta.tuning.grid import Grid
from jaxmeta.tuning.lattice import GEOMETRIES, Lattice
from jaxmeta.tuning.optuna_search import OptunaSearch
from jaxmeta.tuning.presets import PRESETS, TUNERS, from_record, make, to_record
from jaxmeta.tuning.protocol import Tuner
from jaxmeta.tuning.random_search import Random
from jaxmeta.tuning.three_way import ThreeWay
from jaxmeta.tuning.tune_learning_rate import TuneLearningRate
from jaxmeta.tuning.walk import Walk, Wanted

__all__ = [
    "GEOMETRIES",
    "PRESETS",
    "TUNERS",
    "Grid",
    "Lattice",
    "OptunaSearch",
    "Random",
    "ThreeWay",
    "TuneLearningRate",
    "Tuner",
    "Walk",
    "Wanted",
    "from_record",
    "make",
    "to_record",
]
