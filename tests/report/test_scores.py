"""The axis of scores."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from jaxmeta.report.scores import Scale
from jaxmeta.report.story import Score

counts = st.lists(st.integers(0, 5000), min_size=1, max_size=9)
numbers = st.lists(st.floats(-1e6, -1e-12), min_size=1, max_size=9)
either = st.one_of(counts, numbers)


def of(values) -> list[Score]:
    return [Score(value, 5000) for value in values]


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
    assert [scale(Score(value, 5000)) for value in values] == pytest.approx(
        ticks, rel=1e-6, abs=1e-8
    )


def test_a_wide_range_is_logarithmic_in_what_is_missing():
    assert Scale(of([500, 4950, 4970]), counts=True).logarithmic
    assert not Scale(of([4900, 4950, 4970]), counts=True).logarithmic


def test_perfection_has_a_place():
    scale = Scale(of([500, 4999, 5000]), counts=True)
    assert scale(Score(5000, 5000)) > scale(Score(4999, 5000))


def test_a_training_that_diverged_has_no_place():
    scale = Scale([Score(None, 5000), Score(4000, 5000)], counts=True)
    assert scale(Score(None, 5000)) != scale(Score(None, 5000))
