"""Learning rates live on a lattice: an integer position k decides, and λ(k) follows from k alone.

    additive      λ(k) = λ0 + k ε           (the poster)
    logarithmic   λ(k) = λ0 (1 + ε)^k

λ(k) is computed on the host in decimal arithmetic of fixed precision, the same on every machine,
and rounded once to float32; up then down is exactly where it started.
"""

from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cached_property

import numpy as np

GEOMETRIES = ("additive", "logarithmic")
_EXACT = Context(prec=60)


def positive(name: str, value: float) -> Decimal:
    """`value` as the decimal a person wrote, or a ValueError that names it."""
    if not (np.isfinite(value) and np.float32(value) > 0):
        raise ValueError(f"{name} must be a positive number, got {value}; for example 0.001")
    return Decimal(repr(float(value)))


def to_float32(value: Decimal) -> float:
    """The float32 nearest to `value`, as a Python float."""
    return float(np.float32(float(value)))


def middle(lr_min: float, lr_max: float) -> float:
    """√(lr_min lr_max), the rate in the middle of a range on a logarithmic scale."""
    return to_float32(_EXACT.sqrt(_EXACT.multiply(*map(Decimal, map(repr, (lr_min, lr_max))))))


@dataclass(frozen=True)
class Lattice:
    """The learning rates that a study can reach.

    Attributes:
      lr0: λ0, the rate at position 0.
      eps: ε > 0; absolute when additive, relative when logarithmic (1.0 doubles and halves).
      geometry: "additive" or "logarithmic".
      lr_min, lr_max: bounds, 0 < lr_min <= lr0 <= lr_max; positions outside do not exist.
    """

    lr0: float
    eps: float
    geometry: str = "additive"
    lr_min: float = 1e-6
    lr_max: float = 1.0

    def __post_init__(self) -> None:
        lr0, lr_min, lr_max = (positive(n, getattr(self, n)) for n in ("lr0", "lr_min", "lr_max"))
        positive("eps", self.eps)
        if self.geometry not in GEOMETRIES:
            raise ValueError(
                f"geometry must be one of {', '.join(GEOMETRIES)}, got {self.geometry!r}; "
                "choose one"
            )
        if not lr_min <= lr0 <= lr_max:
            raise ValueError(
                f"lr0 must lie between lr_min = {self.lr_min} and lr_max = {self.lr_max}, "
                f"got {self.lr0}; move it or widen the bounds"
            )
        if self(1) == self(0):
            raise ValueError(
                f"eps must change a float32 learning rate of {self.lr0}, got {self.eps}; "
                "make it larger"
            )

    def _exact(self, k: int) -> Decimal:
        lr0, eps = Decimal(repr(float(self.lr0))), Decimal(repr(float(self.eps)))
        if self.geometry == "additive":
            return _EXACT.fma(k, eps, lr0)
        return _EXACT.multiply(lr0, _EXACT.power(1 + eps, k))

    def __call__(self, k: int) -> float:
        """λ(k): a float32 value as a Python float."""
        return to_float32(self._exact(k))

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """The lowest and the highest position whose exact λ lies in [lr_min, lr_max]."""
        lr_min, lr_max = Decimal(repr(float(self.lr_min))), Decimal(repr(float(self.lr_max)))
        return -self._reach(-1, lambda lr: lr >= lr_min), self._reach(1, lambda lr: lr <= lr_max)

    def _reach(self, sign: int, inside) -> int:
        """The largest n with λ(sign * n) inside: doubling, then bisection (λ is monotone in k)."""
        high = 1
        while high < 2**30 and inside(self._exact(sign * high)):
            high *= 2
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if inside(self._exact(sign * middle)) else (low, middle)
        return low
