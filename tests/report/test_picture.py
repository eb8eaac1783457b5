"""The picture of a study: what is in it, that it can be read, and that it is always the same."""

import hashlib
import json
import os
import struct
import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from jaxmeta import Choice, Linear, Log, Space
from jaxmeta.record.diff import diff
from jaxmeta.record.journal import TIMES, read
from jaxmeta.report import marks, panels, parting, ruler
from jaxmeta.report.pace import pace
from jaxmeta.report.picture import DPI, draw, headline
from jaxmeta.report.story import story
from jaxmeta.score import DIVERGED, to_rank
from jaxmeta.trial import Suggestion
from jaxmeta.tuning import PosterRule, Random, ThreeWay
from tests.report.lines import (
    BATCHES,
    DROPOUT,
    EIGHT,
    FOUR,
    LOG,
    OPTIMIZER,
    STEPS,
    joined,
    study_of,
    write,
)


def made_up(asked: Suggestion) -> list[int]:
    """A curve that goes up to what its position and its number make of it."""
    top = 4990 - 7919 * (asked.i + 1) % 83 - 5 * abs(sum(asked.position))
    return [max(0, top - 900 // (epoch * epoch)) for epoch in range(1, 5 + asked.i % 4)]


def diverging(asked: Suggestion) -> list[int]:
    return [2000, DIVERGED] if asked.i % 3 == 2 else made_up(asked)


def squares(asked: Suggestion) -> list[int]:
    curve = [to_rank(-1e3 / epoch - asked.i) for epoch in range(1, 6)]
    return [*curve, DIVERGED] if asked.i == 3 else curve


def rewards(asked: Suggestion) -> list[int]:
    return [to_rank(20.0 * asked.i - 100)]


BOUNDED = Space(learning_rate=Linear(4e-4, 6e-4, 1e-4, start=5e-4))
NEAR = Space(learning_rate=Log(1e-3, 2e-3, 0.01, start=0.0015))  # labels that could touch
MANY = Space(
    **{
        f"a_hyperparameter_{n}": Choice(*(f"choice number {c}" for c in range(9)))
        for n in range(20)
    }
)
LONG = {"noprog_max": 100}
CASES = {
    "poster": (PosterRule(STEPS, i_max=20, **LONG), made_up, {}),
    "long": (PosterRule(STEPS, i_max=100, **LONG), made_up, {}),
    "chains": (PosterRule(STEPS, i_max=12), made_up, {"chains": 3, "replicates": 2}),
    "paired": (PosterRule(STEPS, i_max=12), made_up, {"chains": 2, "keys": "paired"}),
    "short": (PosterRule(STEPS, i_max=3), made_up, {}),
    "one": (PosterRule(STEPS), made_up, {"stop": 1}),
    "interrupted": (PosterRule(STEPS), made_up, {"stop": 7}),
    "held": (PosterRule(BOUNDED, i_max=20), made_up, {}),
    "near": (PosterRule(NEAR, i_max=60, **LONG), made_up, {}),
    "diverged": (PosterRule(LOG, p_min=0.05, i_max=30, noprog_max=30), diverging, {}),
    "all diverged": (PosterRule(STEPS, i_max=3), lambda _: [DIVERGED], {"test": DIVERGED}),
    "perfect": (PosterRule(STEPS, i_max=4), lambda asked: [500, 5000 - asked.i], {}),
    "choice": (PosterRule(OPTIMIZER, i_max=20, **LONG), made_up, {}),
    "batches": (PosterRule(BATCHES, i_max=20, **LONG), made_up, {}),
    "four": (PosterRule(FOUR, i_max=40, **LONG), diverging, {}),
    "four at once": (PosterRule(FOUR, i_max=40, axes="all", **LONG), made_up, {}),
    "eight": (ThreeWay(EIGHT, i_max=40), made_up, {}),
    "many": (PosterRule(MANY, i_max=40, **LONG), made_up, {}),
    "random": (Random(joined(BATCHES, LOG, OPTIMIZER)), diverging, {}),
    "regression": (PosterRule(LOG, p_min=0.05, i_max=30), squares, {"test": to_rank(-8.25)}),
    "rewards": (Random(DROPOUT, i_max=9), rewards, {}),
}
# These become files in `make test`; the others, which are laid out there, in `make test-slow`.
DIFFERENT = {"poster", "interrupted", "chains", "all diverged", "four at once", "random", "rewards"}


BOARD = {"lanes": 2, "hits": 1, "misses": 1, "needed_seconds": 9.0, "busy_seconds": 10.0}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """The journal of each case in a folder of its own."""
    root = tmp_path_factory.mktemp("studies")
    for name, (tuner, train, options) in CASES.items():
        design = {key: options[key] for key in options if key in ("chains", "replicates", "keys")}
        rest = {key: options[key] for key in options if key not in design}
        study = study_of(
            tuner, numbers=train in (squares, rewards), test=train is not rewards, **design
        )
        write(root / name, study, train, **rest)
    (root / "chains" / TIMES).write_text(json.dumps(BOARD | {"trials": 99, "elapsed": 50.0}))
    return {name: root / name for name in CASES}


def drawn(folder: Path) -> Figure:
    """The figure behind the picture, laid out."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(marks.STYLE)
        told = story(read(folder))
        figure = panels.figure(told, [*headline(told), pace(folder)])
        figure.set_dpi(DPI)
        figure.draw_without_rendering()
    return figure


def words(figure: Figure) -> list[Text]:
    """All that is written in the picture, but for the stars, which stand among the data."""
    hidden = set()
    for ax in figure.axes:
        if not ax.get_visible():
            hidden |= set(ax.findobj(Text))
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            outside = [tick for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high]
            hidden |= {label for tick in outside for label in tick.findobj(Text)}
    texts = [text for text in figure.findobj(Text) if text not in hidden and text.get_visible()]
    return [text for text in texts if text.get_text().strip() not in ("", "★")]


@pytest.mark.parametrize("name", CASES)
def test_nothing_written_overlaps_or_is_cut(folders, name):
    figure = drawn(folders[name])
    legends = [legend for ax in figure.axes if (legend := ax.get_legend()) is not None]
    legends += figure.legends
    within = {text for legend in legends for text in legend.findobj(Text)}
    boxes = [(t.get_text(), t.get_window_extent()) for t in words(figure) if t not in within]
    assert {text.get_text() for text in within} >= {"recommended", "best score", "best epoch"}
    boxes += [("the legend", legend.get_window_extent()) for legend in legends]
    assert len(boxes) > 20
    for text, box in boxes:
        assert figure.bbox.contains(box.x0, box.y0) and figure.bbox.contains(box.x1, box.y1), text
    for (one, a), (other, b) in combinations(boxes, 2):
        assert not a.overlaps(b), f"{one!r} and {other!r} overlap"


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name not in DIFFERENT)) for name in CASES],
)
def test_a_picture_is_drawn_as_png_and_svg(folders, name):
    png, svg = draw(folders[name])
    assert (png.parent, svg.parent) == (folders[name], folders[name])
    assert png.read_bytes().startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png.read_bytes()[16:24])
    assert width == 1400 and 1000 < height < 5000
    assert b"<svg" in svg.read_bytes() and b"<dc:date>" not in svg.read_bytes()


def test_what_the_poster_s_picture_says(folders):
    lines = read(folders["poster"])
    figure = drawn(folders["poster"])
    texts = [text.get_text() for text in words(figure)]
    assert "toy, tuned by poster, seed 0" in texts
    best = float.fromhex(lines[-1]["recommended"]["values"]["learning_rate"])
    assert f"recommended: learning_rate = {best:.4g}" in texts
    assert any(text.startswith("test: 9876/10000 = 98.76 %   ·   best score") for text in texts)
    for title in (
        "learning_rate",
        "Probabilities and draws",
        "Score: correct predictions, validation",
        "Learning curves",
    ):
        assert title in texts
    assert {"first", "up", "keep", "down", "u", "worse", "not worse than before"} <= set(texts)


def titles(figure: Figure) -> list[str]:
    return [ax.get_title(loc="left") for ax in figure.axes]


def test_every_hyperparameter_has_a_panel_of_values_and_one_of_probabilities(folders):
    found = titles(drawn(folders["eight"]))
    for name in EIGHT.names:
        assert found.count(name) == found.count(f"p of {name}") == 1


def test_of_very_many_hyperparameters_the_first_are_drawn_and_it_is_said(folders):
    figure = drawn(folders["many"])
    assert len(titles(figure)) == 3 + 2 * 16
    assert any("drawn: the first 16 of 20 hyperparameters" in t.get_text() for t in words(figure))


def test_a_tuner_without_probabilities_has_scores_over_values_for_them(folders):
    found = titles(drawn(folders["random"]))
    assert {"Score over batch_size", "Score over learning_rate", "Score over optimizer"} <= {*found}
    assert not any(title.startswith(("p of", "Probabilities")) for title in found)


@pytest.mark.parametrize(("name", "a"), [("long", 0), ("four", 0), ("four", 2), ("eight", 2)])
def test_every_draw_stands_in_the_band_of_its_move(folders, name, a):
    figure, lines = drawn(folders[name]), read(folders[name])
    panel = figure.axes[3 + 2 * a + 1]
    bands, draws = panel.collections, panel.lines[0]
    asked = [line["asked"] for line in lines[1:-1]]
    moves = len(asked[0]["p"][a])
    # A band that never has any mass is not drawn.
    shown = [n for n in range(moves) if any(one["p"][a][n] for one in asked)]
    assert len(bands) == len(shown)
    assert len(draws.get_xdata()) == sum(one["c"][a] > 0 for one in asked) > 0  # pyright: ignore
    for i, u in draws.get_xydata():  # pyright: ignore
        inside = [n for n, band in zip(shown, bands, strict=True) if _contains(band, i, u)]
        assert inside == [asked[int(i)]["c"][a] - 1]


def _contains(band, x: float, y: float) -> bool:
    return any(path.contains_point((x, y)) for path in band.get_paths())


def test_values_stand_where_the_axis_says(folders):
    figure, lines = drawn(folders["four"]), read(folders["four"])
    rate, size, choice = (figure.axes[3 + 2 * a] for a in range(3))
    assert (rate.get_yscale(), size.get_yscale()) == ("log", "linear")
    path = [tuple(point) for point in rate.lines[0].get_xydata()]  # pyright: ignore
    assert path == [
        (line["i"], float.fromhex(line["values"]["learning_rate"])) for line in lines[1:-1]
    ]
    for ax, name, axis in ((size, "batch_size", BATCHES.axes[0]), (choice, "optimizer", None)):
        axis = axis or OPTIMIZER.axes[0]
        labels = [label.get_text() for label in ax.get_yticklabels()]
        assert labels == [str(axis.value(k)) for k in range(len(labels))]
        assert len(labels) == axis.bounds[1] + 1
        heights = list(ax.lines[0].get_ydata())  # pyright: ignore
        shown = [labels[int(height)] for height in heights]
        assert shown == [str(line["values"][name]) for line in lines[1:-1]]


def test_choices_have_a_colour_each_in_all_panels(folders):
    figure, lines = drawn(folders["choice"]), read(folders["choice"])
    values, curves = figure.axes[3], figure.axes[1]
    names = [str(OPTIMIZER.axes[0].value(k)) for k in range(5)]
    labels = {t.get_text(): t.get_color() for t in values.get_yticklabels()}
    assert labels == {name: ruler.colour(n) for n, name in enumerate(names)}
    assert len(set(labels.values())) == 5
    lines_of = [line for line in curves.lines if len(line.get_xdata()) > 1]  # pyright: ignore
    drawn_in = {matplotlib.colors.to_hex(line.get_color()) for line in lines_of}
    used = {labels[line["values"]["optimizer"]].lower() for line in lines[1:-1]}
    assert used <= drawn_in <= used | {marks.INK}


@pytest.mark.parametrize("least", [0.1, 0.3])
def test_labels_are_spread(least):
    places = np.array([0.0, 0.05, 0.1, 0.35, 0.7, 0.95, 1.0])
    kept = [places[n] for n in ruler.spread(places, least)]
    assert kept[0] == 0 and kept[-1] == 1
    assert all(b - a >= least for a, b in pairwise(kept))


def test_a_diff_draws_the_hyperparameter_that_parts(tmp_path):
    a = write(tmp_path / "a", study_of(PosterRule(FOUR, i_max=9)), made_up)
    b = write(tmp_path / "b", study_of(PosterRule(FOUR, i_max=9), seed=1), made_up)
    ones, others = (
        [row.values for row in told.rows] for told in (story(lines) for lines in (a, b))
    )
    assert parting.parted((story(a), story(b))) == next(
        name
        for one, other in zip(ones, others, strict=True)
        for name in FOUR.names
        if one[name] != other[name]
    )
    assert parting.parted((story(a), story(a))) == "learning_rate"
    late = write(tmp_path / "late", study_of(PosterRule(FOUR, i_max=9)), made_up)
    late[3]["position"] = [*a[3]["position"][:3], a[3]["position"][3] - 1]
    assert parting.parted((story(a), story(late))) == "dropout"
    c = write(tmp_path / "c", study_of(PosterRule(BATCHES, i_max=9)), made_up)
    d = write(tmp_path / "d", study_of(PosterRule(DROPOUT, i_max=9)), made_up)
    assert parting.parted((story(a), story(c))) == "batch_size"
    assert parting.parted((story(c), story(d))) is None
    for one, other in ((a, b), (a, c), (c, d), (a, a)):
        for path in parting.draw(one, other, diff(one, other), tmp_path / "out"):
            assert path.stat().st_size > 10_000


def test_the_same_journal_gives_the_same_bytes(folders):
    folder = folders["diverged"]
    mine = [digest(path) for path in draw(folder)]
    with matplotlib.rc_context({"axes.linewidth": 9, "svg.hashsalt": "mine"}):
        assert [digest(path) for path in draw(folder)] == mine
        assert matplotlib.rcParams["axes.linewidth"] == 9
    code = (
        "import sys, pathlib; from jaxmeta.report.picture import draw; "
        "draw(pathlib.Path(sys.argv[1])); print('matplotlib.pyplot' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    command = [sys.executable, "-c", code, str(folder)]
    assert subprocess.check_output(command, env=environment, text=True).strip() == "False"
    assert [digest(folder / name) for name in ("report.png", "report.svg")] == mine


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_study_without_decisions_cannot_be_drawn(tmp_path):
    write(tmp_path / "a", study_of(PosterRule(STEPS)), made_up, stop=0)
    with pytest.raises(ValueError, match="holds no decision yet"):
        draw(tmp_path / "a")


def test_without_matplotlib_it_says_what_to_install(folders, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'jaxmeta\[report\]'"):
        draw(folders["short"])


def test_how_all_processes_used_their_lanes_is_part_of_the_picture(tmp_path):
    folder = tmp_path / "a"
    write(folder, study_of(PosterRule(STEPS, i_max=3)), made_up)
    assert pace(folder) == ""
    rows = [
        {**BOARD, "trials": 2, "elapsed": 6.0},
        {**BOARD, "trials": 3, "elapsed": 9.0},  # the last of the first process
        {**BOARD, "trials": 1, "elapsed": 1.0},
    ]
    (folder / TIMES).write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"torn')
    line = "2 lanes, 100% busy, look-ahead: 2 hits, 2 misses, 0.4 trials/s, 1.80 x one at a time"
    assert pace(folder) == line
    assert line in [text.get_text() for text in drawn(folder).findobj(Text)]
    (folder / TIMES).write_text(json.dumps({**rows[0], "lanes": 1}))
    assert pace(folder) == ""
