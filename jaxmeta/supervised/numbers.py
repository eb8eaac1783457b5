"""Hyperparameters that are numbers: where each must lie, and what it is where nobody says."""

import math
from collections.abc import Mapping

from jaxmeta.trial import Value, Values

BATCHES = ("batch_size", "steps_per_epoch", "l2")  # what the loop over mini-batches takes
DEFAULTS: Values = {"learning_rate": 1e-3, "batch_size": 50, "steps_per_epoch": 0}
# Where each must lie: at least the first, below the second.
RANGES = {
    **dict.fromkeys(("beta1", "beta2", "momentum", "dropout"), (0.0, 1.0)),
    "label_smoothing": (0.0, 1.0),
    **dict.fromkeys(
        ("learning_rate", "update_scale", "l2", "weight_decay", "strength"), (0.0, math.inf)
    ),
}


def check(values: Mapping[str, Value], examples: int) -> None:
    """Whether these numbers can be trained with, on so many training examples.

    Raises:
      ValueError: one of them cannot.
    """
    for name, (low, high) in RANGES.items():
        value = values.get(name, low)
        if isinstance(value, str) or not low <= value < high:
            raise ValueError(
                f"{name} must be a number from {low:g} to below {high:g}, got {value!r}; change it"
            )
    size = _whole("batch_size", values, 1)
    steps = _whole("steps_per_epoch", values, 0)
    if size > examples:
        raise ValueError(
            f"batch_size must be at most the {examples} training examples, got {size}; "
            "make it smaller"
        )
    if steps > examples // size:
        raise ValueError(
            f"steps_per_epoch must be at most {examples // size} ({examples} examples in batches "
            f"of {size}), got {steps}; make it smaller"
        )


def _whole(name: str, values: Mapping[str, Value], least: int) -> int:
    value = values[name]
    if not isinstance(value, int) or value < least:
        raise ValueError(
            f"{name} must be a whole number, at least {least}, got {value!r}; change it"
        )
    return value
