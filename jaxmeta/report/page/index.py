"""`jaxmeta report A B ...`: a page that compares studies, index.html, with links to their own.

What a study cost is counted in training steps where every record says how many an epoch has, and
else in epochs.
"""

import html
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from jaxmeta.plain import plain
from jaxmeta.record.diff import diff
from jaxmeta.record.journal import Line, digest
from jaxmeta.report.files import put
from jaxmeta.report.limits import some
from jaxmeta.report.page.document import document
from jaxmeta.report.page.panel import CYCLE, HEIGHT, Heights, Panel, Spec
from jaxmeta.report.story import Row, Story, story
from jaxmeta.report.words import NAME as LETTERS
from jaxmeta.report.words import show_values

NAME = "index.html"
POINTS = 2_000  # of a study
COLUMNS = ("study", "task", "tuner", "seed", "decisions", "cost", "recommended", "score", "test")
MORE = ("journal", "parts from the first")


class Compared(NamedTuple):
    """A study of the index."""

    folder: Path
    lines: list[Line]
    told: Story


def write(folders: Sequence[Path], lines: Sequence[list[Line]]) -> Path:
    """Write index.html into the folder that all `folders` stand in; its path.

    Args:
      lines: of the journal in each; every one has a decision.
    """
    root = Path(os.path.commonpath([folder.absolute() for folder in folders]))
    if root in (folder.absolute() for folder in folders):
        root = root.parent
    made = [Compared(f, of, story(of)) for f, of in zip(folders, lines, strict=True)]
    path = root / NAME
    put(path, page(root, made).encode())
    return path


def page(root: Path, compared: list[Compared]) -> str:
    """The HTML, whose links begin at `root`."""
    names = [plain(os.path.relpath(one.folder.absolute(), root), LETTERS) for one in compared]
    steps = all(_steps(one.lines[0], row) for one in compared for row in one.told.rows)
    kinds = dict.fromkeys((one.told.meaning, one.told.percent) for one in compared)
    panels = []
    for n, kind in enumerate(kinds):
        of = [
            (name, one)
            for name, one in zip(names, compared, strict=True)
            if (one.told.meaning, one.told.percent) == kind
        ]
        panels.append(_panel(f"best{n}", kind[0], of, steps))
    table = _table(root, names, compared, steps)
    title = f"{len(compared)} studies"
    return document(title=title, lead=[], sections=[table], panels=panels, data={})


def _steps(first: Line, row: Row) -> int:
    """In an epoch; 0 where the record does not say."""
    values = {**first["fixed"], **row.values}
    batch, data = values.get("batch_size"), first["data"] or {}
    if type(steps := values.get("steps_per_epoch")) is int and steps > 0:
        return steps
    train = data.get("train")
    return train // batch if type(train) is int and type(batch) is int and batch > 0 else 0


def _costs(one: Compared, steps: bool) -> list[int]:
    """After each decision, in steps or in epochs."""
    total, found = 0, []
    for row in one.told.rows:
        epochs = sum(len(t.curve) for t in row.trainings) if row.revisits is None else 0
        total += epochs * (_steps(one.lines[0], row) if steps else 1)
        found.append(total)
    return found


def _panel(name: str, meaning: str, of: list[tuple[str, Compared]], steps: bool) -> Panel:
    heights = Heights(*(one.told for _, one in of))
    points: list[dict[str, Any]] = []
    for label, one in of:
        top, reached = -math.inf, []
        for row, cost in zip(one.told.rows, _costs(one, steps), strict=True):
            if row.score.value is not None and row.score.value > top:
                top, height = row.score.value, heights(row.score)
                reached.append({"study": label, "t": cost, "y": height})
            elif reached:
                reached.append({**reached[-1], "t": cost})
        points += some(reached[:-1], POINTS)
        points += reached[-1:]
    labels = [label for label, _ in of]
    spec: Spec = {
        "data": {"name": "best"},
        "height": HEIGHT + 120,
        "mark": {
            "type": "line",
            "interpolate": "step-after",
            "strokeWidth": 2,
            "point": {"size": 14},
        },
        "encoding": {
            "x": {
                "field": "t",
                "type": "quantitative",
                "title": "training steps" if steps else "epochs trained",
                "axis": {"format": "~s"},
            },
            "y": heights.axis("y", meaning),
            "color": {
                "field": "study",
                "type": "nominal",
                "sort": labels,
                "scale": {
                    "domain": labels,
                    "range": [CYCLE[k % len(CYCLE)] for k in range(len(labels))],
                },
                "legend": {"title": None, "orient": "right" if len(labels) > 6 else "top"},
            },
        },
    }
    caption = (
        "The best score so far against what was trained for it; higher is better, further left is "
        "cheaper. Scores on the split that a study was tuned on: compare what it kept by its test."
    )
    return Panel(name, f"Best so far: {plain(meaning, LETTERS)}", caption, spec, {"best": points})


def _table(root: Path, names: list[str], compared: list[Compared], steps: bool) -> str:
    first = compared[0]
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in (*COLUMNS, *MORE))
    rows = []
    for name, one in zip(names, compared, strict=True):
        told, best = one.told, one.told.recommended
        cost = f"{_costs(one, steps)[-1]:,} {'steps' if steps else 'epochs'}"
        link = quote(os.fsencode(os.path.relpath(one.folder.absolute(), root) + "/report.html"))
        parts = "–" if one is first else _parting(first.lines, one.lines)
        cells = [
            told.task,
            told.tuner,
            str(told.seed),
            f"{len(told.rows)}{'' if told.finished else ', not finished'}",
            cost,
            show_values(best.values, 2 * LETTERS) if best else "",
            str(best.score) if best else "",
            str(told.test or "–"),
            digest(one.lines)[:16],
            parts,
        ]
        words = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        link = f'<a href="{html.escape(link)}">{html.escape(name)}</a>'
        rows.append(f'<tr><th scope="row">{link}</th>{words}</tr>')
    return (
        f'<section id="studies"><h2>Studies</h2><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></section>\n"
    )


def _parting(a: list[Line], b: list[Line]) -> str:
    """Where two studies part, in one line."""
    found = diff(a, b)
    if found.same:
        return "nowhere: line for line the same"
    if found.parting is None:
        return "in no training or decision"
    return plain(found.parting, 2 * LETTERS)
