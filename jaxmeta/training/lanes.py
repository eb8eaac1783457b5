"""Lanes: a fixed number of trainings side by side in one compiled program.

Plain JAX repeats its bits in one program at one width only: so the width is a constant of the
study, lanes that nobody needs are padding, and what runs in a lane depends neither on its
neighbours nor on its place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
from jax import lax

FORMULATIONS = ("map", "vmap")


@dataclass(frozen=True)
class Lanes:
    """How many lanes, and how they share the device.

    Attributes:
      width: W, trainings in one compiled program.
      formulation: "map", one lane after another; a lane that is done costs nothing. "vmap", all at
        once in the same kernels; a lane that is done is carried along until all are.
    """

    width: int = 1
    formulation: str = "map"

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"lanes must be at least 1, got {self.width}; raise it")
        if self.formulation not in FORMULATIONS:
            raise ValueError(
                f"formulation must be one of {', '.join(FORMULATIONS)}, got "
                f"{self.formulation!r}; choose one"
            )

    def side_by_side(self, one: Callable[..., Any], *lanes: Any) -> Any:
        """`one` of each lane: arguments and results with a leading axis of W."""
        if self.formulation == "vmap":
            return jax.vmap(one)(*lanes)
        return lax.map(lambda lane: one(*lane), lanes)


def lanes_here(width: int | None = None, formulation: str | None = None) -> Lanes:
    """What is given, and the rest by the kind of device.

    On a CPU lanes in one program gain nothing (`make bench`), so there is one; several devices or
    worker processes are its lanes. A GPU is filled by many small trainings at once.
    """
    cpu = jax.default_backend() == "cpu"
    default = 1 if cpu else 16
    return Lanes(default if width is None else width, formulation or ("map" if cpu else "vmap"))
