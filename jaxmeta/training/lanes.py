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
WIDEST = 16  # lanes that nobody asked for; look-ahead finds little for more of them to do


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


def lanes_here(
    width: int | None = None,
    formulation: str | None = None,
    memory_of: Callable[[Lanes], int] | None = None,
) -> Lanes:
    """What is given, and the rest by the kind of device and its memory.

    On a CPU lanes in one program gain nothing (`make bench`), so there is one; several devices or
    worker processes are its lanes. A GPU is filled by many small trainings at once: by 16 of them,
    or by fewer where so many take more than half of the memory that the device says it has.

    Args:
      memory_of: the bytes that a program of such lanes takes, as its compiler says; it may raise
        what the compiler does where they are too many. None: they are not asked for.
    """
    cpu = jax.default_backend() == "cpu"
    formulation = formulation or ("map" if cpu else "vmap")
    if width is None and memory_of and not cpu and (limit := _memory()):
        return fitting(formulation, memory_of, limit // 2)  # other variants want some as well
    return Lanes((1 if cpu else WIDEST) if width is None else width, formulation)


def fitting(formulation: str, memory_of: Callable[[Lanes], int], limit: int) -> Lanes:
    """The most lanes, of 16, 8, 4, 2 and 1, whose program takes at most `limit` bytes; or one."""
    width = WIDEST
    while width > 1 and not _fits(Lanes(width, formulation), memory_of, limit):
        width //= 2
    return Lanes(width, formulation)


def _fits(lanes: Lanes, memory_of: Callable[[Lanes], int], limit: int) -> bool:
    try:
        return memory_of(lanes) <= limit
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return False


def _memory() -> int | None:
    """The bytes of the device that JAX may use; None where it does not say."""
    return (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
