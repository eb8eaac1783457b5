"""The car, its camera and its tracks; who drives, and what is measured of it."""

import json

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("gymnasium")

from gymnasium.utils.env_checker import check_env
from PIL import Image

from jaxmeta import cli
from jaxmeta.drive import laps, picture, recording
from jaxmeta.drive.car import MOST, SPEED, WHEELBASE, Car
from jaxmeta.drive.env import PERIOD, Steering
from jaxmeta.drive.tracks import HALF_WIDTH, LENGTHS, POINTS, Track, track
from jaxmeta.tasks.steering import UNIT, shipped


@pytest.fixture(scope="module")
def circle() -> Track:
    """A short lap to the left, of radius 2 m."""
    angle = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
    return Track(-1, 2 * np.stack([np.cos(angle), np.sin(angle)], 1), 4 * np.pi)


@pytest.fixture(scope="module")
def driven(circle: Track) -> laps.Lap:
    return laps.lap(circle, laps.expert, keep=True)


@pytest.mark.parametrize("seed", [0, 300])
def test_a_track_is_closed_even_and_as_long_as_it_says(seed: int) -> None:
    made = track(seed)
    steps = np.linalg.norm(np.roll(made.middle, -1, 0) - made.middle, axis=1)
    assert LENGTHS[0] <= made.length <= LENGTHS[1]
    np.testing.assert_allclose(steps, made.length / POINTS, rtol=0.01)
    np.testing.assert_array_equal(track(seed).middle, made.middle)


def test_left_of_the_middle_is_left(circle: Track) -> None:
    for s, left in ((1.0, 0.5), (7.0, -0.8)):
        point = circle.at(s) * (2 - left) / 2  # inwards is left
        found = circle.nearest(point)
        np.testing.assert_allclose(found, (s, left), atol=0.02)
    inner = np.linalg.norm(circle.border(HALF_WIDTH), axis=1)
    np.testing.assert_allclose(inner, 1.0, atol=1e-3)


def test_the_laps_are_on_tracks_that_no_split_has_and_splits_share_none() -> None:
    seeds = [*laps.SEEDS, *(seed for split in recording.SPLITS.values() for seed in split)]
    assert len(set(seeds)) == len(seeds)


def test_it_is_a_gymnasium_environment(circle: Track) -> None:
    check_env(Steering(circle, render_mode="rgb_array"), skip_render_check=True)
    env = Steering()
    one, _ = env.reset(seed=5)
    two, _ = env.reset(seed=6)
    assert env.observation_space.contains(one) and (one != two).any()
    np.testing.assert_array_equal(env.reset(seed=5)[0], one)


def test_the_car_turns_as_ackermann_has_it(circle: Track) -> None:
    """Yaw rate v tan(angle) / wheelbase, to the side of the angle, within an eighth."""
    for angle in (-0.25, 0.1, 0.25):
        car = Car(circle)
        car.place(np.zeros(2), 0.0)
        car.drive(angle, 200)
        before = car.heading
        car.drive(angle, 250)
        expected = SPEED * np.tan(angle) / WHEELBASE * 0.5
        assert car.heading - before == pytest.approx(expected, rel=1 / 8)
    assert MOST > 0.25


def test_the_camera_sees_road_lines_ground_and_sky(circle: Track) -> None:
    """Straight ahead of a car on a circle to the left the road bends out of sight to the left; in
    the mirror of the same place, to the right, it is the mirrored frame."""
    seen = Steering(circle).reset()[0][..., 0]
    assert set(np.unique(seen)) == {50, 110, 190, 240}
    assert (seen[:6] == 190).all() and (seen[-6:] == 50).mean() > 0.9
    mirror = Track(-2, circle.middle * [1, -1], circle.length)
    other = Steering(mirror).reset()[0][..., 0]
    assert (other == seen[:, ::-1]).mean() > 0.99 and (other == seen).mean() < 0.9


def test_the_expert_stays_near_the_middle(driven: laps.Lap) -> None:
    assert driven.completed and driven.share == 1 and driven.interventions == 0
    assert driven.mean < driven.largest < 0.3 and driven.autonomy == 1
    assert driven.time == pytest.approx(driven.track.length / SPEED, rel=0.15)


def test_who_predicts_zero_leaves_the_road_and_is_put_back(circle: Track) -> None:
    """As does a network whose angle is not finite."""
    found = laps.lap(circle, lambda frame, info: float("nan"))
    other = laps.lap(circle, laps.straight_on)
    assert other.interventions == found.interventions
    assert not found.completed and found.share < 0.3 and found.interventions >= 3
    assert found.autonomy == 0 and found.largest > 0.85
    row = laps.summary([found, found])
    assert (row["laps"], row["of"], row["interventions"]) == (0, 2, 2 * found.interventions)


def test_autonomy_is_pilotnets(driven: laps.Lap) -> None:
    """Their example: 10 interventions in 600 s are 90 %."""
    assert driven._replace(interventions=10, time=600.0).autonomy == pytest.approx(0.9)


def test_the_frames_of_the_package_are_recorded_again() -> None:
    """The first 40 of the training split; on another processor the car drives a little aside."""
    env, driver = Steering(track(0)), laps.disturbed(laps.expert, 0)
    frame, info = env.reset()
    x, y = shipped()["train"]
    for n in range(80):
        if n % recording.EVERY == 0:
            assert (frame != x[n // recording.EVERY]).sum() <= 2
            assert abs(info["expert"] - y[n // recording.EVERY]) <= 3 * UNIT
        frame, *_, info = env.step(np.array([driver(frame, info)]))
    assert env.time == pytest.approx(80 * PERIOD)


def test_picture_and_film(driven: laps.Lap, tmp_path) -> None:
    tracks, film = picture.draw([driven] * 6, tmp_path)
    with Image.open(tracks) as image:
        red, _, blue = np.moveaxis(np.asarray(image, np.int32), -1, 0)
        assert (blue > red + 50).sum() > 1000  # the path
    with Image.open(film) as image:
        assert image.n_frames == -(-len(driven.frames) // picture.EVERY)
        assert image.info["duration"] == picture.EVERY * PERIOD * 1000


def test_a_study_of_something_else_does_not_drive(tmp_path, capsys) -> None:
    study = ["tune", "sine", "--train-size", "50", "--epochs", "1", "--i-max", "1"]
    assert cli.main([*study, "--out", str(tmp_path / "a")]) == 0
    assert cli.main(["drive", str(tmp_path / "a")]) == 2
    assert "must learn an angle from frames uint8[36, 64, 1]" in capsys.readouterr().err


@pytest.mark.slow
def test_a_clone_drives_and_its_record_is_true(tmp_path, capsys) -> None:
    out = str(tmp_path / "a")
    study = ["tune", "steering", "--i-max", "1", "--epochs", "1", "--out", out]
    assert cli.main([*study, "--tune", "learning_rate=1e-3,1@1e-3"]) == 0
    assert cli.main(["drive", out]) == 0
    said = capsys.readouterr().out
    assert "6/6" in said and (tmp_path / "a" / "film.png").exists()
    assert cli.main(["verify", out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answer"] == "identical"
