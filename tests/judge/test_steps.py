"""The judge by steps: what is counted of stopped trainings, and the same bytes again."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from jaxmeta import cli
from jaxmeta.judge.steps import command, contest, curves
from jaxmeta.judge.steps.contest import Contender, Job, Step, ours, work
from jaxmeta.judge.steps.curves import OPTIMIZERS, RATES, SPLITS
from jaxmeta.score import DIVERGED
from jaxmeta.stopping import Rival

EPOCHS = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Made-up curves in DeepOBS's form: the highest rates diverge after three epochs, the best is
    in the middle, and adam is ahead early."""
    home = tmp_path_factory.mktemp("deepobs")
    with gzip.open(home / curves.FILE, "wt", newline="") as file:
        out = csv.writer(file)
        out.writerow(["problem", "optimizer", "lr", "seed", "epoch", "test_loss", "test_acc"])
        for problem in (*SPLITS["develop"], *SPLITS["report"]):
            for o, optimizer in enumerate(OPTIMIZERS):
                for k, rate in enumerate(RATES):
                    for e in range(EPOCHS + 1):
                        loss = 3 + abs(k - 15) + 0.1 * o - e / (1 + o)
                        loss = float("nan") if k > 30 and e > 2 else loss
                        out.writerow([problem, optimizer, rate, 42, e, loss, ""])
                        out.writerow([problem, optimizer, rate, 43, e, -99, ""])
    return home


def test_curves_are_read_and_regret_is_of_whole_trainings(folder):
    problem = curves.load(folder)["mnist_vae"]
    assert problem.epochs == EPOCHS and len(problem.curves) == 108
    assert len(problem.curves[(35, 0)]) == 3 and problem.curves[(35, 0)][-1] == DIVERGED
    assert problem.regret((15, 0)) == 0 and problem.regret((35, 0)) == 1
    assert 0 < problem.regret((14, 0)) < problem.regret((13, 0)) < 1


def test_a_folder_without_curves_is_said(tmp_path):
    with pytest.raises(ValueError, match="there is no such file; name a folder"):
        curves.load(tmp_path)
    with gzip.open(tmp_path / curves.FILE, "wt") as file:
        file.write("problem,optimizer\n1,2\n")
    with pytest.raises(ValueError, match="must be DeepOBS's curves"):
        curves.load(tmp_path)


def test_one_judge_at_a_time(folder, capsys):
    with pytest.raises(SystemExit):
        cli.main(["judge", "--axes", "--deepobs", str(folder)])
    assert "not allowed with argument" in capsys.readouterr().err


def test_cost_is_in_epochs_and_errors_are_those_of_what_was_stopped(folder):
    """Two trainings whole, one stopped that would have been the best, three that cost nothing."""
    best, middle, late = (15, 0), (17, 0), (16, 0)

    def search(problem, seed):
        yield Step(10, middle, middle, False, None)
        yield Step(0, middle, middle, False, middle)
        yield Step(4, late, middle, True, middle)
        yield Step(10, (20, 0), middle, False, middle)
        yield Step(6, best, best, True, middle)
        for _ in range(30):
            yield Step(10, (25, 2), best, False, middle)

    ran = work(Job(Contender("by hand", search), folder, "mnist_vae", (1,)))
    problem = curves.load(folder)["mnist_vae"]
    # After 2 whole trainings' epochs the third is not at its end; after 5 the last one is.
    assert ran.regret[0].tolist() == [problem.regret(middle), 0, 0, 0]
    assert ran.trainings[0] == 21 and ran.stopped[0] == 2 and ran.wrong[0] == 2 and ran.lost[0]
    assert ran.epochs[0] == (20 + 10 + 170) / 210


def test_what_a_rule_stops_costs_less_and_is_what_the_record_would_hold(folder):
    problem = curves.load(folder)["mnist_vae"]
    whole, cut = (
        list(ours(contest.TUNERS["random"], rule, problem, 5)) for rule in (None, Rival(0, 100))
    )
    assert [step.position for step in whole] == [step.position for step in cut]
    assert not any(step.stopped for step in whole) and any(step.stopped for step in cut)
    assert all(b.epochs <= a.epochs for a, b in zip(whole, cut, strict=True))
    assert all((b.epochs < a.epochs) == b.stopped for a, b in zip(whole, cut, strict=True))


def test_the_command_writes_the_same_bytes_again(folder, tmp_path, monkeypatch):
    few = contest.everybody()
    few = [c for c in few if c.name in ("random", "random, rival", "Optuna TPE, halving")]
    few.append(next(c for c in contest.everybody() if c.name == "Optuna TPE"))
    monkeypatch.setattr(contest, "everybody", lambda: few)
    texts = []
    for workers in ("1", "2"):
        words = ["judge", "--deepobs", str(folder), "--studies", "2", "--workers", workers]
        assert cli.main([*words, "--out", str(tmp_path / workers)]) == 0
        texts.append((tmp_path / workers / "leaderboard_steps_report.txt").read_bytes())
    assert texts[0] == texts[1] and b"random, rival" in texts[0]
    drawn = (tmp_path / "1" / "leaderboard_steps_report.svg").read_text()
    assert "<!-- 0.1 -->" in drawn and "10^" not in drawn and "<!-- median pruner -->" not in drawn
    assert "<!-- rival -->" in drawn and "<!-- whole trainings -->" in drawn


def test_an_interval_holds_its_middle():
    zero = np.zeros(3)
    ran = lambda level: contest.Ran(np.full((3, 4), level), *(zero,) * 5)  # noqa: E731
    found = {"a": {"p": ran(0.5), "q": ran(0.3)}, "a, rival": {"p": ran(0.4), "q": ran(0.3)}}
    row = command._differences(found, ("p", "q"))[3]
    assert row.startswith("a, rival") and row.count("-0.050 [-0.100, 0.000]") == 4
