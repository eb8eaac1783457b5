"""What `jaxmeta show` says of a journal, for people and for programs."""

import json
from io import StringIO

import pytest
from rich.console import Console

from jaxmeta.record.journal import JournalError, Line
from jaxmeta.report.table import BEST_LAMBDA, BEST_SCORE, table, to_json
from jaxmeta.score import DIVERGED, to_rank
from jaxmeta.tuning import Grid, Lattice, TuneLearningRate, make
from tests.report.lines import study_of, write

STEPS = Lattice(lr0=5e-4, eps=1e-4)


def shown(lines: list[Line], width: int = 80) -> list[str]:
    """The lines that a terminal of this width shows."""
    file = StringIO()
    Console(file=file, width=width).print(table(lines))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def row(lines: list[Line], i: int) -> str:
    """The table's line of training i."""
    below = next(n for n, line in enumerate(shown(lines)) if line.startswith("──"))
    return shown(lines)[below + 1 + i]


@pytest.fixture
def walked(tmp_path):
    """Five trainings: 4000, 4000, 3999, diverged, 4821."""
    scores = iter([4000, 4000, 3999, DIVERGED, 4821])
    return write(
        tmp_path / "a", study_of(TuneLearningRate(STEPS, i_max=5)), lambda _: [9, next(scores)]
    )


def test_a_row_says_what_was_drawn_and_what_came_of_it(walked):
    asked = walked[2]["asked"]
    one = sum(asked["p"])
    assert row(walked, 0).split() == "0 0.0005 – 0.33 0.33 0.33 4000/5000 = 80.00 % 2/2".split()
    assert row(walked, 1).split() == (
        f"1 0.0006 ↑ up {asked['u'] / one:.2f} 0.33 0.33 0.33 4000/5000 = 80.00 % 2/2 equal".split()
    )
    assert row(walked, 2).split()[-2:] == ["2/2", "worse"]
    assert row(walked, 3).split()[-3:] == ["diverged", "0/2", "worse"]
    assert "4821/5000 = 96.42 %" in row(walked, 4)


def test_the_best_are_marked_where_the_end_line_has_them(tmp_path):
    scores = iter(n * 7919 % 5000 for n in range(30))
    study = study_of(TuneLearningRate(i_max=30, noprog_max=30))
    walked = write(tmp_path / "a", study, lambda _: [next(scores)])
    end = walked[-1]
    places = [line["k"] for line in walked[1:-1]]
    assert places.count(end["lambda_best"]["k"]) > 1 and places.count(end["best_score"]["k"]) > 1
    for mark, name in ((BEST_LAMBDA, "lambda_best"), (BEST_SCORE, "best_score")):
        marked = [i for i in range(30) if mark in row(walked, i)]
        assert marked == [end[name]["i"]]
    assert any("9876/10000 = 98.76 %  read once" in line for line in shown(walked))


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_wraps_or_is_cut(walked, width):
    lines = shown(walked, width)
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)
    assert sum(line.strip().startswith(tuple("01234")) for line in lines) == 5


def test_an_interrupted_study_has_no_test_score(tmp_path):
    study = study_of(TuneLearningRate(i_max=5))
    lines = write(tmp_path / "a", study, lambda _: [4000], stop=2)
    assert shown(lines)[-2] == "not finished: 2 of at most 5 trainings so far"
    assert not any(line.startswith("  test") for line in shown(lines))
    assert to_json(lines)["test"] is None and not to_json(lines)["finished"]


def test_a_study_without_trainings_is_shown(tmp_path):
    lines = write(tmp_path / "a", study_of(TuneLearningRate()), lambda _: [4000], stop=0)
    assert shown(lines)[-2] == "not finished: 0 of at most 100 trainings so far"
    assert not any(line.startswith("──") for line in shown(lines))
    assert to_json(lines)["lambda_best"] is None


def test_an_empty_journal_is_a_sentence():
    with pytest.raises(JournalError, match="must have a first line"):
        table([])


def test_how_a_study_ended(tmp_path, walked):
    scores = iter(range(5000, 0, -1))
    study = study_of(TuneLearningRate(noprog_max=3))
    lines = write(tmp_path / "b", study, lambda _: [next(scores)])
    assert shown(lines)[-2] == "finished: 4 of at most 100 trainings, since 3 in a row got worse"
    assert shown(walked)[-2] == "finished: all 5 trainings"


def test_a_move_held_at_a_bound_says_so(tmp_path):
    tuner = TuneLearningRate(Lattice(lr0=5e-4, eps=1e-4, lr_min=5e-4, lr_max=6e-4), i_max=12)
    lines = write(tmp_path / "a", study_of(tuner), lambda _: [4000])
    held = [line["asked"]["held"] for line in lines[1:-1]]
    assert any(held)
    assert ["held" in row(lines, i) for i in range(12)] == held
    assert [training["held"] for training in to_json(lines)["decisions"]] == held


def test_a_grid_has_neither_moves_nor_draws(tmp_path):
    lines = write(tmp_path / "a", study_of(Grid(i_max=3)), lambda wanted: [1000 * wanted.i])
    assert row(lines, 1).split() == "1 0.001 1000/5000 = 20.00 % 1/1".split()
    assert to_json(lines)["decisions"][1]["p"] is None


def test_scores_on_the_test_split_are_not_called_unseen(tmp_path):
    study = study_of(TuneLearningRate(i_max=2), scored_on="test")
    lines = write(tmp_path / "a", study, lambda _: [9000])
    assert any("scores were taken on it too" in line for line in shown(lines))
    assert "9000/10000 = 90.00 %" in row(lines, 0)


def test_json_has_floats_and_beside_them_exactly(tmp_path):
    scores = iter([-3.3, -1.7, -2.9])
    study = study_of(make(preset="logarithmic", i_max=3), numbers=True)
    lines = write(tmp_path / "a", study, lambda _: [to_rank(next(scores))], test=to_rank(-0.1))
    told = json.loads(json.dumps(to_json(lines), allow_nan=False))
    for line, training in zip(lines[1:-1], told["decisions"], strict=True):
        assert training["learning_rate_hex"] == line["values"]["learning_rate"]
        assert float.fromhex(training["learning_rate_hex"]) == training["learning_rate"]
        assert training["score_hex"] == line["score"]
        assert float.fromhex(training["score_hex"]) == training["score"]
        assert training["p_units"] == line["asked"]["p"]
        assert sum(training["p_units"]) == training["one"] == lines[0]["tuner"]["one"]
    assert told["test"]["score_hex"] == lines[-1]["test"]["score"]
    assert "-3.3" in row(lines, 0)


def test_json_draws_fall_into_the_band_of_their_move(tmp_path):
    scores = iter(n * 7919 % 5000 for n in range(40))
    study = study_of(TuneLearningRate(i_max=40, noprog_max=40))
    trainings = to_json(write(tmp_path / "a", study, lambda _: [next(scores)]))["decisions"]
    assert {training["move"] for training in trainings} == {None, "up", "keep", "down"}
    for training in trainings[1:]:
        p1, p2, _ = training["p"]
        band = {"up": (0, p1), "keep": (p1, p1 + p2), "down": (p1 + p2, 1)}[training["move"]]
        assert band[0] <= training["u"] < band[1]


def test_json_has_null_where_a_training_diverged(walked):
    training = to_json(walked)["decisions"][3]
    assert training["score"] is None and "accuracy" not in training
    assert [points["score"] for points in training["trainings"][0]["curve"]] == [9, None]
