"""Tuners: who chooses the next trial. Pure, exact, and knowing nothing of networks or disks."""

from jaxmeta.tuning.chains import KEYS, Chains, of_record
from jaxmeta.tuning.grid import Grid
from jaxmeta.tuning.optuna_search import OptunaSearch
from jaxmeta.tuning.poster_rule import PosterRule
from jaxmeta.tuning.presets import (
    PRESETS,
    TUNERS,
    default,
    from_record,
    make,
    options,
    to_record,
)
from jaxmeta.tuning.protocol import Tuner
from jaxmeta.tuning.random_search import Random
from jaxmeta.tuning.rank_gp import RankGP
from jaxmeta.tuning.three_way import ThreeWay
from jaxmeta.tuning.walk import Walk

__all__ = [
    "KEYS",
    "PRESETS",
    "TUNERS",
    "Chains",
    "Grid",
    "OptunaSearch",
    "PosterRule",
    "Random",
    "RankGP",
    "ThreeWay",
    "Tuner",
    "Walk",
    "default",
    "from_record",
    "make",
    "of_record",
    "options",
    "to_record",
]
