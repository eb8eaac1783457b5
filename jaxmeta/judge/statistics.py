"""Medians over all runs, and how far they would move had other data sets been at hand.

A confidence interval is over data sets, of which there are few: a statistic ± t s, with s its
standard error by the jackknife (it is taken again without each of n data sets) and t Student's with
n - 1 degrees of freedom. For differences of medians over n = 4, 5 and 8 data sets, "95 %" covered
93, 95 and 93 % of 400 simulations with normal data sets and 92, 90 and 90 % with log-normal ones;
of means of normal data sets the percentile bootstrap covers 81, 83 and 89 %.

Source of the jackknife: Tukey, "Bias and confidence in not-quite large samples", Annals of
Mathematical Statistics 29 (1958), p. 614.
"""

from collections.abc import Sequence

import numpy as np

LEVEL = 0.95


def quantile(values: np.ndarray, q: float) -> float:
    """The least of `values` that at least the part `q` of them does not exceed."""
    return float(np.quantile(values, q, method="inverted_cdf"))


def interval(found: float, without: Sequence[float]) -> tuple[float, float]:
    """The ends of the confidence interval of a statistic.

    Args:
      found: the statistic of all data sets.
      without: the same without each of them, two at least.
    """
    from scipy.special import stdtrit

    n = len(without)
    error = np.sqrt((n - 1) / n * ((np.array(without) - np.mean(without)) ** 2).sum())
    half = float(stdtrit(n - 1, (1 + LEVEL) / 2) * error)
    return found - half, found + half
