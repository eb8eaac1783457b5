"""docs/verify.md: its numbers are computed, its words are those of the program."""

import re
from math import comb
from pathlib import Path

import pytest

from jaxmeta import cli, verify
from jaxmeta.record import cache, checkpoint, files, journal, lines, schema, verdicts, weights
from jaxmeta.report import page, parting, picture
from jaxmeta.space import Linear
from jaxmeta.space.lists import LONGEST
from jaxmeta.space.space import KINDS, MOST_AXES
from jaxmeta.tasks import TASKS
from jaxmeta.trial import Result

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "verify.md").read_text()
FLAT = " ".join(PAGE.split())


def rows(heading: str) -> list[list[str]]:
    """The cells of the table whose first column is called `heading`."""
    table = re.search(rf"^\| {heading} \|.*\n(\|.*\n)+", PAGE, re.MULTILINE)
    assert table, heading
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table[0].splitlines()]


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def test_the_table_of_samples_is_the_formula():
    head, _, *table = rows("edited")
    sizes = [int(cell.removeprefix("N = ")) for cell in head[1:]]
    assert sizes == [1, 2, 5, 10, 20, 50]
    shares = [float(row[0].removesuffix(" %")) / 100 for row in table]
    assert shares == [0.01, 0.05, 0.1, 0.25, 0.5]
    for share, row in zip(shares, table, strict=True):
        assert row[1:] == [percent(1 - (1 - share) ** n) for n in sizes]


def test_without_replacement_a_sample_finds_more():
    """The example of the page, and that it is never less, for every small record."""
    found = percent(1 - comb(19, 5) / comb(20, 5))
    drawn = percent(1 - 0.95**5)
    assert f"For one edited decision of 20 and N = 5 it is {found} instead of {drawn}" in FLAT
    for decisions in range(1, 30):
        for edited in range(decisions + 1):
            for n in range(decisions + 1):
                exact = 1 - comb(decisions - edited, n) / comb(decisions, n)
                assert exact >= 1 - (1 - edited / decisions) ** n - 1e-12


def test_a_sample_is_drawn_evenly():
    """So that the formula holds: each decision is in a sample of 5 of 20 as often as the others."""
    decisions = [{"trainings": [{}]}] * 20
    times = [0] * 20
    for seed in range(2000):
        chosen = verify.sample("5", decisions, seed)
        assert len(chosen) == 5
        for i in chosen:
            times[i] += 1
    expected, spread = 500, (2000 * 0.25 * 0.75) ** 0.5
    assert all(abs(n - expected) < 5 * spread for n in times), times


def test_every_answer_has_its_row():
    named = {row[0] for row in rows("answer")[2:]}
    answers = {verify.IDENTICAL, verify.UNFINISHED, verify.CONSISTENT, verify.DIFFERENT}
    assert named == answers | {"(one sentence)"}


def test_every_option_it_names_exists(capsys):
    texts = []
    for command in ("verify", "resume", "show"):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        texts.append(capsys.readouterr().out)
    known = set(re.findall(r"--[a-z][a-z0-9-]+", " ".join(texts)))
    named = set(re.findall(r"(?<![|-])--[a-z][a-z0-9-]+", PAGE))
    assert named and named <= known


def test_every_file_it_names_is_one_of_a_study():
    named = set(re.findall(r"`([\w/.]+)`", "".join(row[0] for row in rows("file")[2:])))
    assert named == {
        *(journal.NAME, journal.TIMES, cache.NAME, f"{checkpoint.FOLDER}/", f"{weights.FOLDER}/"),
        verdicts.NAME,
        *(*picture.NAMES, page.NAME, *parting.NAMES),
    }


def test_its_tasks_and_limits_are_the_programs():
    assert f"({', '.join(f'`{name}`' for name in TASKS)})" in FLAT
    limits = f"({schema.CHAINS:,} chains, {schema.DECISIONS:,} decisions, {schema.EPOCHS:,} epochs"
    axes = f"{MOST_AXES} axes, whose positions are 32-bit integers or one of {LONGEST:,} listed"
    assert f"{limits}, {files.WHOLE >> 20} MiB of journal; {axes} values)" in FLAT
    assert f"Axes are of {['no', 'one', 'two', 'three', 'four'][len(KINDS)]} kinds" in FLAT


def test_every_field_it_names_is_one_of_a_record():
    assert "(`high`, for one)" in FLAT and "high" in Linear(0, 1, 0.5).to_record()
    result = Result(1, 1, 1, [1], [0.5], ["0" * 32], False, "0" * 32)
    assert "(`compiled`)" in FLAT and "compiled" in lines.training_entry("count", 0, result)
