"""The axis of scores."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from jaxmeta.report.scale import Scale
from jaxmeta.report.score import Score

counts = st.lists(st.integers(0, 5000), min_size=1, max_size=9)
losses = st.lists(st.floats(-1e6, -1e-12), min_size=1, max_size=9)
rewards = st.lists(st.floats(-500, 500, width=32), min_size=1, max_size=9)
either = st.one_of(counts, losses, rewards)


def of(values) -> list[Score]:
    return [Score(value, 5000 if isinstance(value, int) else None) for value in values]


@given(either)
def test_a_higher_score_never_stands_lower(values):
    scores = of(sorted(values))
    positions = list(map(Scale(scores, isinstance(values[0], int)), scores))
    assert positions == sorted(positions)


@given(either)
def test_ticks_stand_where_their_names_say(values):
    scores, is_count = of(values), isinstance(values[0], int)
    scale = Scale(scores, is_count)
    ax = Figure().add_subplot()
    ax.plot(range(len(scores)), list(map(scale, scores)))
    low, high = ax.get_ylim()
    scale.mark(ax.yaxis, low, high)
    ticks, labels = ax.get_yticks(), [label.get_text() for label in ax.get_yticklabels()]
    assert 1 <= len(ticks) <= 12
    assert all(low <= tick <= high for tick in ticks)
    assert len(set(labels)) == len(labels)
    assert all(label.endswith(" %") == is_count for label in labels)
    named = [float(label.removesuffix(" %")) for label in labels]
    values = [name * 50 if is_count else name for name in named]
    assert [scale(Score(value, 5000 if is_count else None)) for value in values] == pytest.approx(
        ticks, rel=1e-6, abs=1e-8
    )


def test_a_wide_range_is_logarithmic_in_what_is_missing():
    assert Scale(of([500, 4950, 4970]), percent=True).logarithmic
    assert not Scale(of([4900, 4950, 4970]), percent=True).logarithmic


def test_perfection_has_a_place():
    scale = Scale(of([500, 4999, 5000]), percent=True)
    assert scale(Score(5000, 5000)) > scale(Score(4999, 5000))


def test_numbers_above_zero_stand_where_they_are():
    scale = Scale(of([0.5, 200.0, 3.0]), percent=False)
    assert not scale.logarithmic and scale(Score(200.0, None)) == 200


def test_infinity_has_no_place_and_leaves_the_others_theirs():
    scale = Scale(of([float("-inf"), -1.0, -100.0, float("inf")]), percent=False)
    assert scale.logarithmic and scale(Score(-1.0, None)) > scale(Score(-100.0, None))
    assert scale(Score(float("-inf"), None)) != scale(Score(float("-inf"), None))


def test_a_count_out_of_nothing_known_is_a_number():
    assert str(Score(7, None)) == "7" and Score(7, None).plotted == 7
    assert str(Score(7, 10)) == "7/10 = 70.00 %"


def test_a_trial_that_diverged_has_no_place():
    scale = Scale([Score(None, 5000), Score(4000, 5000)], percent=True)
    assert scale(Score(None, 5000)) != scale(Score(None, 5000))
