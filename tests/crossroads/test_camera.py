"""The camera over the crossroads: exact labels and depth, the package's own pictures."""

import numpy as np
import pytest

from jaxmeta.crossroads import camera
from jaxmeta.crossroads.__main__ import triple
from jaxmeta.crossroads.scene import FAR, Part, Scene, draw
from jaxmeta.tasks import crossroads_data
from jaxmeta.tasks.crossroads_data import CLASSES

ROAD, CAR, SKY = (CLASSES.index(name) for name in ("road", "car", "sky"))


def simple(*parts):
    """A road and more, seen from 5 m above the origin, to the east and down."""
    road = Part("box", ROAD, (0.3, 0.3, 0.3), (FAR, FAR, 0.5), (0, 0, -0.5))
    eye, sun = np.array([0.0, 0.0, 5.0]), np.array([0.0, 0.0, 1.0])
    return Scene([road, *parts], eye, np.array([10.0, 0.0, 3.0]), sun)


def test_depth_of_the_road_is_that_of_a_plane():
    pytest.importorskip("mujoco")
    frame = camera.look(simple())
    forward, rays = camera._rays(simple(), *frame.label.shape)
    down = rays[:, 2].reshape(frame.label.shape)
    road = frame.label == ROAD
    assert road[-1].all() and not road[0].any() and (frame.label[~road] == SKY).all()
    plane = 5.0 / -down[road] * (rays @ forward).reshape(road.shape)[road]
    np.testing.assert_allclose(frame.depth[road], plane, rtol=1e-9)
    assert np.isinf(frame.depth[~road]).all()
    assert np.ptp(frame.depth[-1]) < 1e-9


def test_a_solid_hides_what_is_behind_it_and_left_is_left():
    pytest.importorskip("mujoco")
    north = Part("box", CAR, (1, 0, 0), (1.0, 1.0, 1.0), (10, 4, 1))  # to the east, left is north
    frame = camera.look(simple(north))
    rows, columns = np.nonzero(frame.label == CAR)
    assert len(rows) > 50 and columns.max() < frame.label.shape[1] / 2
    np.testing.assert_array_less(frame.depth[rows, columns], 13)
    assert (frame.rgb[rows, columns, 1] == 0).all() and (frame.rgb[rows, columns, 0] > 100).all()


@pytest.mark.parametrize(("split", "seed", "i"), [("train", 0, 0), ("test", 899, 149)])
def test_the_pictures_of_the_package_are_made_again_bit_for_bit(split, seed, i):
    pytest.importorskip("mujoco")
    arrays = crossroads_data.read()
    for what, made in zip(("rgb", "label", "depth"), triple(seed), strict=True):
        np.testing.assert_array_equal(made, arrays[f"{split}_{what}"][i])


def test_a_scene_follows_from_its_seed():
    assert draw(3).parts == draw(3).parts != draw(4).parts


def test_without_mujoco_an_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mujoco", None)
    with pytest.raises(ModuleNotFoundError, match=r"jaxmeta\[drive\]"):
        camera.look(simple())
