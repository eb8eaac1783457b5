"""The plan: exact where every training takes one time, and true of real runs."""

import json
import random

import pytest

from experiments.sleeper import SPACE, for_seconds
from jaxmeta import PosterRule, Study, cli, plan
from jaxmeta.record.error import JournalError
from jaxmeta.record.journal import NAME, TIMES, read
from jaxmeta.running import Means, run
from jaxmeta.score import FLOAT
from jaxmeta.trial import Trial
from jaxmeta.tuning import Chains, lookahead
from tests.engine.table import score_of

TUNER = PosterRule(SPACE, p_eps=0.1, i_max=12, noprog_max=12)


def one(seed=0):
    return [Chains(TUNER, seed)]


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_a_plan_is_the_tables_look_ahead(workers):
    """In trainings of a second each: the rounds of `lookahead.simulate`, and the test."""

    def score(key: lookahead.Key) -> int:
        return score_of(Trial(0, key.i, key.position, key.r))

    made = plan.plan(one, lambda study, trial: plan.Measured(score_of(trial), 1.0), workers)
    rounds = lookahead.simulate(TUNER, 0, workers, score).rounds
    assert made.seconds == pytest.approx(rounds + 1)
    assert made.speed_up == pytest.approx(13 / made.seconds)
    assert made.useful == pytest.approx(13 / made.seconds / workers)


def test_studies_share_the_workers():
    """Three of one training at a time on three workers take as long as the longest of them."""
    alone = [plan.plan(lambda s=s: one(s), plan.by_lot(s + 1.0, [FLOAT]), 1, 0) for s in range(3)]
    takes = [plan.by_lot(s + 1.0, [FLOAT]) for s in range(3)]

    def training(study, trial):
        return takes[study](0, trial)

    together = plan.plan(lambda: [*one(0), *one(1), *one(2)], training, 3, 0)
    assert together.seconds == pytest.approx(max(each.seconds for each in alone))
    assert together.trainings == sum(each.trainings for each in alone) == 39


def test_studies_as_many_as_workers_look_ahead_seldom(monkeypatch):
    """When some have ended, the others look further ahead once, and not at every training's end."""
    looks = []
    ahead = lookahead.ahead
    monkeypatch.setattr(lookahead, "ahead", lambda *a, **k: looks.append(1) or ahead(*a, **k))

    tuner = PosterRule(SPACE, i_max=6, noprog_max=6)

    def training(study, trial):
        took = 0.5 + random.Random(f"{study} {trial}").random()
        return plan.Measured(score_of(trial, study), took)

    made = plan.plan(lambda: [Chains(tuner, seed) for seed in range(32)], training, 32)
    assert made.trainings >= 32 * 7 and len(looks) < 1.5 * made.trainings


def test_more_workers_than_bring_anything():
    plans = [plan.plan(one, plan.by_lot(60.0, [FLOAT]), workers) for workers in (1, 4, 64, 100)]
    assert [one.workers for one in plans if one.seconds == plans[-1].seconds] == [64, 100]
    assert plan.enough(plans) == 64
    assert plan.enough(plans[:1]) == 1


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded") / "a"
    run(Study(for_seconds(0.05), TUNER, scored_on="validation"), folder, keep_weights=False)
    return folder


def test_of_a_record(recorded, capsys):
    """What was run has its own score and time."""
    rows = [json.loads(row) for row in (recorded / TIMES).read_text().splitlines()]
    training = plan.of_records([(read(recorded), recorded)])
    lines = [line for line in read(recorded) if line["line"] == "decision"]
    for row, line in zip(rows, lines, strict=True):
        trial = Trial(0, line["i"], tuple(line["position"]), 0)
        assert training(0, trial).seconds == row["seconds"]
    made = plan.plan(one, training, 1)
    assert 0.95 < made.seconds / sum(row["seconds"] for row in rows) < 1.5  # and the test
    assert training(1, Trial(0, 0, (10**6,), 0)).seconds in [row["seconds"] for row in rows]
    assert cli.main(["plan", str(recorded), "--workers", "1,2", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [row["workers"] for row in shown] == [1, 2] and shown[0]["seconds"] == made.seconds
    assert cli.main(["plan", str(recorded), "--workers", "1,2", "--seeds", "0:3"]) == 0
    assert "workers are enough" in capsys.readouterr().out


def test_without_times_there_is_none(recorded, tmp_path):
    with pytest.raises(JournalError, match="--seconds-per-training"):
        plan.of_records([(read(recorded), tmp_path)])
    bad = ['{"seconds": NaN, "chain": 0, "i": 0}', "[]", '{"seconds": -1, "chain": 0, "i": 0}', "{"]
    (tmp_path / TIMES).write_text("\n".join(bad))
    with pytest.raises(JournalError, match="--seconds-per-training"):
        plan.of_records([(read(recorded), tmp_path)])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["spirals"], "say --seconds-per-training"),
        (["spirals", "--seconds-per-training", "1", "--seeds", "x"], "seeds are written as"),
        (["{folder}", "--p-eps", "0.1"], "leave out --p-eps"),
        (["{folder}", "--score", "test", "--no-prior"], "leave out --score, --no-prior"),
        (["{unbegun}"], "must hold a study that has begun"),
        (["spirals", "--seconds-per-training", "nan"], "got nan"),
        (["{folder}", "--seconds-per-training", "0"], "got 0"),
    ],
)
def test_bad_input_is_one_sentence(recorded, tmp_path, arguments, words, capsys):
    (tmp_path / NAME).touch()
    given = [word.format(folder=recorded, unbegun=tmp_path) for word in arguments]
    assert cli.main(["plan", *given]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.slow
def test_a_plan_is_true_of_real_runs(tmp_path, capsys):
    """One and two workers, trainings of a second that take no processor: from the first decision
    to the last."""
    study = Study(for_seconds(1.0), PosterRule(SPACE, p_eps=0.1, i_max=20, noprog_max=20))
    seen = {}
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        run(study, folder, None, **vars(Means(workers, keep_weights=False)))
        rows = [json.loads(row) for row in (folder / TIMES).read_text().splitlines()]
        seen[workers] = rows[-1]["elapsed"] - rows[0]["elapsed"]
    training = plan.of_records([(read(tmp_path / "1"), tmp_path / "1")])
    for workers, seconds in seen.items():
        made = plan.plan(lambda: [Chains(study.tuner, 0, exact=True)], training, workers)
        planned = made.seconds - 2 * 1.0  # the first training, and that for the test
        with capsys.disabled():
            print(f"\n{workers} workers: planned {planned:.1f} s, measured {seconds:.1f} s")
        assert seconds == pytest.approx(planned, rel=0.15)
