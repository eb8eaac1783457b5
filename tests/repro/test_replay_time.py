"""How long `jaxmeta replay` takes on a study of 100 trainings; printed, not asserted."""

import statistics
import time

import numpy as np
import pytest

from jaxmeta.record.journal import read
from jaxmeta.replay import replay
from jaxmeta.tuning import PosterRule
from tests.report.lines import LOG, study_of, write
from tests.repro.processes import finish, jaxmeta

pytestmark = pytest.mark.repro


def test_a_hundred_decisions(tmp_path):
    scores = np.random.default_rng(0).integers(4000, 5000, 100)
    study = study_of(PosterRule(LOG, i_max=100, noprog_max=100), test=False)

    def curve(wanted):
        return [int(scores[wanted.i]), *[0] * study.training.patience]

    write(tmp_path / "a", study, curve)
    lines = read(tmp_path / "a")
    assert sum(line["line"] == "decision" for line in lines) == 100
    inside, whole = [], []
    for _ in range(5):
        started = time.perf_counter()
        finish(jaxmeta("replay", tmp_path / "a"))
        whole.append(time.perf_counter() - started)
        started = time.perf_counter()
        assert replay(lines).next() is None
        inside.append(time.perf_counter() - started)
    print(
        f"\nreplay of 100 trainings: {statistics.median(inside):.3f} s; as a command, with Python "
        f"to start, {statistics.median(whole):.2f} s (medians of 5)"
    )
