"""Spaces: names in their order, positions, records that a stranger wrote."""

import json

import pytest

from jaxmeta.space import Choice, Linear, Log, Space, Values

SPACE = Space(
    rate=Log(1e-5, 1.0, 0.1),
    width=Values(16, 32, 64),
    dropout=Linear(0, 0.8, 0.1),
    optimizer=Choice("adam", "sgd"),
)


def test_values_follow_from_a_position_alone_by_name_and_in_order():
    assert SPACE.names == ("rate", "width", "dropout", "optimizer") and SPACE.d == 4
    assert SPACE.bounds == ((-60, 0, -4, 0), (60, 2, 4, 1))
    assert SPACE.start == (0, 1, 0, 0)
    values = SPACE.values((1, 2, -4, 1))
    assert list(values) == list(SPACE.names)
    assert values == {
        "rate": SPACE.axis("rate").value(1),
        "width": 64,
        "dropout": 0.0,
        "optimizer": "sgd",
    }


def test_integers_and_names_are_variants_and_floats_are_not():
    assert SPACE.variants == 3 * 2


def test_spaces_are_equal_if_their_axes_and_their_order_are():
    same = Space(**dict(zip(SPACE.names, SPACE.axes, strict=True)))
    turned = Space(**dict(list(zip(SPACE.names, SPACE.axes, strict=True))[::-1]))
    assert same == SPACE != turned and hash(same) == hash(SPACE)
    assert SPACE.replace(width=Values(1, 2)).axes[1] == Values(1, 2)
    assert SPACE.replace(width=Values(1, 2)).names == SPACE.names


def test_only_ranges_without_positions_are_resolved():
    space = Space(a=Log(1e-3, 1.0), b=Linear(0, 1, 0.5), c=Choice("x", "y"))
    assert space.resolve(lambda axis: axis.evenly(3)) == space.replace(a=Log(1e-3, 1.0, points=3))


@pytest.mark.parametrize("position", [(0, 0, 0), (0, 0, 0, 0, 0), (0, 3, 0, 0), (61, 0, 0, 0)])
def test_positions_that_do_not_exist_are_named(position):
    with pytest.raises(ValueError, match="position"):
        SPACE.values(position)


@pytest.mark.parametrize(
    ("axes", "word"),
    [
        ({}, "1 to 64"),
        ({f"x{i}": Values(1, 2) for i in range(65)}, "1 to 64"),
        ({"a b": Values(1, 2)}, "identifier"),
        ({"lambda": Values(1, 2)}, "identifier"),
        ({"a" * 101: Values(1, 2)}, "identifier"),
        ({"x": (1, 2)}, "x must be"),
    ],
)
def test_bad_spaces_are_met_with_a_sentence(axes, word):
    with pytest.raises(ValueError, match=word):
        Space(**axes)


def test_an_axis_may_have_any_name_even_self():
    assert Space(self=Values(1, 2)).names == ("self",)


GOOD = {"kind": "log", "low": 1e-5, "high": 1.0, "step": 0.1}


@pytest.mark.parametrize(
    "axis",
    [
        None,
        [],
        "log",
        {},
        {"kind": "cubic"},
        {"kind": ["log"]},
        {"kind": "log"},
        {"kind": "log", "low": 1e-5},
        GOOD | {"more": 1},
        GOOD | {"low": 1e-5, "high": 1},  # an integer where a float is written
        GOOD | {"step": None},
        GOOD | {"step": True},
        GOOD | {"step": "0.1"},
        GOOD | {"step": 1e-7},
        GOOD | {"low": 10**4000},
        GOOD | {"low": {}},
        GOOD | {"points": 2**31},
        {"kind": "linear", "low": -0.0, "high": 1.0, "step": 0.1},
        {"kind": "linear", "low": 0.0, "high": 1e30, "points": 10**9},
        {"kind": "linear", "low": 0.0, "high": 1.0, "points": 10**12},
        {"kind": "linear", "low": 0.0, "high": float("nan"), "step": 0.1},
        {"kind": "linear", "low": 0.0, "high": 1.0, "points": 9.0},
        {"step": 0.1} | GOOD,  # another order
        {"kind": "values", "values": {"0": 1, "1": 2}},
        {"kind": "values", "values": [1, 2.0]},
        {"kind": "values", "values": [1, True]},
        {"kind": "values", "values": list(range(10**6))},
        {"kind": "choice", "values": ["a", ["b"]]},
        {"kind": "choice", "values": ["a", "\x1b[2J"]},
        {"kind": "choice", "values": ["a", "b"], "start": 0},
        {"kind": "choice", "values": ["a", "b"], "__class__": "c"},
    ],
)
def test_a_strangers_record_is_refused(axis):
    with pytest.raises(ValueError, match="the record's axis 'x' cannot be read"):
        Space.from_record({"x": axis})


@pytest.mark.parametrize("record", [None, [], "x", {}, {"a b": GOOD}, {"": GOOD}, {3: GOOD}])
def test_a_record_that_is_no_space_is_refused(record):
    with pytest.raises(ValueError):
        Space.from_record(record)


def test_the_control_is_read():
    assert Space.from_record({"x": GOOD}) == Space(x=Log(1e-5, 1.0, 0.1))
    assert json.dumps(Space.from_record(SPACE.to_record()).to_record()) == json.dumps(
        SPACE.to_record()
    )
