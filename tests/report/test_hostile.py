"""Pictures of records that mean harm or are huge: well-formed, in their folder, in seconds."""

import copy
import json
import os
import subprocess
import sys
from io import StringIO
from xml.etree import ElementTree

import pytest
from rich.console import Console

from jaxmeta.record.diff import diff
from jaxmeta.record.journal import TIMES
from jaxmeta.report import limits, panels, parting, picture
from jaxmeta.report.pace import pace
from jaxmeta.report.story import story
from jaxmeta.report.table import table
from jaxmeta.tuning import PosterRule
from tests.report.lines import STEPS, study_of, write
from tests.test_plain import HOSTILE

NAMES = {
    "escapes": HOSTILE,
    "markup": "</text><script>alert(1)</script>--><!-- ]]> & <!ENTITY x '&x;'>",
    "mathtext": "$" + "{" * 3000 + "}" * 3000 + "$",
    "no mathtext": r"$\frac{1}{",
    "other scripts": "学习率 😀 ציון" * 9,
    "long": "x\n" * 1_500_000,
}


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("honest") / "a"
    return write(folder, study_of(PosterRule(STEPS, i_max=3)), lambda _: [4000, 4821])


def named(lines, name):
    """The study with `name` for all its names."""
    lines = copy.deepcopy(lines)
    first = lines[0]
    first["task"] = {"name": name, "option": name}
    first["tuner"]["name"] = first["scored_on"] = first["score"]["meaning"] = name
    first["score"]["of"][name] = first["score"]["of"]["validation"]
    first["fixed"] = {name: name}
    return lines


@pytest.mark.parametrize("name", NAMES)
def test_any_name_gives_a_well_formed_picture(honest, name, tmp_path):
    lines = named(honest, NAMES[name])
    told = story(lines)
    png, svg = tmp_path / "a.png", tmp_path / "a.svg"
    picture.save(
        lambda: panels.figure(told, picture.headline(told)),
        png,
        svg,
    )
    pictures = [(png, svg), parting.draw(lines, honest, diff(lines, honest), tmp_path)]
    for pixels, paths in pictures:
        assert pixels.read_bytes().startswith(b"\x89PNG")
        root = ElementTree.fromstring(paths.read_bytes())
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert "path" in tags and not tags & {"script", "foreignObject", "a"}
        assert paths.stat().st_size < 2**20


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "a", study_of(PosterRule(STEPS, i_max=3)), lambda _: [4000, 4821])
    return tmp_path / "a"


def test_a_link_is_replaced_and_its_target_untouched(folder, tmp_path):
    target = tmp_path / "target"
    target.write_text("mine")
    hard = tmp_path / "hard"
    hard.write_text("mine too")
    (folder / "report.svg").symlink_to(target)
    os.link(hard, folder / "report.png")
    before = set(os.listdir(folder))
    png, svg = picture.draw(folder)
    assert (target.read_text(), hard.read_text()) == ("mine", "mine too")
    assert not svg.is_symlink() and b"<svg" in svg.read_bytes()
    assert png.read_bytes().startswith(b"\x89PNG")
    assert set(os.listdir(folder)) == before


def test_a_dangling_link_makes_no_file_elsewhere(folder, tmp_path):
    (folder / "report.png").symlink_to(tmp_path / "made")
    picture.draw(folder)
    assert not (tmp_path / "made").exists()


def test_a_name_that_is_taken_by_a_folder_leaves_nothing_behind(folder):
    (folder / "report.svg").mkdir()
    with pytest.raises(OSError):
        picture.draw(folder)
    assert not [name for name in os.listdir(folder) if name.startswith(".")]


@pytest.mark.parametrize("what", ["link", "file"])
def test_what_is_no_folder_is_not_drawn_into(honest, what, tmp_path):
    out = tmp_path / "out"
    if what == "link":
        (tmp_path / "elsewhere").mkdir()
        out.symlink_to(tmp_path / "elsewhere")
    else:
        out.write_text("mine")
    with pytest.raises(OSError):
        parting.draw(honest, honest, diff(honest, honest), out)
    assert sorted(os.listdir(tmp_path)) == sorted({"out", *(["elsewhere"] * (what == "link"))})
    assert what == "file" or not os.listdir(tmp_path / "elsewhere")


def test_settings_in_the_current_folder_are_not_read(folder):
    """matplotlib would read them when it is imported: here a pipe, which never ends."""
    os.mkfifo(folder / "matplotlibrc")
    code = "from pathlib import Path; from jaxmeta.report.picture import draw; draw(Path('.'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, timeout=60, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "report.png").exists()


GOOD = dict.fromkeys(("needed_seconds", "busy_seconds"), 1.5) | dict.fromkeys(
    ("lanes", "trials", "hits", "misses", "elapsed"), 2
)


@pytest.mark.parametrize(
    "row",
    [
        b"[" * 100_000,
        b"7",
        b"null",
        b"{}",
        b"\xff\xfe",
        *(
            json.dumps(GOOD | {"lanes": value}).encode()
            for value in ("9", None, [], True, -1, float("nan"), float("inf"), 10**400)
        ),
    ],
)
def test_times_that_are_no_times_are_passed_over(row, tmp_path):
    (tmp_path / TIMES).write_bytes(row + b"\n" + json.dumps(GOOD).encode() + b"\n" + row)
    assert pace(tmp_path).startswith("2 lanes, 38% busy")
    (tmp_path / TIMES).write_bytes(row)
    assert pace(tmp_path) == ""


@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "huge", "no time"])
def test_times_that_are_no_file_are_passed_over(kind, tmp_path):
    path = tmp_path / TIMES
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        (tmp_path / "elsewhere").write_text(json.dumps(GOOD))
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "folder":
        path.mkdir()
    elif kind == "huge":
        with path.open("wb") as file:
            file.truncate(2**40)
    else:
        path.write_text(json.dumps(GOOD | {"elapsed": 0}))
    assert pace(tmp_path) == ""


def repeated(lines, times, chains=1):
    """A study of so many times the decisions, in so many chains."""
    decided, many = lines[1:-1], [{**lines[0], "chains": chains}]
    for n in range(times):
        many += [
            {**line, "i": line["i"] + len(decided) * (n // chains), "chain": n % chains}
            for line in decided
        ]
    return many


def test_a_huge_study_is_drawn_in_part_and_says_so(honest, tmp_path):
    told = story(repeated(honest, 10_000))
    drawn = limits.drawn(told)
    assert len(told.rows) == 30_000 and limits.DECISIONS <= len(drawn.rows) <= limits.DECISIONS + 3
    for kept in (told.recommended, told.best_score):
        assert any(row is kept for row in drawn.rows)
    assert f"drawn: {len(drawn.rows)} of them" in picture.headline(told)[2]
    assert "drawn" not in picture.headline(story(honest))[2]
    figure = panels.figure(drawn, picture.headline(told))
    assert sum(len(ax.lines) for ax in figure.axes) < 3 * limits.CURVES
    picture.save(lambda: figure, tmp_path / "a.png", tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size < 4 * 2**20


@pytest.mark.parametrize("chains", [1, 2, 3, 30, 1000])
def test_every_chain_has_its_share(honest, chains):
    drawn = limits.drawn(story(repeated(honest, 2000, chains)))
    counts = [len([row for row in drawn.rows if row.chain == c]) for c in range(chains)]
    assert sum(counts) <= limits.DECISIONS + 3
    assert chains > 30 or max(counts) - min(counts) <= 4


def test_a_huge_curve_is_drawn_in_part(tmp_path):
    study = study_of(PosterRule(STEPS, i_max=2))
    lines = write(tmp_path / "a", study, lambda _: [4000, 4821])
    for line in lines[1:-1]:
        line["trainings"][0]["curve"] *= 100_000
    told = story(lines)
    figure = panels.figure(told, picture.headline(told))
    longest = max(len(line.get_xdata()) for ax in figure.axes for line in ax.lines)
    assert longest <= limits.EPOCHS


def test_a_huge_table_shows_its_two_ends(honest):
    file = StringIO()
    Console(file=file, width=120).print(table(repeated(honest, 1000)))
    shown = [line.rstrip() for line in file.getvalue().splitlines()]
    assert len(shown) < limits.ROWS + 30
    assert "… 2000 decisions are not shown; `show --json` has all" in shown
    rows = {
        int(line.split()[0]) for line in shown if line.split()[:1] and line.strip()[0].isdigit()
    }
    assert rows == {*range(500), *range(2500, 3000)}
