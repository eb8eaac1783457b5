"""Learning rates follow from integer positions alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxmeta.tuning import Grid, Lattice


def f32(x):
    return float(np.float32(x))


def test_additive_is_lr0_plus_k_eps():
    lattice = Lattice(lr0=0.001, eps=0.0002)
    assert [lattice(k) for k in (-2, 0, 1, 3)] == [f32(x) for x in (0.0006, 0.001, 0.0012, 0.0016)]


def test_logarithmic_is_lr0_times_ratio_to_the_k():
    lattice = Lattice(lr0=0.001, eps=1.0, geometry="logarithmic")
    assert [lattice(k) for k in (-2, 0, 3)] == [f32(x) for x in (0.00025, 0.001, 0.008)]


@given(st.floats(1e-5, 0.5), st.floats(1e-4, 2.0), st.sampled_from(("additive", "logarithmic")))
def test_bounds_are_the_outermost_positions_inside(lr0, eps, geometry):
    lattice = Lattice(lr0=lr0, eps=eps, geometry=geometry, lr_min=1e-6, lr_max=1.0)
    low, high = lattice.bounds
    assert low <= 0 <= high
    assert lattice._exact(low) >= lattice._exact(0).from_float(0) and lattice(low) >= f32(1e-6)
    assert lattice(high) <= 1.0
    assert (
        float(lattice._exact(low - 1)) < 1e-6 or geometry == "additive" and lattice(low - 1) < 1e-6
    )
    assert float(lattice._exact(high + 1)) > 1.0


@given(st.integers(-40, 40))
def test_rates_rise_with_the_position(k):
    for lattice in (Lattice(0.05, 0.001), Lattice(1e-3, 0.1, "logarithmic")):
        assert lattice(k) < lattice(k + 1)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"lr0": 0.0}, "lr0"),
        ({"lr0": -1e-3}, "lr0"),
        ({"lr0": float("nan")}, "lr0"),
        ({"lr0": float("inf")}, "lr0"),
        ({"eps": 0.0}, "eps"),
        ({"eps": 1e-15}, "eps"),
        ({"lr_min": 0.0}, "lr_min"),
        ({"lr0": 2.0}, "lr_max"),
        ({"geometry": "cubic"}, "geometry"),
    ],
)
def test_bad_input_is_named(change, word):
    with pytest.raises(ValueError, match=word):
        Lattice(**{"lr0": 1e-3, "eps": 1e-4, **change})


def test_grid_points_are_evenly_spaced_and_hit_both_ends():
    logarithmic = Grid(lr_min=1e-5, lr_max=1e-1, i_max=5)
    assert [logarithmic.values(k)["learning_rate"] for k in range(5)] == [
        f32(x) for x in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
    ]
    additive = Grid(lr_min=0.1, lr_max=0.5, i_max=5, geometry="additive")
    assert [additive.values(k)["learning_rate"] for k in range(5)] == [
        f32(x) for x in (0.1, 0.2, 0.3, 0.4, 0.5)
    ]
