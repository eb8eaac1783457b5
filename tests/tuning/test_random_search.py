"""Random search: evenly over its points, the same in every process, deaf to scores."""

import numpy as np
import pytest

from jaxmeta.tuning import Random, Walk
from jaxmeta.tuning.random_search import POINTS


def asked(tuner, seed, score=0):
    walk, ks = Walk(tuner, seed), []
    while not walk.done:
        ks.append(walk.ask().k)
        walk.tell(score if isinstance(score, int) else score(ks[-1]))
    return ks


def test_every_point_is_drawn_as_often():
    ks = np.array([k for seed in range(20) for k in asked(Random(i_max=200), seed)])
    assert ks.min() >= 0 and ks.max() < POINTS
    quarters = np.bincount(ks * 8 // POINTS, minlength=8)
    # Eight parts of 500 each: five standard deviations are 105.
    assert (abs(quarters - 500) < 105).all()


def test_scores_change_nothing_but_the_recommendation():
    assert asked(Random(), 3) == asked(Random(), 3, score=lambda k: k) != asked(Random(), 4)


def test_the_ends_of_the_range_are_points_and_ratios_are_equal():
    tuner = Random(1e-4, 1e-1)
    rates = [tuner.values(k)["learning_rate"] for k in (0, 341, 682, POINTS - 1)]
    np.testing.assert_allclose(rates, [1e-4, 1e-3, 1e-2, 1e-1], rtol=1e-6)


@pytest.mark.parametrize("bad", [{"lr_min": 2.0}, {"lr_min": 0.0}, {"i_max": 0}])
def test_bad_settings_are_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Random(**bad)
