"""Tuners by name, and their records, which a stranger may have written."""

import json

import numpy as np
import pytest

from jaxmeta.space import Linear, Log, Space, Values
from jaxmeta.tuning import (
    PRESETS,
    TUNERS,
    Grid,
    PosterRule,
    RankGP,
    ThreeWay,
    from_record,
    make,
    to_record,
)

SPACE = Space(x=Log(1e-5, 1.0, points=9), y=Values(1, 2, 3))


def test_a_name_or_a_preset_is_enough():
    assert make(None, None, SPACE) == RankGP(SPACE)
    one = Space(x=Log(1e-5, 1.0))
    assert make(None, None, one) == ThreeWay(one)
    assert make(None, "poster", SPACE) == PosterRule(SPACE)
    assert make("poster", "logarithmic", SPACE, i_max=7) == PosterRule(SPACE, p_min=0.05, i_max=7)
    assert make("grid", None, SPACE, points=3) == Grid(SPACE, points=3)
    for preset in PRESETS:
        assert make(None, preset, SPACE).space == SPACE


@pytest.mark.parametrize(
    ("name", "preset", "given", "word"),
    [
        ("simplex", None, {}, "tuner must be one of"),
        (None, "newspaper", {}, "preset must be one of"),
        ("grid", "poster", {}, "leave one out"),
        ("grid", None, {"p_eps": 0.1}, "grid takes points, got p_eps"),
        (None, None, {"space": SPACE}, "multiple values|got space"),
        (None, None, {"smooth": 99}, "smooth"),
    ],
)
def test_what_cannot_be_made_is_said(name, preset, given, word):
    with pytest.raises((ValueError, TypeError), match=word):
        make(name, preset, SPACE, **given)


@pytest.mark.parametrize("name", TUNERS)
def test_numbers_of_numpy_are_written_as_python_writes_them(name):
    option = "points" if name == "grid" else "i_max"
    tuner = TUNERS[name](SPACE, **{option: np.int64(3)})
    assert tuner == TUNERS[name](SPACE, **{option: 3})
    assert json.loads(json.dumps(to_record(tuner))) == to_record(tuner)


def test_a_record_gives_its_tuner_back_over_the_space_that_was_tuned():
    space = Space(x=Log(1e-5, 1.0), y=Linear(0, 1))
    for kind in TUNERS.values():
        tuner = kind(space)
        assert tuner.space.axes[0].resolved and tuner.space.axes[1].resolved
        again = Space.from_record(json.loads(json.dumps(tuner.space.to_record())))
        assert from_record(json.loads(json.dumps(to_record(tuner))), again) == tuner
        with pytest.raises(ValueError, match="written in another way"):
            from_record(to_record(tuner), space)  # it would be resolved only now


GOOD = to_record(PosterRule(SPACE))


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        "poster",
        {},
        {"name": "poster"},
        GOOD | {"name": "simplex"},
        GOOD | {"name": ["poster"]},
        GOOD | {"version": 2},
        GOOD | {"version": None},
        GOOD | {"one": 3},
        GOOD | {"more": 1},
        {name: value for name, value in GOOD.items() if name != "p_eps"},
        GOOD | {"p_eps": 1},
        GOOD | {"p_eps": "0.1"},
        GOOD | {"p_eps": float("nan")},
        GOOD | {"p_min": -0.0},
        GOOD | {"i_max": True},
        GOOD | {"i_max": 100.0},
        GOOD | {"i_max": 10**9},
        GOOD | {"i_max": 10**4000},
        GOOD | {"axes": ["all"]},
        GOOD | {"axes": "x" * 10**6},
        GOOD | {"space": {}},
        {"p_eps": 0.1} | GOOD,  # another order
        to_record(ThreeWay(SPACE)) | {"range_test": 1},
        to_record(ThreeWay(SPACE)) | {"i_max": 1001},
        to_record(Grid(SPACE)) | {"points": 10**9},
        {"name": "optuna", "version": 1, "one": GOOD["one"], "sampler": "os", "i_max": 20},
        {"name": "optuna", "version": 1, "one": GOOD["one"], "sampler": "tpe", "i_max": 10**9},
    ],
)
def test_a_strangers_record_is_refused_with_a_sentence(record):
    with pytest.raises(ValueError) as error:
        from_record(record, SPACE)
    assert len(str(error.value)) < 500 and "\n" not in str(error.value)


def test_the_control_is_read():
    assert from_record(dict(GOOD), SPACE) == PosterRule(SPACE)
