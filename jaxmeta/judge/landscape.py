"""Landscapes: trainings that someone else has run, so that a training is a look-up.

A *slice* is one network and data set with the learning rate left free: a few rates were trained,
each with a few seeds. Between two rates every seed's column is interpolated linearly in log λ.

    score        what a tuner is told: one column's value in units of 1e-5, or DIVERGED
    regret       of a learning rate, from its mean value over all seeds, which no tuner sees:
                 (best - mean) / (best - worst), 0 at the slice's best rate and 1 at its worst
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from jaxmeta.score import DIVERGED

UNIT = 1e-5  # of a score
FLAT = 0.03  # a slice whose best and worst rate differ by less has nothing to tune


@dataclass(frozen=True, eq=False)
class Landscape:
    """The slices of one data set.

    Attributes:
      name: of the data set.
      family: of the tables that it belongs to.
      lr: float64[n], the learning rates that were trained, rising.
      value: float64[slices, n, columns], higher is better.
      mean: float64[slices, n], of all seeds.
      points: takes values to points, of which one is a percent of accuracy.
      diverged: a value at or below it is a training that diverged.
    """

    name: str
    family: str
    lr: np.ndarray
    value: np.ndarray
    mean: np.ndarray
    points: Callable[[np.ndarray], np.ndarray]
    diverged: float = -np.inf

    def sample(self, slices: int, seed: int) -> "Landscape":
        """At most `slices` of the slices that are not flat, drawn without replacement."""
        steep = np.flatnonzero(np.ptp(self.mean, axis=-1) >= FLAT)
        chosen = np.sort(np.random.default_rng(seed).permutation(steep)[:slices])
        return replace(self, value=self.value[chosen], mean=self.mean[chosen])

    def scores(self, rates: np.ndarray) -> np.ndarray:
        """int32[slices, rates, columns] at `rates`, float64; beyond the ends it stays level."""
        return self._scores(self.value.swapaxes(1, 2), rates).swapaxes(1, 2)

    def score(self, slice_: int, rate: float, column: int) -> int:
        """One entry of `scores`."""
        return int(self._scores(self.value[slice_, :, column], np.array([rate]))[0])

    def truth(self, slices: np.ndarray, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of slice slices[j] at rates[j]: the regret, and the points missing to the best.

        Args:
          slices: int[n].
          rates: float64[n, T].

        Returns:
          Two of float64[n, T].
        """
        at, nodes, mean = np.log(rates), np.log(self.lr), self.mean[slices]
        found = np.stack([np.interp(x, nodes, y) for x, y in zip(at, mean, strict=True)])
        best, worst = mean.max(-1, keepdims=True), mean.min(-1, keepdims=True)
        return (best - found) / (best - worst), self.points(best) - self.points(found)

    def _scores(self, value: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """`value` [..., n] interpolated to `rates` and rounded to scores."""
        nodes = np.log(self.lr)
        place = np.interp(np.log(rates), nodes, np.arange(len(nodes)))
        left = np.minimum(place.astype(int), len(nodes) - 2)
        part = place - left
        value = value[..., left] * (1 - part) + value[..., left + 1] * part
        score = np.rint(value / UNIT).astype(np.int32)
        return np.where(value <= self.diverged, np.int32(DIVERGED), score)
