"""Random search: evenly over an axis' positions, the same in every process, deaf to scores."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxmeta.space import Choice, Linear, Log, Space, Values
from jaxmeta.tuning import Random, Walk
from jaxmeta.tuning.random_search import POINTS, high_word

ONE = Space(x=Log(1e-5, 1.0))


def asked(tuner, seed, score=0):
    walk, positions = Walk(tuner, seed), []
    while not walk.done:
        positions.append(walk.ask().position)
        walk.tell(score if isinstance(score, int) else score(positions[-1]))
    return positions


def test_a_range_without_positions_gets_1024_of_them():
    assert Random(ONE).space.axes[0] == Log(1e-5, 1.0, points=POINTS)


@pytest.mark.parametrize("n", [1, 2, 3, 1000, 1024, 2**16 + 1, 2**30, 2**32 - 5])
def test_the_upper_word_of_a_product_is_exact(n):
    bits = np.array([0, 1, 2**16 - 1, 2**16, 2**31, 2**32 - 1, 123456789], np.uint32)
    got = [int(x) for x in high_word(jnp.array(bits), n)]
    assert got == [int(x) * n >> 32 for x in bits]


def test_every_position_of_every_axis_is_drawn_as_often():
    space = ONE.replace(x=Log(1e-5, 1.0, points=8))
    space = Space(x=space.axes[0], y=Choice(*range(5)), z=Values(1, 2, 3), w=Linear(0, 1, 0.1))
    drawn = np.array([k for seed in range(4) for k in asked(Random(space, i_max=500), seed)])
    for k, axis in zip(drawn.T, space.axes, strict=True):
        low, high = axis.bounds
        counts = np.bincount(k - low, minlength=high - low + 1)
        n, p = len(k), 1 / (high - low + 1)
        assert len(counts) == high - low + 1
        assert (abs(counts - n * p) < 5 * np.sqrt(n * p * (1 - p))).all()
    correlation = np.corrcoef(drawn.T) - np.eye(4)
    assert abs(correlation).max() < 5 / np.sqrt(len(drawn))  # axes know nothing of each other


def test_every_float_of_a_range_can_be_drawn():
    tuner = Random(Space(x=Linear(-1, 1, points="every")), i_max=200)
    values = [tuner.space.values(k)["x"] for k in asked(tuner, 0)]
    assert -1 <= min(values) < -1e-3 < 1e-3 < max(values) <= 1
    assert any(abs(v) < 1e-20 for v in values)  # as floats are: most are small


def test_scores_change_nothing_but_the_recommendation():
    assert asked(Random(ONE), 3) == asked(Random(ONE), 3, lambda k: k[0]) != asked(Random(ONE), 4)


@pytest.mark.parametrize("bad", [{"i_max": 0}, {"i_max": 10**9}, {"i_max": 1.5}])
def test_bad_settings_are_named(bad):
    with pytest.raises(ValueError, match="i_max"):
        Random(ONE, **bad)
