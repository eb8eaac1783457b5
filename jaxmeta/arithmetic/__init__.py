"""What networks, losses and optimisers compute with, so that their bits stay the same.

Two arithmetics behind one interface: `operations`. Which one is traced says `mode`.
"""

from jaxmeta.arithmetic.exact import VERSION
from jaxmeta.arithmetic.mode import ARITHMETICS, FAST, PORTABLE, computing_in, portable
from jaxmeta.arithmetic.operations import (
    absolute,
    add_bias,
    alone,
    contract,
    cross_entropy,
    factor,
    first_maximum,
    product,
    quotient,
    root,
    smoothed_cross_entropy,
    times,
    tree_sum,
)
from jaxmeta.arithmetic.selfcheck import check

__all__ = [
    "ARITHMETICS",
    "FAST",
    "PORTABLE",
    "VERSION",
    "absolute",
    "add_bias",
    "alone",
    "check",
    "computing_in",
    "contract",
    "cross_entropy",
    "factor",
    "first_maximum",
    "portable",
    "product",
    "quotient",
    "root",
    "smoothed_cross_entropy",
    "times",
    "tree_sum",
]
