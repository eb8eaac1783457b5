"""Laws of every kind of axis, and what each kind promises alone."""

import json
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxmeta.score import to_float, to_rank
from jaxmeta.space import Choice, Linear, Log, Space, Values, show

AXES = {
    "linear": Linear(0, 0.8, 0.1),
    "linear, below zero": Linear(-1.0, 1.0, 0.3, start=-0.9),
    "the poster's": Linear(1e-6, 1.0, 5e-5, start=1e-4),
    "log": Log(1e-5, 1.0, 0.1),
    "log, doubling": Log(1e-6, 1.0, 1.0, start=1e-3),
    "linear, points": Linear(0, 1, points=9),
    "log, points": Log(1e-5, 0.1, points=9, start=1e-3),
    "linear, every": Linear(-1, 1, points="every"),
    "log, every": Log(1e-5, 1.0, points="every"),
    "integers": Values(16, 32, 50, 64, 128, start=50),
    "numbers": Values(0.9, 0.99, 0.999),
    "names": Choice("adam", "sgd", "lion", start="sgd"),
    "mixed": Choice("auto", 32, 0.5),
}
every_axis = pytest.mark.parametrize("axis", AXES.values(), ids=list(AXES))


def f32(x):
    return float(np.float32(x))


def some(axis):
    """Positions all over the axis, both ends among them."""
    low, high = axis.bounds
    return sorted({*range(low, min(low + 40, high) + 1), axis.first, high - 1, high})


@every_axis
def test_it_starts_within_its_bounds(axis):
    low, high = axis.bounds
    assert low <= axis.first <= high and low < high
    start = axis.value(axis.first)
    given = f32(axis.start) if isinstance(start, float) and axis.start else axis.start
    assert given is None or start == given


@every_axis
def test_values_are_exact_python_values_that_differ(axis):
    values = [axis.value(k) for k in some(axis)]
    assert values == [axis.value(k) for k in some(axis)]
    assert {type(v) for v in values} <= {int, float, str}
    assert all(v == f32(v) for v in values if isinstance(v, float))
    assert len(set(values)) == len(values)


@every_axis
def test_ordered_values_rise_with_the_position(axis):
    values = [axis.value(k) for k in some(axis)]
    if axis.ordered:
        assert values == sorted(values)
    else:
        assert isinstance(axis, Choice)


@every_axis
def test_positions_outside_do_not_exist(axis):
    low, high = axis.bounds
    for k in (low - 1, high + 1, 2**40):
        with pytest.raises(ValueError, match=f"position {k} is not on this axis"):
            axis.value(k)


@every_axis
def test_the_record_gives_it_back(axis):
    space = Space(x=axis)
    record = json.loads(json.dumps(space.to_record()))
    assert Space.from_record(record) == space
    assert pickle.loads(pickle.dumps(space)) == space == eval(repr(space))
    assert hash(Space.from_record(record)) == hash(space)


@every_axis
def test_every_axis_has_a_variant_for_each_value_that_is_no_float(axis):
    static = {axis.value(k) for k in some(axis) if not isinstance(axis.value(k), float)}
    floats = any(isinstance(axis.value(k), float) for k in some(axis))
    assert axis.variants == len(static) + floats


def test_axes_differ_where_their_values_do():
    assert len(set(AXES.values())) == len(AXES)
    assert Values(16, 32) != Values(16.0, 32.0) and Choice(1, "a") != Choice(1.0, "a")
    assert Values(1, 2) != Choice(1, 2) and Linear(0, 1, 0.1) == Linear(0.0, 1, np.float64(0.1))


@given(st.integers(-9, 9), st.sampled_from(["0.1", "0.03", "0.7"]))
def test_a_linear_value_is_start_plus_k_steps_rounded_once(k, step):
    axis = Linear(-10, 10, float(step), start=0.2)
    assert axis.value(k) == f32(Fraction("0.2") + k * Fraction(step))


@given(st.integers(-6, 6), st.sampled_from(["0.1", "0.03", "1.0"]))
def test_a_logarithmic_value_is_start_times_the_factor_to_the_k_rounded_once(k, step):
    axis = Log(1e-3, 100, float(step), start=0.2)
    assert axis.value(k) == f32(Fraction("0.2") * (1 + Fraction(step)) ** k)


@given(st.floats(1e-5, 0.5), st.floats(1e-3, 2.0), st.sampled_from([Linear, Log]))
def test_bounds_are_the_outermost_positions_inside(start, step, kind):
    """One step further, in fractions, is outside."""
    axis = kind(1e-6, 4.0, step, start=start)
    low, high = axis.bounds
    start, step = Fraction(repr(start)), Fraction(repr(step))

    def there(k):
        return start + k * step if kind is Linear else start * (1 + step) ** k

    assert low <= 0 <= high
    assert there(low - 1) < Fraction("1e-6") <= there(low)
    assert there(high) <= 4 < there(high + 1)


def test_the_middle_is_where_a_range_starts():
    assert Linear(0, 0.8, 0.1).bounds == (-4, 4)
    assert [Linear(0, 0.7, 0.2).value(k) for k in (-2, 0, 1)] == [f32(x) for x in (0, 0.4, 0.6)]
    log = Log(1e-4, 1.0, 0.1)
    assert log.value(0) == f32(0.01) and log.bounds[0] == -log.bounds[1]
    assert Linear(0, 1, points=9).first == 4 and Values(1, 2, 3, 4).first == 1


def test_points_are_evenly_spaced_and_hit_both_ends():
    log, linear = Log(1e-5, 0.1, points=5), Linear(0.1, 0.5, points=5)
    assert [log.value(k) for k in range(5)] == [f32(x) for x in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)]
    assert [linear.value(k) for k in range(5)] == [f32(x) for x in (0.1, 0.2, 0.3, 0.4, 0.5)]
    assert Log(1e-5, 0.1, points=5, start=2e-3).first == 2
    assert Log(1e-5, 0.1, points=5, start=7e-3).first == 3


def test_every_float_has_the_position_that_is_its_rank():
    axis = Linear(-1, 1, points="every")
    assert axis.bounds == (to_rank(-1.0), to_rank(1.0)) and axis.first == 0
    for value in (-1.0, f32(-1e-40), 0.0, f32(0.1)):
        assert axis.value(to_rank(value)) == value == to_float(to_rank(value))
    assert str(axis.value(-1)) == "0.0"  # not minus zero


def test_a_range_without_positions_is_resolved_by_others():
    axis = Log(1e-5, 1.0, start=1e-3)
    assert not axis.resolved
    for ask in (lambda: axis.bounds, lambda: axis.first, lambda: axis.value(0)):
        with pytest.raises(ValueError, match="no positions yet"):
            ask()
    assert axis.steps() == Log(1e-5, 1.0, 0.1, start=1e-3)
    assert axis.evenly(5) == Log(1e-5, 1.0, points=5, start=1e-3)
    assert axis.every() == Log(1e-5, 1.0, points="every", start=1e-3)
    assert Linear(0, 0.8).steps() == Linear(0, 0.8, 0.05)


def test_decimals_of_a_user_change_nothing():
    import decimal

    axes = {name: axis for name, axis in AXES.items() if hasattr(axis, "low")}
    want = {name: [axis.value(k) for k in some(axis)] for name, axis in axes.items()}
    with decimal.localcontext(prec=3, rounding=decimal.ROUND_UP):
        fresh = {name: type(a)._made(_options(a)) for name, a in axes.items()}
        assert {n: [a.value(k) for k in some(a)] for n, a in fresh.items()} == want


def _options(axis):
    record = axis.to_record()
    del record["kind"]
    return record


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Linear(1, 0), "low must be below high"),
        (lambda: Linear(0, float("inf")), "high must be finite"),
        (lambda: Linear(0, float("nan"), 0.1), "high must be finite"),
        (lambda: Linear(0, 1e300, 0.1), "high must be finite"),
        (lambda: Linear(0, 10**400), "high must be finite"),
        (lambda: Linear(0, True), "not a number"),
        (lambda: Linear(0, "1"), "not a number"),
        (lambda: Linear(0, 1, 0.0), "step"),
        (lambda: Linear(0, 1, -0.1), "step"),
        (lambda: Linear(0, 1, 1e-9), "step"),
        (lambda: Linear(0, 1, 2.0), "fit into the range"),
        (lambda: Linear(0, 1, 0.1, points=3), "leave one out"),
        (lambda: Linear(0, 1, points=1), "points"),
        (lambda: Linear(0, 1, points=2**25), "points"),
        (lambda: Linear(0, 1, points=2.0), "points"),
        (lambda: Linear(0, 1, points="all"), "points"),
        (lambda: Linear(0, 1, 0.1, start=2), "start"),
        (lambda: Log(0, 1), "low"),
        (lambda: Log(1e-40, 1), "low"),
        (lambda: Log(1e-5, 1, 1e-8), "step"),
        (lambda: Log(1.2e-38, 3e38, 2**-23), "positions"),
        (lambda: Values(), "2 to 1000"),
        (lambda: Values(32), "set it instead"),
        (lambda: Values(*range(1001)), "2 to 1000"),
        (lambda: Values(32, 16), "order"),
        (lambda: Values(16, 16), "order"),
        (lambda: Values(0.1, 0.1 + 1e-12), "order"),
        (lambda: Values(16, "32"), "not a number"),
        (lambda: Values(False, True), "not an integer"),
        (lambda: Values(1, 2**64), "must be from"),
        (lambda: Values(16, 32, start=20), "start"),
        (lambda: Choice("adam"), "set it instead"),
        (lambda: Choice("adam", "adam"), "twice"),
        (lambda: Choice(1, 1.0), "twice"),
        (lambda: Choice("adam", ""), "printable"),
        (lambda: Choice("adam", "a\x1b[2J"), "printable"),
        (lambda: Choice("adam", "a" * 101), "printable"),
        (lambda: Choice("adam", None), "not a number"),
        (lambda: Choice("adam", True), "not an integer"),
        (lambda: Choice("adam", "sgd", start="lion"), "start"),
    ],
)
def test_bad_axes_are_met_with_a_sentence(make, word):
    with pytest.raises(ValueError, match=word):
        make()


def test_values_are_shown_with_the_fewest_digits_that_give_them():
    shown = [show(x) for x in (f32(1e-4), f32(0.1), f32(1e-5), 16, "adam", f32(1 / 3))]
    assert shown == ["0.0001", "0.1", "1e-05", "16", "adam", "0.33333334"]
    assert all(f32(float(text)) == x for text, x in ((show(f32(x)), f32(x)) for x in (0.3, 7e-9)))
