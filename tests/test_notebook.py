"""A study in a notebook: progress in one output, and a result as tables and a picture."""

import re

import pytest

from jaxmeta.report import notebook
from jaxmeta.report.story import story
from jaxmeta.tuning import PosterRule
from tests.report.lines import STEPS, study_of, write
from tests.report.test_hostile import NAMES, named
from tests.report.test_page import scores

CODE = """
import jaxmeta
found = jaxmeta.tune("spirals", out={out!r}, epochs=2, i_max=3)
found
"""


def test_a_study_shows_its_progress_and_its_result(tmp_path):
    """In a real kernel."""
    nbclient = pytest.importorskip("nbclient")
    import nbformat

    cell = nbformat.v4.new_code_cell(CODE.format(out=str(tmp_path / "a")))
    book = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(book, timeout=300, kernel_name="python3").execute()
    progress, result = book.cells[0].outputs
    shown = progress["data"]["text/html"]
    assert '<progress value="3" max="3">' in shown and "finished: all 3 decisions" in shown
    assert "training" not in shown  # it has ended
    made = result["data"]["text/html"]
    assert made.count("<tr>") >= 3 + 1 + 4 and 'src="data:image/png;base64,iVBOR' in made
    assert "Outcome(" in result["data"]["text/plain"]


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_record_is_text(name, tmp_path):
    lines = write(tmp_path / "a", study_of(PosterRule(STEPS, i_max=30, noprog_max=30)), scores())
    made = notebook.study(story(named(lines, NAMES[name])))
    assert set(re.findall(r"<(\w+)", made)) == {"table", "tr", "th", "td", "p"}
    assert "the last 20 of 30 decisions" in made and len(made) < 20_000
