"""What all panels of the picture share: style, colours, markers and legends.

Colours are Okabe and Ito's, which most colour-blind readers tell apart; no meaning rests on a
colour alone.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from jaxmeta.report.story import Row, Story

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlepad": 9,
    "axes.ymargin": 0.16,  # room for the star
    "grid.color": "#EAEAEA",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.hashsalt": "jaxmeta",
    "text.parse_math": False,  # names are text, whatever dollars they hold
}
INK, PALE, GREEN, PURPLE = "#222222", "#B8B8B8", "#009E73", "#CC79A7"
MOVES = {  # colour and marker, of an ordered axis
    "up": ("#0072B2", "^"),
    "keep": ("#777777", "s"),
    "down": ("#D55E00", "v"),
}
BANDS = ("#9CC9E8", "#DDDDDD", "#F2BE97")  # of p₁, p₂ and p₃
FIRST = {"marker": "D", "color": "black"}
STILL = {"marker": ".", "color": PALE}  # an axis that did not move
RING = {"marker": "o", "mfc": "none", "mec": PURPLE, "mew": 2.0}
CROSS = {"marker": "X", "color": INK, "mec": "white", "mew": 0.5}

Place = Callable[[Row], float]


def iteration(row: Row) -> float:
    return row.i


def by_chain(told: Story) -> list[list[Row]]:
    """The decisions of each chain."""
    chains: dict[int, list[Row]] = {}
    for row in told.rows:
        chains.setdefault(row.chain, []).append(row)
    return list(chains.values())


def size(told: Story) -> float:
    """Of a marker, in points: smaller where there are many."""
    return 7.5 if len(told.rows) <= 40 else 5.0


def points(ax: Axes, told: Story, rows: Iterable[Row], x: Place, y: Place, **style) -> None:
    """A marker for each of `rows`."""
    rows = list(rows)
    style = {"linestyle": "", "ms": size(told), **style}
    ax.plot([x(row) for row in rows], [y(row) for row in rows], **style)


def paths(ax: Axes, told: Story, x: Place, y: Place) -> None:
    """A pale line through the decisions of each chain."""
    for rows in by_chain(told):
        points(ax, told, rows, x, y, linestyle="-", color=PALE, lw=1)


def crosses(ax: Axes, told: Story, rows: Iterable[Row], x: Place, **style) -> None:
    """A cross on the floor of the panel for each of `rows`: they diverged and have no score."""
    style = {**CROSS, "transform": ax.get_xaxis_transform(), "clip_on": False, **style}
    points(ax, told, rows, x, lambda row: 0.03, **style)


def best(ax: Axes, told: Story, x: Place, y: Place) -> None:
    """A star above what is recommended, a ring around the best score."""
    if told.best_score is not None and told.best_score.score.value is not None:
        points(ax, told, [told.best_score], x, y, **RING | {"ms": 2 * size(told)})
    if told.recommended is not None and np.isfinite(y(told.recommended)):
        star(ax, x(told.recommended), y(told.recommended))


def star(ax: Axes, x: float, y: float) -> None:
    """The star of what is recommended, above a point and out of its way."""
    ax.annotate(
        "★",
        (x, y),
        (0, 7),
        textcoords="offset points",
        ha="center",
        color=GREEN,
        fontsize=15,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        zorder=4,
    )


def entry(label: str, **style) -> Line2D:
    return Line2D([], [], label=label, **{"linestyle": "", "ms": 7, **style})


def entries(told: Story) -> list[Line2D]:
    """What the markers mean that this study has, in all panels."""
    rows = told.rows
    ordered = [
        move
        for row in rows
        for axis, move in zip(told.space.axes, row.moves, strict=False)
        if axis.ordered
    ]
    found = {move.word for move in ordered}
    held = {"marker": "^", "color": INK, "mfc": "white"}
    dot = {"marker": "o", "color": INK}
    listed = [
        (True, "recommended", {"marker": "*", "color": GREEN, "ms": 11, "mew": 0}),
        (True, "best score", RING | {"ms": 9, "mew": 1.6}),
        (any(row.better for row in rows), "not worse than before", dot),
        (any(row.better is False for row in rows), "worse", dot | {"mfc": "white"}),
        (any(row.score.value is None for row in rows), "diverged", CROSS),
        (True, "best epoch", dot | {"ms": 5}),
        (bool(ordered), "first", FIRST),
        *((m in found, m, {"color": c, "marker": k}) for m, (c, k) in MOVES.items()),
        (any(move.held for move in ordered), "held at a bound", held),
    ]
    return [entry(label, **style) for shown, label, style in listed if shown]


def legend(ax: Axes, handles: list[Line2D]) -> None:
    """One row above the panel, at its right: no data is ever beneath it."""
    ax.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=len(handles),
        handletextpad=0.1,
        columnspacing=1.1,
        borderaxespad=0.2,
    )
