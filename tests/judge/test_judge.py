"""The judge against brute force: a tiny table, plain loops, and Optuna's own sequential run."""

import hashlib
import math
from typing import NamedTuple

import jax
import numpy as np
import pytest

from jaxmeta import keys
from jaxmeta.judge import command, contenders, halving, host, runner, statistics, verdict
from jaxmeta.judge.contenders import BUDGETS, TRAININGS, Contender, field
from jaxmeta.judge.landscape import UNIT, Landscape
from jaxmeta.score import DIVERGED, to_float, to_rank, total
from jaxmeta.space import Log, Space
from jaxmeta.tuning import Grid, OptunaSearch, PosterRule, Random, ThreeWay, Walk
from jaxmeta.tuning.optuna_search import SAMPLERS

RATES = np.array([1e-4, 1e-3, 1e-2, 1e-1])
DRAW = np.random.default_rng(0)
VALUE = np.sort(DRAW.uniform(0.2, 0.9, (3, 4, 5)), axis=1)[:, [0, 2, 3, 1]]
VALUE[1, 3, :3] = -5.0  # the highest rate of slice 1 diverges under three seeds of five
MEAN = np.maximum(VALUE, 0).mean(-1)
TINY = Landscape("tiny", "mlp", RATES, VALUE, MEAN, lambda v: 100 * v, -1.0)
SPACE = Space(rate=Log(1e-4, 1e-1))
TUNERS = {
    "three_way": ThreeWay(SPACE, i_max=12),
    "poster": PosterRule(Space(rate=Log(1e-4, 1e-1, 1.0, start=1e-3)), i_max=9, noprog_max=3),
    "grid": Grid(SPACE, 5),
    "random": Random(SPACE, 8),
}


def look_up(slice_: int, rate: float, column: int) -> int:
    """A score, without numpy's help."""
    if rate >= RATES[-1]:
        value = VALUE[slice_, -1, column]
    else:
        left = max(n for n in range(3) if RATES[n] <= rate or n == 0)
        part = (math.log(rate) - math.log(RATES[left])) / math.log(10)
        a, b = VALUE[slice_, left, column], VALUE[slice_, left + 1, column]
        value = a if part <= 0 else a * (1 - part) + b * part
    return DIVERGED if value <= -1 else round(value / UNIT)


WAYS = ((False, 1), (True, 1), (True, 3))  # paired, replicates
QUICK = {("three_way", True, 3), ("poster", False, 1), ("grid", True, 1), ("random", False, 1)}


@pytest.mark.parametrize(
    ("name", "paired", "replicates"),
    [
        pytest.param(*case, marks=[] if case in QUICK else [pytest.mark.slow])
        for case in ((name, *way) for name in TUNERS for way in WAYS)
    ],
)
def test_a_run_is_the_walk_of_a_real_study_told_from_the_table(name, paired, replicates):
    tuner, slices, seeds = TUNERS[name], np.array([0, 1, 2, 0]), np.array([7, 8, 9, 10])
    scores = TINY.scores(runner.rates(tuner))
    runs = runner.run(tuner, scores, slices, seeds.astype(np.uint32), 14, paired, replicates)
    for n, (slice_, seed) in enumerate(zip(slices, seeds, strict=True)):
        walk = Walk(tuner, int(seed))
        while not walk.done:
            i, wanted = walk.i, walk.ask()
            each = []
            for r in range(wanted.r * replicates, (wanted.r + 1) * replicates):
                key = keys.training(keys.root(int(seed)), 0 if paired else i, r)
                column = int(jax.random.randint(key, (), 0, 5))
                each.append(look_up(slice_, wanted.values["rate"], column))
            assert ((runs.k[n, i],), runs.r[n, i]) == (wanted.position, wanted.r)
            points = total(each, exact=False)
            assert abs(int(runs.score[n, i]) - points) <= replicates  # a rate is a float32
            told = walk.tell(int(runs.score[n, i]))
            assert [runs.recommended[n, i]] == told["best"] and runs.live[n, i]
        assert not runs.live[n, walk.i :].any()


def test_a_training_asked_for_again_is_free_where_keys_are_paired():
    k = np.array([[0, 1, 0, 2, 2, 0]])
    live = np.array([[True] * 5 + [False]])
    runs = runner.Runs(k, np.array([[0, 0, 0, 0, 1, 0]]), k, k * 10, live)
    assert runner.spent(runs, paired=True).tolist() == [[1, 2, 2, 3, 4, 4]]
    assert runner.spent(runs, paired=False).tolist() == [[1, 2, 3, 4, 5, 5]]
    after = runner.after(runs, 5, True, runs.recommended)
    assert after.tolist() == [[0, 0, 20, 0, 0]]  # the last thing said with so many trainings


def test_regret_is_of_the_mean_which_no_tuner_sees():
    rates = np.array([[1e-4, 1e-3, 10**-2.5, 1e-1]])
    for slice_ in range(3):
        regret, points = TINY.truth(np.array([slice_]), rates)
        best, worst = MEAN[slice_].max(), MEAN[slice_].min()
        means = MEAN[slice_][[0, 1, 3]]
        middle = (MEAN[slice_][1] + MEAN[slice_][2]) / 2
        expected = np.array([*means[:2], middle, means[2]])
        np.testing.assert_allclose(regret[0], (best - expected) / (best - worst), atol=1e-12)
        np.testing.assert_allclose(points[0], 100 * (best - expected), atol=1e-10)


@pytest.mark.slow
def test_two_trainings_a_decision_halve_the_decisions(monkeypatch):
    monkeypatch.setattr(contenders, "STARTS", 1)
    here = field(TINY, 0, False)
    searched = contenders.ours("two", 2).search(here)
    tuner = contenders.three_way(here.starts[0], *here.range)
    rates, slices = runner.rates(tuner), np.arange(3)
    runs = runner.run(tuner, TINY.scores(rates), slices, here.seeds[0], 20, False, 2)
    decided = rates[runs.recommended - tuner.space.bounds[0][0]]
    assert (searched.recommended[0, :, 1::2] == decided).all()
    assert (searched.recommended[0, :, 2::2] == decided[:, :-1]).all()
    assert not (searched.recommended[0] == contenders.ours("one").search(here).recommended).all()


def test_flat_slices_are_left_out_and_none_is_drawn_twice():
    flat = np.zeros((2, 4, 5))
    both = Landscape(
        "x",
        "mlp",
        RATES,
        np.concatenate([flat, VALUE]),
        np.concatenate([flat[..., 0], MEAN]),
        TINY.points,
    )
    assert len(both.sample(99, 0).mean) == 3
    assert len({row.tobytes() for row in both.sample(2, 1).mean}) == 2


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "gp"])
def test_an_adapter_is_the_librarys_own_sequential_run(sampler):
    """`study.optimize` with the same seed and scores: the same learning rates, to the float32."""
    import optuna

    if sampler == "gp":
        pytest.importorskip("torch")  # not in the lock: `make bench` installs it
    tuner = OptunaSearch(SPACE, sampler, i_max=14)
    runs = host.run(tuner, TINY, np.array([0, 2]), np.array([3, 4]), 14, paired=False)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for n in range(2):
        walk = Walk(tuner, 3 + n)
        first = walk.ask()
        assert first.position == (runs.k[n, 0],)
        scores = iter(runs.score[n].tolist())
        rates = []

        def objective(trial):
            rates.append(trial.suggest_float("rate", 1e-4, 1e-1, log=True))  # noqa: B023
            return next(scores)  # noqa: B023

        made = getattr(optuna.samplers, SAMPLERS[sampler])
        study = optuna.create_study(direction="maximize", sampler=made(seed=first.asked["seed"]))
        study.optimize(objective, n_trials=14)
        assert [to_rank(rate) for rate in rates] == runs.k[n].tolist()
        best = [to_rank(study.best_params["rate"])]
        assert runs.recommended[n, -1:].tolist() == best
        for score in runs.score[n, :4].tolist():  # the tuner of a real study asks the same
            wanted = walk.ask()
            assert wanted.position == (runs.k[n, walk.i],)
            assert wanted.values["rate"] == to_float(runs.k[n, walk.i])
            walk.tell(score)
    assert len(set(runs.k[0].tolist())) > 10  # the control: it searched


@pytest.mark.parametrize("paired", [False, True])
def test_optunas_trainings_have_the_columns_of_a_study_with_its_keys(paired):
    tuner = OptunaSearch(SPACE, "tpe", i_max=6)
    runs = host.run(tuner, TINY, np.array([1]), np.array([7]), 6, paired)
    for i in range(6):
        key = keys.training(keys.root(7), 0 if paired else i, 0)
        column = int(jax.random.randint(key, (), 0, 5))
        assert runs.score[0, i] == TINY.score(1, to_float(runs.k[0, i]), column)


def test_asha_promotes_the_best_third_and_pays_for_what_it_trains():
    """On curves where a rate's rank never changes it finds the best of what it tried."""
    parts = [0.5, 0.8, 1.0]
    rungs = [
        Landscape("c", "curves", RATES, VALUE[:1] * p, MEAN[:1] * p, TINY.points) for p in parts
    ]
    found = halving.asha(rungs, 0, 5, 12, True, 1e-4, 1e-1)
    assert found.shape == (12,) and (found >= 1e-4).all() and (found <= 1e-1).all()
    assert (halving.asha(rungs, 0, 5, 12, True, 1e-4, 1e-1) == found).all()
    regret, _ = TINY.truth(np.array([0]), found[None])
    assert regret[0, -1] <= regret[0, 0] and regret[0, -1] < 0.2

    trained, scored = [], []

    class Rung(NamedTuple):
        n: int
        value: np.ndarray

        def score(self, slice_, rate, column):
            trained.append(self.n)
            points = rungs[self.n].score(slice_, rate, column)
            scored.append(
                (self.n, points if self.n < 2 else -points, rate)
            )  # a surprise at the end
            return scored[-1][1]

    found = halving.asha([Rung(n, VALUE) for n in range(3)], 0, 5, 12, True, 1e-4, 1e-1)
    assert found[-1] == max(scored, key=lambda entry: entry[:2])[2]  # the best of the last rung
    # What each costs, in ninths; the training that would have been too much is not run.
    assert 9 * 12 - 6 < sum((1, 2, 6)[n] for n in trained) <= 9 * 12
    assert all(abs(trained.count(n) - trained.count(n - 1) // 3) <= 1 for n in (1, 2))


def mean_interval(values):
    """Of a mean the jackknife's standard error is the usual one, s / √n."""
    return statistics.interval(
        np.mean(values), [np.delete(values, n).mean() for n in range(len(values))]
    )


@pytest.mark.parametrize("n", [4, 5, 8])
def test_an_interval_covers_what_it_says_where_data_sets_are_normal(n):
    """1,000 times n data sets whose true mean is 0: at 95 % four standard errors are 2.8 %."""
    drawn = np.random.default_rng(n).normal(size=(1000, n))
    covered = [low <= 0 <= high for low, high in map(mean_interval, drawn)]
    assert abs(np.mean(covered) - 0.95) < 0.028


def test_the_interval_of_a_mean_is_students_by_hand():
    half = 3.182446 * math.sqrt(5 / 3) / 2  # t of 3 degrees of freedom, from a printed table
    found = mean_interval([1.0, 2.0, 3.0, 4.0])
    assert found == pytest.approx((2.5 - half, 2.5 + half), abs=1e-5)


def test_a_line_counts_changes_for_the_worse_and_trainings_to_within_a_point():
    regret = np.full((1, 2, TRAININGS), 0.1)
    regret[0, 0, 3:] = 0.3  # one change, for the worse
    regret[0, 1, 5:] = 0.05  # two for the better
    regret[0, 1, 7:] = 0.04
    points = np.full_like(regret, 2.0)
    points[:, :, 6:] = 0.5
    line = verdict.line([verdict.Judged(regret, points, regret)])
    assert line.wrong == 1 / 3 and line.within == 7
    assert line.regret[2] == (0.1, 0.1, 0.1) and line.regret[10] == (0.04, 0.04, 0.3)
    never = verdict.line([verdict.Judged(regret, points + 9, regret)])
    assert never.within is None


def test_a_difference_has_an_interval_over_data_sets():
    def judged(level):
        flat = np.full((2, 30, TRAININGS), level) + DRAW.normal(0, 1e-3, (2, 30, TRAININGS))
        return verdict.Judged(flat, flat, flat)

    low, high = [judged(0.1) for _ in range(4)], [judged(0.3) for _ in range(4)]
    found = verdict.difference(low, high, 10)
    assert found.low <= found.median <= found.high < 0
    assert found.median == pytest.approx(-0.2, abs=1e-2)
    assert verdict.difference(high, low, 10).low > 0  # the control
    few = verdict.Judged(*(x[:, :7] for x in low[0]))  # of the other the same slices are taken
    pooled = [
        np.concatenate([j.regret[:, :n, 9] for j, n in zip(side, (7, 30, 30, 30), strict=True)], 1)
        for side in ([few, *low[1:]], high)
    ]
    medians = [statistics.quantile(x, 0.5) for x in pooled]
    assert verdict.difference([few, *low[1:]], high, 10).median == medians[0] - medians[1]


def test_who_starts_where_and_with_which_seed_is_the_same_for_all():
    one, other = field(TINY, 0, False), field(TINY, 1, False)
    assert len(one.starts) == 6 and one.starts[0] == 1e-4 and one.starts[-1] == 0.1
    assert len(np.unique(one.seeds)) == one.seeds.size == 18
    assert (field(TINY, 0, True).seeds == one.seeds).all() and not (other.seeds == one.seeds).any()


SMALL = [
    contenders.ours("three_way"),
    Contender("random", contenders.all_contenders(1, 0)[0][1].search),
]


@pytest.fixture
def tiny(monkeypatch):
    """The judge on made-up data sets only, from two starting points, each compiled anew."""
    monkeypatch.setattr(contenders, "STARTS", 2)
    monkeypatch.setattr(
        command, "landscapes", lambda split, slices, seed: iter([(TINY, []), (SECOND, [])])
    )
    monkeypatch.setattr(command, "all_contenders", lambda slow, gp: (SMALL, []))


SECOND = Landscape("second", "mlp", RATES, VALUE[::-1].copy(), MEAN[::-1].copy(), TINY.points, -1.0)


def test_the_leaderboard_is_the_same_bytes_for_the_same_seed_and_ends_with_its_digest(
    tiny, tmp_path, capsys
):
    texts = []
    for seed, out in ((0, "a"), (0, "b"), (1, "c")):
        command.main("develop", seed, False, 3, 3, 0, tmp_path / out)
        texts.append(capsys.readouterr().out.splitlines())
    board = (tmp_path / "a" / "leaderboard.txt").read_bytes()
    assert board == (tmp_path / "b" / "leaderboard.txt").read_bytes()
    assert board != (tmp_path / "c" / "leaderboard.txt").read_bytes()
    assert texts[0][-1] == texts[1][-1] == f"digest: {hashlib.sha256(board).hexdigest()}"
    assert (tmp_path / "a" / "leaderboard.png").stat().st_size > 10_000
    assert (tmp_path / "a" / "leaderboard.png").read_bytes() == (
        tmp_path / "b" / "leaderboard.png"
    ).read_bytes()


@pytest.mark.slow
def test_every_contender_gives_learning_rates_of_its_range_after_each_training(monkeypatch):
    monkeypatch.setattr(contenders, "STARTS", 1)
    here = field(TINY, 0, False)
    for contender in contenders.all_contenders(1, 0)[0]:
        if contender.curves:
            continue
        searched = contender.search(here)
        for rates in searched:
            assert rates.shape[0] == 1 and rates.shape[2] == TRAININGS
            assert (rates >= 0.99e-4).all() and (rates <= 0.101).all(), contender.name
    assert BUDGETS[-1] == TRAININGS


def test_bad_numbers_are_named(tmp_path):
    with pytest.raises(ValueError, match="slices must be at least 1, got 0"):
        command.main("develop", 0, False, 0, 1, 0, tmp_path)
