"""Axes as text: what the command line writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxmeta.space import Choice, Linear, Log, Values, parse_axis, parse_value, to_text

WRITTEN = {
    "1e-5:1:log": Log(1e-5, 1.0),
    "1e-5:1:log:0.1": Log(1e-5, 1.0, 0.1),
    "1e-5:1:log:9points@0.001": Log(1e-5, 1.0, points=9, start=1e-3),
    "1e-5:1:log:every": Log(1e-5, 1.0, points="every"),
    "0:0.8": Linear(0, 0.8),
    "0:0.8:0.1": Linear(0, 0.8, 0.1),
    "-1:1:9points": Linear(-1, 1, points=9),
    "1e-6:1:5e-5@1e-4": Linear(1e-6, 1.0, 5e-5, start=1e-4),
    "16,32,64,128": Values(16, 32, 64, 128),
    " 16, 32 ": Values(16, 32),
    "0.9,0.99@0.99": Values(0.9, 0.99, start=0.99),
    "1,2.5": Values(1.0, 2.5),
    "adam,sgd": Choice("adam", "sgd"),
    "adam,sgd@sgd": Choice("adam", "sgd", start="sgd"),
}


@pytest.mark.parametrize(("text", "axis"), WRITTEN.items(), ids=list(WRITTEN))
def test_an_axis_is_read_and_written(text, axis):
    assert parse_axis(text) == axis
    assert parse_axis(to_text(axis)) == axis


@given(
    st.floats(1e-6, 1.0),
    st.floats(1.5, 100.0),
    st.sampled_from([None, 0.1, 0.25]),
    st.booleans(),
)
def test_any_range_comes_back_from_its_text(low, factor, step, log):
    axis = (Log if log else Linear)(low, low * factor * 4, step and step * (1 if log else low))
    assert parse_axis(to_text(axis)) == axis


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.3", 0.3), ("16", 16), ("-1e-3", -1e-3), (".5", 0.5), ("adam", "adam"), ("1e3", 1000.0)],
)
def test_a_value_is_a_whole_number_a_float_or_a_name(text, value):
    assert parse_value(text) == value and type(parse_value(text)) is type(value)


@pytest.mark.parametrize("text", ["", " ", "nan", "-inf", "a b", "a,b", "a:b", "x" * 101, "a\x1b"])
def test_what_is_no_value_is_said(text):
    with pytest.raises(ValueError, match="a value must be a number or a name"):
        parse_value(text)


@pytest.mark.parametrize(
    "text",
    ["", "16", "adam", "16,adam", "16,,32", ":", "0:", "0:1:", "0:1:0.1:2", "0:1:log:0.1:2"]
    + ["a:b", "0:1@x", "0:1:9.5points", "0:1:points", "0:1:log@", "32,16", "adam,sgd@lion"]
    + ["1:0", "0:1:log", "0,1" * 10_000, "1" * 5000 + ",2", "16,32@20", "a,nan"],
)
def test_what_is_no_axis_is_met_with_a_sentence(text):
    with pytest.raises(ValueError) as error:
        parse_axis(text)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400
