"""The search space: which hyperparameters a study may change, and which values they can take."""

from jaxmeta.space.axis import Axis, show
from jaxmeta.space.linear import Linear
from jaxmeta.space.lists import Choice, Values, is_hexadecimal
from jaxmeta.space.log import Log
from jaxmeta.space.space import Space
from jaxmeta.space.text import parse_axis, parse_value, to_text

__all__ = [
    "Axis",
    "Choice",
    "Linear",
    "Log",
    "Space",
    "Values",
    "is_hexadecimal",
    "parse_axis",
    "parse_value",
    "show",
    "to_text",
]
