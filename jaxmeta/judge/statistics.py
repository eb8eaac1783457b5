"""Medians over all runs, and how far they would move had other data sets been at hand.

Confidence intervals are by bootstrap over data sets: as many data sets as there are, drawn with
replacement, each with all its runs; 95 % of the medians so found lie within the interval.
"""

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95


def quantile(values: np.ndarray, q: float) -> float:
    """The least of `values` that at least the part `q` of them does not exceed."""
    return float(np.quantile(values, q, method="inverted_cdf"))


def draws(sets: int, seed: int) -> np.ndarray:
    """int[RESAMPLES, sets]: how often each resample holds each data set."""
    drawn = np.random.default_rng(seed).integers(sets, size=(RESAMPLES, sets))
    return (drawn[..., None] == np.arange(sets)).sum(1)


def medians(values: np.ndarray, of: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The median of each resample.

    Args:
      values: float64[n].
      of: int[n], the data set of each.
      weights: `draws`, int[resamples, sets].

    Returns:
      float64[resamples]: with all weights 1, `quantile(values, 0.5)`.
    """
    order = np.argsort(values, kind="stable")
    values, of = values[order], of[order]
    # Of equal resamples one is enough.
    weights, which = np.unique(weights, axis=0, return_inverse=True)
    found = []
    for weight in weights:
        passed = np.cumsum(weight[of])
        found.append(values[np.searchsorted(2 * passed, passed[-1])])
    return np.array(found)[which.reshape(-1)]


def interval(found: np.ndarray) -> tuple[float, float]:
    """What the middle `LEVEL` of `found` spans."""
    return quantile(found, (1 - LEVEL) / 2), quantile(found, (1 + LEVEL) / 2)
