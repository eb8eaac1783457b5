"""Medians over all runs, and how far they would move had other data sets been at hand.

A confidence interval is Student's over data sets, of which there are few: from n differences,
mean ± t s / √n with t of n - 1 degrees of freedom. It holds where the differences are normal. In
20,000 simulations for each n of 4, 5 and 8, "95 %" covers 95 % with normal differences and 88, 88
and 90 % with exponential ones; the percentile bootstrap covers 81, 83 and 89 % with normal ones.
"""

from collections.abc import Sequence

import numpy as np

LEVEL = 0.95


def quantile(values: np.ndarray, q: float) -> float:
    """The least of `values` that at least the part `q` of them does not exceed."""
    return float(np.quantile(values, q, method="inverted_cdf"))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The ends of the interval of the mean of `values`, two at least, see above."""
    from scipy.special import stdtrit

    n = len(values)
    half = stdtrit(n - 1, (1 + LEVEL) / 2) * np.std(values, ddof=1) / np.sqrt(n)
    return float(np.mean(values) - half), float(np.mean(values) + half)
