"""A study as HTML for a notebook: a few pairs, a table, a picture. Every text in it is escaped."""

import base64
import html
import importlib.util
from collections.abc import Iterable
from pathlib import Path

from jaxmeta.plain import plain
from jaxmeta.report import picture
from jaxmeta.report.story import Row, Story
from jaxmeta.report.words import OPTIONS, show_values
from jaxmeta.space import show

ROWS = 20  # decisions of the table, the last ones


def study(told: Story, folder: Path | None = None) -> str:
    """What was found, the last decisions, and the picture where matplotlib is installed.

    Args:
      folder: the study's, for the picture; None: no picture.
    """
    parts = [found(told), table(told, told.rows[-ROWS:])]
    if len(told.rows) > ROWS:
        parts.append(f"<p>the last {ROWS} of {len(told.rows)} decisions</p>")
    if folder is not None and importlib.util.find_spec("matplotlib") is not None:
        pixels = base64.b64encode(picture.pixels(folder, told)).decode()
        parts.append(
            f'<img alt="the study as a picture" style="max-width: 100%" '
            f'src="data:image/png;base64,{pixels}">'
        )
    return "".join(parts)


def found(told: Story) -> str:
    """What is recommended, the best score and the test, and how the study ended."""
    best, top = told.recommended, told.best_score
    rows = [("study", f"{told.task}, tuned by {told.tuner}, seed {told.seed}")]
    if best is not None and top is not None:
        rows += [("recommended", f"{show_values(best.values, OPTIONS)}: {best.score}")]
        rows += [("best score", f"{top.score} at i = {top.i}")] if top is not best else []
    rows += [("test", str(told.test))] if told.test is not None else []
    rows.append(("", told.ending))
    return _table(_row(["th", "td"], row) for row in rows)


def table(told: Story, rows: Iterable[Row]) -> str:
    """A row a decision."""
    several = told.chains > 1
    head = [*(["chain"] if several else []), "i", *told.space.names, "score", "epochs", ""]
    body = [
        (
            *([str(row.chain)] if several else []),
            str(row.i),
            *map(show, row.values.values()),
            str(row.score),
            row.epochs,
            f"{row.outcome}{' ★' if row is told.recommended else ''}",
        )
        for row in rows
    ]
    return _table(
        [_row(["th"] * len(head), head), *(_row(["td"] * len(head), row) for row in body)]
    )


def _table(rows: Iterable[str]) -> str:
    return f"<table>{''.join(rows)}</table>"


def _row(tags: Iterable[str], cells: Iterable[str]) -> str:
    pairs = zip(tags, cells, strict=True)
    style = 'style="text-align: left"'
    return f"<tr>{''.join(f'<{t} {style}>{html.escape(plain(c))}</{t}>' for t, c in pairs)}</tr>"
