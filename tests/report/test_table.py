"""What `jaxmeta show` says of a journal, for people and for programs."""

import json
from io import StringIO

import pytest
from rich.console import Console

from jaxmeta import Linear, Space
from jaxmeta.record.journal import JournalError, Line
from jaxmeta.report.table import BEST_SCORE, RECOMMENDED, table, to_json
from jaxmeta.score import DIVERGED, to_rank
from jaxmeta.tuning import Grid, PosterRule, ThreeWay
from tests.report.lines import BATCHES, EIGHT, FOUR, LOG, OPTIMIZER, STEPS, study_of, write


def shown(lines: list[Line], width: int = 80) -> list[str]:
    """The lines that a terminal of this width shows."""
    file = StringIO()
    Console(file=file, width=width).print(table(lines))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def row(lines: list[Line], i: int) -> str:
    """The table's line of decision i."""
    below = next(n for n, line in enumerate(shown(lines)) if line.startswith("──"))
    return shown(lines)[below + 1 + i]


@pytest.fixture
def walked(tmp_path):
    """Five trials: 4000, 4000, 3999, diverged, 4821."""
    scores = iter([4000, 4000, 3999, DIVERGED, 4821])
    return write(tmp_path / "a", study_of(PosterRule(STEPS, i_max=5)), lambda _: [9, next(scores)])


def test_a_row_says_what_was_drawn_and_what_came_of_it(walked):
    asked = walked[2]["asked"]
    u = asked["u"][0] / sum(asked["p"][0])
    assert row(walked, 0).split() == "0 0.0005 – 0.33 0.33 0.33 4000/5000 = 80.00 % 2/2".split()
    assert row(walked, 1).split() == (
        f"1 0.0006 ↑ up {u:.2f} 0.33 0.33 0.33 4000/5000 = 80.00 % 2/2 equal".split()
    )
    assert row(walked, 2).split()[-2:] == ["2/2", "worse"]
    assert row(walked, 3).split()[-3:] == ["diverged", "0/2", "worse"]
    assert "4821/5000 = 96.42 %" in row(walked, 4)


def test_the_best_are_marked_where_the_end_line_has_them(tmp_path):
    scores = iter(n * 7919 % 5000 for n in range(30))
    study = study_of(PosterRule(STEPS, i_max=30, noprog_max=30))
    walked = write(tmp_path / "a", study, lambda _: [next(scores)])
    end = walked[-1]
    places = [line["position"] for line in walked[1:-1]]
    for mark, name in ((RECOMMENDED, "recommended"), (BEST_SCORE, "best_score")):
        assert places.count(end[name]["position"]) > 1
        marked = [i for i in range(30) if mark in row(walked, i)]
        assert marked == [end[name]["i"]]
    assert any("9876/10000 = 98.76 %" in line and "read once" in line for line in shown(walked))


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_wraps_or_is_cut(walked, width):
    lines = shown(walked, width)
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)
    assert sum(line.strip().startswith(tuple("01234")) for line in lines) == 5


def test_an_interrupted_study_has_no_test_score(tmp_path):
    study = study_of(PosterRule(STEPS, i_max=5))
    lines = write(tmp_path / "a", study, lambda _: [4000], stop=2)
    assert shown(lines)[-2] == "not finished: 2 of at most 5 decisions so far"
    assert not any(line.startswith("  test") for line in shown(lines))
    assert to_json(lines)["test"] is None and not to_json(lines)["finished"]


def test_a_study_without_trainings_is_shown(tmp_path):
    lines = write(tmp_path / "a", study_of(PosterRule(STEPS)), lambda _: [4000], stop=0)
    assert shown(lines)[-2] == "not finished: 0 of at most 100 decisions so far"
    assert not any(line.startswith("──") for line in shown(lines))
    assert to_json(lines)["recommended"] is None


def test_an_empty_journal_is_a_sentence():
    with pytest.raises(JournalError, match="must have a first line"):
        table([])


def test_how_a_study_ended(tmp_path, walked):
    scores = iter(range(5000, 0, -1))
    study = study_of(PosterRule(STEPS, noprog_max=3))
    lines = write(tmp_path / "b", study, lambda _: [next(scores)])
    assert shown(lines)[-2] == "finished: 4 of at most 100 decisions, since 3 in a row got worse"
    assert shown(walked)[-2] == "finished: all 5 decisions"


def test_a_move_held_at_a_bound_says_so(tmp_path):
    tuner = PosterRule(Space(width=Linear(5e-4, 6e-4, 1e-4, start=5e-4)), i_max=12)
    lines = write(tmp_path / "a", study_of(tuner), lambda _: [4000])
    held = [line["asked"]["held"] == [True] for line in lines[1:-1]]
    assert any(held)
    assert ["held" in row(lines, i) for i in range(12)] == held
    assert [one["moves"]["width"]["held"] for one in to_json(lines)["decisions"]] == held


def test_a_grid_has_neither_moves_nor_draws(tmp_path):
    study = study_of(Grid(BATCHES, points=3))
    lines = write(tmp_path / "a", study, lambda asked: [1000 * asked.i])
    assert row(lines, 1).split() == "1 64 1000/5000 = 20.00 % 1/1".split()
    assert to_json(lines)["decisions"][1]["moves"] == {}


def test_a_choice_is_shown_by_its_name(tmp_path):
    study = study_of(PosterRule(OPTIMIZER, i_max=8))
    lines = write(tmp_path / "a", study, lambda _: [4000])
    for i, line in enumerate(lines[2:-1], 1):
        name = OPTIMIZER.axes[0].value(line["asked"]["c"][0] - 1)
        assert row(lines, i).split()[1:4] == [name, "→", name]
    assert to_json(lines)["decisions"][1]["moves"]["optimizer"]["move"] in OPTIMIZER.axes[0].values


def test_of_several_axes_the_one_that_moved_has_an_arrow(tmp_path):
    lines = write(tmp_path / "a", study_of(PosterRule(FOUR, i_max=9)), lambda _: [4000])
    header = next(line for line in shown(lines, 120) if line.lstrip().startswith("i "))
    assert header.split()[:6] == ["i", *FOUR.names, "u"]
    arrows = "↑=↓→"
    below = next(n for n, line in enumerate(shown(lines, 120)) if line.startswith("──"))
    for i in range(9):
        cells = shown(lines, 120)[below + 1 + i]
        assert sum(cells.count(arrow) for arrow in arrows) - cells.count("= 80") == (i > 0)
        if i:
            name = FOUR.names[(i - 1) % 4]
            at = header.index(name)
            assert any(arrow in cells[at : at + len(name) + 2] for arrow in arrows)


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
@pytest.mark.parametrize("space", [LOG, FOUR, EIGHT], ids=["1", "4", "8"])
@pytest.mark.parametrize("axes", ["in_turn", "all"])
def test_a_table_fits_and_says_every_value(tmp_path, space, width, axes):
    lines = write(tmp_path / "a", study_of(PosterRule(space, i_max=4, axes=axes)), lambda _: [4000])
    text = shown(lines, width)
    assert max(map(len, text)) <= width
    assert not any("…" in line for line in text)
    words = {word.strip(",") for line in text for word in line.split()}
    for decision in to_json(lines)["decisions"]:
        for value in decision["values"].values():
            assert isinstance(value, float) or str(value) in words


def test_what_is_tuned_and_what_is_fixed_is_said(tmp_path):
    lines = write(tmp_path / "a", study_of(ThreeWay(FOUR, i_max=2)), lambda _: [4000])
    lines[0]["fixed"] = {"beta1": 0.9, "regularizer": "none"}
    text = "\n".join(shown(lines, 120))
    assert "tuned     learning_rate  1e-05:1:log:0.1@0.001" in text
    assert "batch_size  16,32,50,64,128,256" in text and "dropout  0:0.8:0.1" in text
    assert "fixed     beta1=0.9  regularizer=none" in text
    assert "epochs=20  patience=3, the same for every trial" in text


def test_a_study_without_a_test_set_is_finished_without_one(tmp_path):
    study = study_of(PosterRule(STEPS, i_max=2), test=False, counted=False)
    lines = write(tmp_path / "a", study, lambda _: [4000])
    assert shown(lines)[-2] == "finished: all 2 decisions"
    assert not any(line.startswith("  test") for line in shown(lines))
    told = to_json(lines)
    assert told["finished"] and told["test"] is None
    assert row(lines, 0).split()[-4:-1] == ["0.33", "4000", "1/1"]
    assert told["best_score"]["score"] == 4000 and told["best_score"]["of"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"asked": {"position": [1], "u": [1], "c": [9], "held": [False], "p": [[1, 1, 1]]}},
        {"asked": {"position": [1], "u": [1], "c": [1], "held": [False], "p": [[1, 1]]}},
        {"asked": {"position": [1], "u": [1], "c": [1], "held": [False], "p": [[0, 0, 0]]}},
        {"asked": {"position": [1], "u": 1, "c": 1, "held": False, "p": [1, 1, 1]}},
        {"told": {}},
        {"told": {"best": 1}},
        {"told": {"best": [999]}},
        {"position": [10**6]},
    ],
    ids=str,
)
def test_a_decision_that_fits_no_study_is_a_sentence(walked, change):
    walked[-2] |= change
    with pytest.raises(
        (JournalError, ValueError), match="changed after it was made|not on this axis"
    ):
        table(walked[:-1])


def test_scores_on_the_test_split_are_not_called_unseen(tmp_path):
    study = study_of(PosterRule(STEPS, i_max=2), scored_on="test")
    lines = write(tmp_path / "a", study, lambda _: [9000])
    assert any("scores were taken on it too" in line for line in shown(lines))
    assert "9000/10000 = 90.00 %" in row(lines, 0)


def test_json_has_floats_and_beside_them_exactly(tmp_path):
    scores = iter([-3.3, -1.7, -2.9])
    study = study_of(PosterRule(LOG, p_min=0.05, i_max=3), numbers=True)
    lines = write(tmp_path / "a", study, lambda _: [to_rank(next(scores))], test=to_rank(-0.1))
    told = json.loads(json.dumps(to_json(lines), allow_nan=False))
    for line, one in zip(lines[1:-1], told["decisions"], strict=True):
        assert one["values_hex"] == line["values"]
        assert float.fromhex(one["values_hex"]["learning_rate"]) == one["values"]["learning_rate"]
        assert one["position"] == line["position"]
        assert one["score_hex"] == line["score"]
        assert float.fromhex(one["score_hex"]) == one["score"]
        move = one["moves"]["learning_rate"]
        assert move["p_units"] == line["asked"]["p"][0]
        assert sum(move["p_units"]) == move["one"] == lines[0]["tuner"]["one"]
    assert told["test"]["score_hex"] == lines[-1]["test"]["score"]
    assert "-3.3" in row(lines, 0)


def test_json_draws_fall_into_the_band_of_their_move(tmp_path):
    scores = iter(n * 7919 % 5000 for n in range(40))
    study = study_of(PosterRule(STEPS, i_max=40, noprog_max=40))
    decisions = to_json(write(tmp_path / "a", study, lambda _: [next(scores)]))["decisions"]
    moves = [one["moves"]["learning_rate"] for one in decisions]
    assert {move["move"] for move in moves} == {None, "up", "keep", "down"}
    for move in moves[1:]:
        p1, p2, _ = move["p"]
        band = {"up": (0, p1), "keep": (p1, p1 + p2), "down": (p1 + p2, 1)}[move["move"]]
        assert band[0] <= move["u"] < band[1]


def test_json_has_null_where_a_trial_diverged(walked):
    training = to_json(walked)["decisions"][3]
    assert training["score"] is None and "accuracy" not in training
    assert [points["score"] for points in training["trainings"][0]["curve"]] == [9, None]
