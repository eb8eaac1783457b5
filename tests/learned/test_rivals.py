"""experiments/learned_rivals.py: its interval, its grid, and that runs are paired."""

import numpy as np
import pytest

from experiments.learned_rivals import RATES, RIVALS, Comparison, best_rate, compare, interval
from jaxmeta.learned.optimizees import Optimizee, quadratics
from jaxmeta.supervised.optimizers import sgd

DRAW = np.random.default_rng(0)


def test_the_interval_covers_the_mean_and_pairing_takes_away_what_runs_have_in_common():
    losses = DRAW.lognormal(0, 1, 400)
    middle, low, high = interval(losses)
    assert low < middle < high
    assert middle == pytest.approx(np.log10(losses.mean()))
    assert high - low == pytest.approx(
        2 * 1.96 * losses.std() / 20 / losses.mean() / 2.303, rel=0.1
    )
    assert interval(0.5 * losses, losses) == pytest.approx([np.log10(0.5)] * 3)


def test_the_best_rate_of_a_parabola_is_the_one_that_lands_in_its_middle():
    """One step of x - rate (x - 1) from 0."""
    parabola = Optimizee(
        lambda key, data: ((), np.zeros(1, np.float32)),
        lambda drawn, x, key, data: 0.5 * ((x - 1) ** 2).sum(),
    )
    test = Comparison("parabola", "quadratics", parabola, steps=1, tuning_runs=2)
    assert best_rate(test, sgd, ()) == 1.0


@pytest.mark.slow
def test_every_optimiser_starts_where_the_others_do():
    found = compare(
        Comparison("small", "quadratics", quadratics(2), steps=3, runs=4, tuning_runs=4)
    )
    starts = [curve[0] for curve in found["curves"].values()]
    np.testing.assert_allclose(starts, starts[0], rtol=1e-6)
    assert len(starts) == 1 + len(RIVALS) and set(found["rates"].values()) <= set(RATES)
    best = min(RIVALS, key=lambda name: found["log10"][name][0])
    assert found["rival"] == best
    expected = found["log10"]["learned"][0] - found["log10"][best][0]
    assert found["difference"][0] == pytest.approx(expected, abs=1e-6)
