"""`jaxmeta report`: a study as one page, report.html, which needs no network.

Drawn by Vega-Lite in the browser; docs say why. From the record alone, but for the notes that stand
beside it: the times (lanes) and the last verdict.
"""

from pathlib import Path

from jaxmeta.plain import plain
from jaxmeta.record.journal import Line, read
from jaxmeta.report import limits
from jaxmeta.report.facts import facts
from jaxmeta.report.files import put
from jaxmeta.report.page import axis, curves, lanes, parallel, scores, shares
from jaxmeta.report.page.document import document, pairs
from jaxmeta.report.page.evidence import evidence
from jaxmeta.report.page.panel import Heights
from jaxmeta.report.page.rows import LETTERS, rows
from jaxmeta.report.picture import headline
from jaxmeta.report.story import Story, story

__all__ = ["NAME", "html", "write"]

NAME = "report.html"
PANELS = (scores, axis, parallel, shares, curves)  # each has `panels(told, heights)`


def write(folder: Path) -> Path:
    """Write report.html into `folder`, that of a study, finished or not; its path.

    Raises:
      ModuleNotFoundError: vl-convert, which brings Vega-Lite, is not installed.
      ValueError: no decision is made yet.
    """
    path = folder / NAME
    put(path, html(folder, read(folder)).encode())
    return path


def html(folder: Path, lines: list[Line], version: str = "") -> str:
    """The page.

    Args:
      lines: of the journal in `folder`.
      version: it asks its server whether it is still this one; "": it reaches nothing.
    """
    told = story(lines)
    if not told.rows:
        raise ValueError(
            f"{folder} holds no decision yet, and a page needs one; "
            "wait until the first trial is done"
        )
    drawn = limits.drawn(told)
    heights = Heights(drawn)
    title, recommended, came = headline(told)
    panels = [panel for room in PANELS for panel in room.panels(drawn, heights)]
    return document(
        title=title,
        lead=[recommended, came],
        sections=[
            pairs("The study", facts(told), "study"),
            pairs("Evidence", evidence(folder, lines), "evidence"),
        ],
        panels=[*panels, *lanes.panels(folder)],
        data={
            "rows": rows(drawn, heights),
            "names": [plain(name, LETTERS) for name in told.space.names[: limits.AXES]],
            "chains": told.chains,
            "start": _start(drawn),
            "version": version,
        },
    )


def _start(told: Story) -> int:
    """The decision that is looked at first: the recommended one."""
    return next((n for n, row in enumerate(told.rows) if row is told.recommended), 0)
