"""`jaxmeta report`: a study as one picture, PNG and SVG.

The same journal gives the same bytes; times that were kept beside it are part of the picture.
"""

import contextlib
import importlib.util
import io
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from jaxmeta.plain import plain
from jaxmeta.record.journal import read
from jaxmeta.report import limits
from jaxmeta.report.files import put
from jaxmeta.report.pace import pace
from jaxmeta.report.story import Story, story
from jaxmeta.report.words import show_values

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 100  # 1400 pixels wide
NAMES = ("report.png", "report.svg")


def draw(folder: Path) -> tuple[Path, Path]:
    """Draw the study in `folder`, finished or not, into the same folder; the PNG's and SVG's paths.

    Raises:
      ModuleNotFoundError: matplotlib is not installed.
      ValueError: no decision is made yet.
    """
    told = story(read(folder))
    if not told.rows:
        raise ValueError(
            f"{folder} holds no decision yet, and a picture needs one; "
            "wait until the first trial is done"
        )
    png, svg = (folder / name for name in NAMES)

    save(lambda: _figure(folder, told), png, svg)
    return png, svg


def pixels(folder: Path, told: Story) -> bytes:
    """The picture of the study in `folder` as PNG."""
    return _rendered(lambda: _figure(folder, told))[0]


def _figure(folder: Path, told: Story) -> "Figure":
    from jaxmeta.report import panels

    return panels.figure(limits.drawn(told), [*headline(told), pace(folder)])


def save(figure: "Callable[[], Figure]", png: Path, svg: Path) -> None:
    """Draw `figure` and write it as PNG and as SVG, the same bytes for the same figure.

    Raises:
      ModuleNotFoundError: matplotlib is not installed.
      OSError: there is no such folder, or it cannot be written.
    """
    for path, content in zip((png, svg), _rendered(figure), strict=True):
        put(path, content)


def _rendered(figure: "Callable[[], Figure]") -> tuple[bytes, bytes]:
    """As PNG and as SVG."""
    _find_matplotlib()
    import matplotlib

    from jaxmeta.report import marks

    # The user's own matplotlib settings come back at the end, and do not reach the picture.
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in any script
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(marks.STYLE)
        drawn, pixels, paths = figure(), io.BytesIO(), io.BytesIO()
        drawn.savefig(pixels, format="png", dpi=DPI, metadata={"Software": None})
        drawn.savefig(paths, format="svg", metadata={"Date": None, "Creator": None})
    return pixels.getvalue(), paths.getvalue()


def _find_matplotlib() -> None:
    """Import it, from a folder where it finds no settings: it reads those of the current one."""
    try:
        found = importlib.util.find_spec("matplotlib")
    except ValueError:  # None stands for it among the modules
        found = None
    if found is None or found.origin is None:
        raise ModuleNotFoundError(
            "a picture needs matplotlib, and it is not installed: pip install 'jaxmeta[report]'"
        )
    if "matplotlib" not in sys.modules:
        with contextlib.chdir(Path(found.origin).parent):
            importlib.import_module("matplotlib")


def headline(told: Story) -> list[str]:
    """What was studied, what is recommended, and what came of it: the lines above the panels."""
    best, top = told.recommended, told.best_score
    assert best is not None and top is not None  # there is a decision
    at = "" if top is best else f" at i = {top.i}"
    at += f", chain {top.chain}" if at and told.chains > 1 else ""
    came = [f"best score: {top.score}{at}", told.ending]
    if told.test is not None:
        came.insert(0, f"test: {told.test}")
    if told.scored_on == "test":
        came.append("scores were taken on the test split")
    if (shown := len(limits.drawn(told).rows)) < len(told.rows):
        came.append(f"drawn: {shown} of them")
    if told.space.d > limits.AXES:
        came.append(f"drawn: the first {limits.AXES} of {told.space.d} hyperparameters")
    return [
        plain(f"{told.task}, tuned by {told.tuner}, seed {told.seed}", 150),
        f"recommended: {show_values(best.values, 250)}",
        "   ·   ".join(came),
    ]
