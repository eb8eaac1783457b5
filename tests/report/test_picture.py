"""The picture of a study: what is in it, that it can be read, and that it is always the same."""

import hashlib
import json
import os
import struct
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from jaxmeta.record.journal import TIMES, read
from jaxmeta.report import marks, panels
from jaxmeta.report.pace import pace
from jaxmeta.report.picture import DPI, SIZE, draw, headline
from jaxmeta.report.story import story
from jaxmeta.score import DIVERGED, to_rank
from jaxmeta.tuning import Grid, Lattice, TuneLearningRate, Wanted, make
from tests.report.lines import study_of, write


def made_up(wanted: Wanted) -> list[int]:
    """A curve that goes up to what its learning rate and its number make of it."""
    top = 4990 - 7919 * (wanted.i + 1) % 83 - round(2e4 * wanted.values["learning_rate"])
    return [max(0, top - 900 // (epoch * epoch)) for epoch in range(1, 5 + wanted.i % 4)]


def diverging(wanted: Wanted) -> list[int]:
    return [2000, DIVERGED] if wanted.values["learning_rate"] > 1e-3 else made_up(wanted)


def squares(wanted: Wanted) -> list[int]:
    curve = [to_rank(-1e3 / epoch - wanted.i) for epoch in range(1, 6)]
    return [*curve, DIVERGED] if wanted.i == 3 else curve


BOUNDED = Lattice(lr0=5e-4, eps=1e-4, lr_min=4e-4, lr_max=6e-4)
LOGARITHMIC = make(preset="logarithmic", i_max=30, noprog_max=30)
CASES = {
    "poster": (TuneLearningRate(i_max=20), made_up, {}),
    "long": (TuneLearningRate(i_max=100, noprog_max=100), made_up, {}),
    "chains": (TuneLearningRate(i_max=12), made_up, {"chains": 3, "replicates": 2}),
    "paired": (TuneLearningRate(i_max=12), made_up, {"chains": 2, "keys": "paired"}),
    "short": (TuneLearningRate(i_max=3), made_up, {}),
    "one": (TuneLearningRate(), made_up, {"stop": 1}),
    "interrupted": (TuneLearningRate(), made_up, {"stop": 7}),
    "held": (TuneLearningRate(BOUNDED, i_max=20), made_up, {}),
    "diverged": (LOGARITHMIC, diverging, {}),
    "all diverged": (TuneLearningRate(i_max=3), lambda _: [DIVERGED], {"test": DIVERGED}),
    "perfect": (TuneLearningRate(i_max=4), lambda wanted: [500, 5000 - wanted.i], {}),
    "grid": (Grid(), diverging, {}),
    "regression": (LOGARITHMIC, squares, {"test": to_rank(-8.25)}),
}


BOARD = {"lanes": 2, "hits": 1, "misses": 1, "needed_seconds": 9.0, "busy_seconds": 10.0}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """The journal of each case in a folder of its own."""
    root = tmp_path_factory.mktemp("studies")
    for name, (tuner, train, options) in CASES.items():
        design = {key: options[key] for key in options if key in ("chains", "replicates", "keys")}
        rest = {key: options[key] for key in options if key not in design}
        study = study_of(tuner, numbers=train is squares, **design)
        write(root / name, study, train, **rest)
    (root / "chains" / TIMES).write_text(json.dumps(BOARD | {"trainings": 99, "elapsed": 50.0}))
    return {name: root / name for name in CASES}


def drawn(folder: Path) -> Figure:
    """The figure behind the picture, laid out."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(marks.STYLE)
        told = story(read(folder))
        figure = panels.figure(told, headline(told), SIZE, pace(folder))
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
    within = {text for legend in legends for text in legend.findobj(Text)}
    boxes = [(t.get_text(), t.get_window_extent()) for t in words(figure) if t not in within]
    boxes += [("the legend", legend.get_window_extent()) for legend in legends]
    assert len(boxes) > 20
    for text, box in boxes:
        assert figure.bbox.contains(box.x0, box.y0) and figure.bbox.contains(box.x1, box.y1), text
    for (one, a), (other, b) in combinations(boxes, 2):
        assert not a.overlaps(b), f"{one!r} and {other!r} overlap"


@pytest.mark.parametrize("name", CASES)
def test_a_picture_is_drawn_as_png_and_svg(folders, name):
    png, svg = draw(folders[name])
    assert (png.parent, svg.parent) == (folders[name], folders[name])
    assert png.read_bytes().startswith(b"\x89PNG")
    assert struct.unpack(">II", png.read_bytes()[16:24]) == (1400, 1050)
    assert b"<svg" in svg.read_bytes() and b"<dc:date>" not in svg.read_bytes()


def test_what_the_poster_s_picture_says(folders):
    lines = read(folders["poster"])
    figure = drawn(folders["poster"])
    texts = [text.get_text() for text in words(figure)]
    assert "toy, tuned by tune_learning_rate, seed 0" in texts
    best = float.fromhex(lines[-1]["lambda_best"]["values"]["learning_rate"])
    said = f"λ_best = {best:.6g}   ·   test: 9876/10000 = 98.76 %"
    assert any(text.startswith(said) for text in texts)
    for title in ("Learning rate λ", "Score: accuracy on validation", "Learning curves"):
        assert title in texts
    assert {"up", "keep", "down", "p₁ up", "u, the draw", "worse"} <= set(texts)


def test_a_grid_has_scores_over_rates_for_probabilities(folders):
    texts = [text.get_text() for text in words(drawn(folders["grid"]))]
    assert "Score over λ" in texts and "Probabilities and draws" not in texts


def test_every_draw_stands_in_the_band_of_its_move(folders):
    bottom = drawn(folders["long"]).axes[2]
    draws = bottom.lines[0]
    for i, u in draws.get_xydata():  # pyright: ignore
        inside = [band for band in bottom.collections if _contains(band, i, u)]
        move = read(folders["long"])[int(i) + 1]["asked"]["c"]
        assert inside == [bottom.collections[move - 1]]


def _contains(band, x: float, y: float) -> bool:
    return any(path.contains_point((x, y)) for path in band.get_paths())


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


def test_a_study_without_trainings_cannot_be_drawn(tmp_path):
    write(tmp_path / "a", study_of(TuneLearningRate()), made_up, stop=0)
    with pytest.raises(ValueError, match="at least one training"):
        draw(tmp_path / "a")


def test_without_matplotlib_it_says_what_to_install(folders, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'jaxmeta\[report\]'"):
        draw(folders["short"])


def test_the_scoreboard_of_all_processes_is_part_of_the_picture(tmp_path):
    folder = tmp_path / "a"
    write(folder, study_of(TuneLearningRate(i_max=3)), made_up)
    assert pace(folder) == ""
    rows = [
        {**BOARD, "trainings": 2, "elapsed": 6.0},
        {**BOARD, "trainings": 3, "elapsed": 9.0},  # the last of the first process
        {**BOARD, "trainings": 1, "elapsed": 1.0},
    ]
    (folder / TIMES).write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"torn')
    line = "2 lanes, 100% busy, look-ahead: 2 hits, 2 misses, 0.4 trainings/s, 1.80 x one at a time"
    assert pace(folder) == line
    assert line in [text.get_text() for text in drawn(folder).findobj(Text)]
    (folder / TIMES).write_text(json.dumps({**rows[0], "lanes": 1}))
    assert pace(folder) == ""
