"""What a decision costs the host does not grow with those before it: counted, not timed."""

import os
from unittest import mock

import pytest

from experiments.bench_host import Instant, study_of
from jaxmeta import engine
from jaxmeta.running import run
from jaxmeta.tuning import PosterRule, ThreeWay, kernel


def calls(tuner: str, decisions: int, folder) -> dict[str, int]:
    """How often a study of so many decisions, trainings at once, does what costs."""
    kind = {"poster": PosterRule, "three_way": ThreeWay}[tuner]
    counted = {"ask": kind, "tell": kind, "done": kind, "add": kernel.Ranks, "fsync": os}
    spies = {
        name: mock.patch.object(owner, name, autospec=True, side_effect=getattr(owner, name))
        for name, owner in counted.items()
    }
    kernel._kept.clear()  # what a shorter walk of the same trials left
    with mock.patch.object(engine, "start", lambda *_: Instant(1)):
        started = {name: spy.start() for name, spy in spies.items()}
        try:
            run(study_of(tuner, decisions, 1), folder, keep_weights=False)
        finally:
            mock.patch.stopall()
    return {name: spy.call_count for name, spy in started.items()}


@pytest.mark.parametrize("tuner", ["poster", "three_way"])
def test_a_decision_costs_the_same_however_many_were_made(tuner, tmp_path):
    ten, twenty, forty = (calls(tuner, n, tmp_path / str(n)) for n in (10, 20, 40))
    for name in ten:
        assert forty[name] - twenty[name] == 2 * (twenty[name] - ten[name]), name
    each = {name: (twenty[name] - ten[name]) / 10 for name in ten}
    ranks = 1 if tuner == "three_way" else 0
    assert each == {"ask": 1, "tell": 1, "done": 1, "add": ranks, "fsync": 1}
