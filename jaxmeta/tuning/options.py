"""Checks of a tuner's options, made when it is: its record is a stranger's text."""

from typing import Any

from jaxmeta.space.axis import number

MOST = 10**6  # decisions


def put(tuner: Any, name: str, value: Any) -> None:
    """Set a field of a frozen dataclass in its `__post_init__`."""
    object.__setattr__(tuner, name, value)


def probability(name: str, value: Any, most: float) -> float:
    """`value` as a Python float from 0 to `most`, or a ValueError that names it."""
    value = number(name, value)
    if not 0 <= value <= most:
        raise ValueError(f"{name} must be from 0 to {most:.6g}, got {value}; change it")
    return value


def truth(name: str, value: Any) -> bool:
    """`value` as a Python bool, or a ValueError that names it."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r:.100}, not True or False; choose one")
    return value
