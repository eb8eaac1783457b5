"""`jaxmeta report`: a study as one picture, PNG and SVG.

The same journal gives the same bytes; times that were kept beside it are part of the picture.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from jaxmeta.record.journal import read
from jaxmeta.report.pace import pace
from jaxmeta.report.story import Story, show_rate, story

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE, DPI = (14, 10.5), 100  # 1400 pixels wide
NAMES = ("report.png", "report.svg")


def draw(folder: Path) -> tuple[Path, Path]:
    """Draw the study in `folder`, finished or not, into the same folder; the PNG's and SVG's paths.

    Raises:
      ModuleNotFoundError: matplotlib is not installed.
      ValueError: no training is done yet.
    """
    told = story(read(folder))
    if not told.rows:
        raise ValueError(
            f"{folder} must hold at least one training to be drawn, and holds none; "
            "wait until the first is done"
        )
    png, svg = (folder / name for name in NAMES)

    def figure() -> "Figure":
        from jaxmeta.report import panels

        return panels.figure(told, headline(told), SIZE, pace(folder))

    save(figure, png, svg)
    return png, svg


def save(figure: "Callable[[], Figure]", png: Path, svg: Path) -> None:
    """Draw `figure` and write it as PNG and as SVG, the same bytes for the same figure.

    Raises:
      ModuleNotFoundError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "a picture needs matplotlib, and it is not installed: pip install 'jaxmeta[report]'"
        ) from error
    from jaxmeta.report import marks

    # The user's own matplotlib settings come back at the end, and do not reach the picture.
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(marks.STYLE)
        drawn = figure()
        drawn.savefig(png, dpi=DPI, metadata={"Software": None})
        drawn.savefig(svg, metadata={"Date": None, "Creator": None})


def headline(told: Story) -> tuple[str, str]:
    """What was studied, and what came of it: the two lines above the panels."""
    best, top = told.lambda_best, told.best_score
    assert best is not None and top is not None  # there is a training
    at = f" at λ = {show_rate(top.learning_rate)}" if top.score.value is not None else ""
    came = [
        f"λ_best = {show_rate(best.learning_rate)}",
        f"best score: {top.score}{at}",
        told.ending,
    ]
    if told.test is not None:
        came.insert(1, f"test: {told.test}")
    if told.scored_on == "test":
        came.append("scores were taken on the test split")
    return f"{told.task}, tuned by {told.tuner}, seed {told.seed}", "   ·   ".join(came)
