"""Grid search: the product of evenly spaced positions."""

from itertools import product

import pytest

from jaxmeta.space import Choice, Linear, Log, Space, Values
from jaxmeta.tuning import Grid, Walk


def asked(tuner):
    walk, positions = Walk(tuner, 0), []
    while not walk.done:
        positions.append(walk.ask().position)
        walk.tell(len(positions))
    return positions


def test_it_is_the_product_of_its_axes_and_the_last_one_is_fastest():
    space = Space(x=Log(1e-4, 1.0), y=Choice("a", "b", "c"), z=Values(1, 2))
    tuner = Grid(space, points=4)
    assert tuner.decisions == 4 * 3 * 2
    assert asked(tuner) == list(product(range(4), range(3), range(2)))
    assert tuner.space.axes[0] == Log(1e-4, 1.0, points=4)


def test_of_a_lattice_it_takes_evenly_spaced_positions_and_both_ends():
    assert asked(Grid(Space(x=Linear(0, 1, 0.1)), points=3)) == [(-5,), (0,), (5,)]
    assert asked(Grid(Space(x=Linear(0, 1, 0.1)), points=4)) == [(-5,), (-2,), (2,), (5,)]
    assert len(asked(Grid(Space(x=Linear(0, 1, 0.1)), points=99))) == 11  # all that there are
    assert asked(Grid(Space(x=Choice(*"abcdefghijk")), points=2)) == [(k,) for k in range(11)]


def test_a_grid_that_is_too_large_is_refused():
    with pytest.raises(ValueError, match="at most 10000 points, got 59049"):
        Grid(Space(**{f"x{i}": Linear(0, 1) for i in range(5)}))
    with pytest.raises(ValueError, match="points"):
        Grid(Space(x=Linear(0, 1)), points=1)
