"""Tuners: who chooses the next training. Pure, exact, and knowing nothing of networks or disks."""

from jaxmeta.tuning.chains import KEYS, Chains, Name, Turn, of_record
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
    "KEYS",
    "PRESETS",
    "TUNERS",
    "Chains",
    "Grid",
    "Lattice",
    "Name",
    "OptunaSearch",
    "Random",
    "ThreeWay",
    "TuneLearningRate",
    "Tuner",
    "Turn",
    "Walk",
    "Wanted",
    "from_record",
    "make",
    "of_record",
    "to_record",
]
