"""Words of a record that want to be more than words: nothing but visible characters comes out."""

import copy
import json
import re
import unicodedata
from importlib import import_module
from io import StringIO
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from jaxmeta import cli
from jaxmeta.display import Live, Plain
from jaxmeta.plain import LIMIT, plain
from jaxmeta.record.diff import diff
from jaxmeta.report.table import table, to_json
from jaxmeta.space import Choice, Space
from jaxmeta.tuning import PosterRule
from tests.answers import said
from tests.report.lines import STEPS, study_of, write

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\x9b5n\r\n0  0.1 ● [bold red]no[/]\u202e\u2028\u2029\u200b\ud800$x^{$"
)
COLOURS = re.compile(r"\x1b\[[\d;]*m")  # what rich writes itself


@given(st.text(st.characters(), max_size=99) | st.text(max_size=3 * LIMIT))
@example(HOSTILE)
def test_what_comes_out_is_short_and_visible(text):
    out = plain(text)
    assert all(c == " " or unicodedata.category(c)[0] not in "CZ" for c in out)
    assert len(out) <= LIMIT + 40
    assert out.encode().decode() == out
    assert plain(out[:LIMIT]) == out[:LIMIT]


@given(st.text(st.characters(categories=["L", "N", "P", "S"]) | st.just(" "), max_size=LIMIT))
def test_what_is_visible_is_left_alone(text):
    assert plain(text) == text


def test_escapes_are_named_and_long_text_is_cut():
    assert plain("a\x1b[2J\nλ\u202e\ud800") == r"a\x1b[2J\nλ\u202e\ud800"
    assert plain("ab" * 1_500_000, 10) == "ababababab… (3000000 characters)"
    assert plain("\n" * 200_000, 4) == r"\n\n… (200000 characters)"


@pytest.fixture
def hostile(tmp_path):
    """The lines of a study whose every name is hostile, and those of an honest one."""
    honest = write(tmp_path / "a", study_of(PosterRule(STEPS, i_max=3)), lambda _: [4000, 4821])
    lines = copy.deepcopy(honest)
    first = lines[0]
    first["task"] = {"name": HOSTILE, HOSTILE: HOSTILE, "long": "x\n" * 1_500_000}
    first["tuner"] |= {"name": HOSTILE, HOSTILE: [HOSTILE]}
    first["training"] |= {HOSTILE: HOSTILE}
    first["score"]["of"][HOSTILE] = first["score"]["of"]["validation"]
    first["score"]["meaning"] = HOSTILE
    first["fixed"] = {HOSTILE: HOSTILE}
    first["scored_on"] = HOSTILE
    first["environment"] = {HOSTILE: HOSTILE}
    return lines, honest


def assert_harmless(written: str, rows: int) -> None:
    left = COLOURS.sub("", written)
    assert left.replace("\n", "").isprintable()
    assert left.count("\n") < rows and len(left) < 25_000
    assert "owned" in left and "[bold red]no[/]" in left.replace("\n", "")


@pytest.mark.parametrize("terminal", [True, False])
def test_show(hostile, terminal):
    file = StringIO()
    Console(file=file, width=1000, force_terminal=terminal, _environ={}).print(table(hostile[0]))
    assert_harmless(file.getvalue(), rows=24)
    assert json.dumps(to_json(hostile[0])).isprintable()


MARKUP = [
    "[bold red]no[/]",
    "[/]",
    "[link=http://a.b]c[/link]",
    "<script>alert(1)</script>",
    "--><!-- ]]> &lt;x",
    "$x^{$",
    r"$\frac{1}{",
    "%s{}{0}",
    ":smile:",
    "学习率😀",
]


@pytest.fixture
def choices(tmp_path):
    """A study that tried choices whose names are markup."""
    space = Space(regularizer=Choice(*MARKUP), optimizer=Choice(*reversed(MARKUP)))
    study = study_of(PosterRule(space, i_max=60, axes="all", noprog_max=99))
    lines = write(tmp_path / "a", study, lambda suggestion: [4821 - suggestion.i])
    tried = {name for line in lines[1:-1] for name in line["values"].values()}
    assert tried == set(MARKUP)
    return tmp_path / "a", lines, tried


def test_choices_that_are_markup_are_text(choices):
    folder, lines, tried = choices
    for terminal in (True, False):
        file = StringIO()
        console = Console(file=file, width=1000, force_terminal=terminal, _environ={})
        console.print(table(lines))
        console.print(Live(Console(file=StringIO()), lines))
        left = COLOURS.sub("", file.getvalue())
        assert left.replace("\n", "").isprintable() and "\x1b" not in left
        for name in tried:
            assert name in left, name
    shown = json.loads(said("show", folder, "--json").check(0).out)
    assert {name for one in shown["decisions"] for name in one["values"].values()} == tried
    for command in (["show"], ["diff", str(folder)], ["report"]):
        said(*command, folder).check(0)


def test_choices_that_are_markup_make_no_elements(choices):
    folder, *_ = choices
    said("report", folder).check(0)
    root = ElementTree.fromstring((folder / "report.svg").read_bytes())
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert "path" in tags and not tags & {"script", "foreignObject", "a"}


def test_the_live_view_and_the_log(hostile):
    live = Live(Console(file=StringIO()), hostile[0])
    file = StringIO()
    Console(file=file, width=1000, force_terminal=True, _environ={}).print(live)
    assert_harmless(file.getvalue(), rows=24)
    file = StringIO()
    Plain(Console(file=file), hostile[0])._say(HOSTILE)
    assert_harmless(file.getvalue(), rows=2)


def test_diff(hostile):
    assert_harmless(str(diff(*hostile)) + "\n", rows=20)


@pytest.mark.parametrize("command", ["replay", "verify", "diff", "report", "resume"])
def test_what_main_says_of_an_error(command, monkeypatch, tmp_path, capsys):
    def raises(options):
        raise ValueError(HOSTILE * 1000)

    monkeypatch.setattr(import_module(f"jaxmeta.cli.{command}"), "run", raises)
    folders = [str(tmp_path)] * (1 + (command == "diff"))
    assert cli.main([command, *folders]) == 2
    assert_harmless(capsys.readouterr().err, rows=2)


def test_what_verify_finds(monkeypatch, tmp_path, capsys):
    from jaxmeta import verify

    verdict = verify.Verdict(verify.DIFFERENT, environment=[HOSTILE], sentence=HOSTILE)
    monkeypatch.setattr(verify, "verify", lambda *_, **__: verdict)
    assert cli.main(["verify", str(tmp_path)]) == 1
    assert_harmless(capsys.readouterr().out, rows=3)
