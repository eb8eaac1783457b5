"""What all panels of the picture share: style, colours, markers, legends and ticks.

Colours are Okabe and Ito's, which most colour-blind readers tell apart; no meaning rests on a
colour alone.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import ListedColormap
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullLocator

from jaxmeta.report.story import Row, Story, show_rate

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
    "axes.ymargin": 0.14,  # room for the star
    "grid.color": "#EAEAEA",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.hashsalt": "jaxmeta",
    "text.parse_math": False,  # names are text, whatever dollars they hold
}
INK, PALE, GREEN, PURPLE = "#222222", "#B8B8B8", "#009E73", "#CC79A7"
MOVES = {  # colour and marker
    "": ("black", "D"),
    "up": ("#0072B2", "^"),
    "keep": ("#777777", "s"),
    "down": ("#D55E00", "v"),
}
BANDS = {"up": "#9CC9E8", "keep": "#DDDDDD", "down": "#F2BE97"}
# The darker part of viridis: its yellow end cannot be seen on white.
RATES = ListedColormap(colormaps["viridis"](np.linspace(0, 0.87, 256)))
RING = {"marker": "o", "mfc": "none", "mec": PURPLE, "mew": 2.0}
CROSS = {"marker": "X", "color": INK, "mec": "white", "mew": 0.5}

Place = Callable[[Row], float]


def iteration(row: Row) -> float:
    return row.i


def rate(row: Row) -> float:
    return row.learning_rate


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


def crosses(ax: Axes, told: Story, rows: Iterable[Row], x: Place, **style) -> None:
    """A cross on the floor of the panel for each of `rows`: they diverged and have no score."""
    style = {**CROSS, "transform": ax.get_xaxis_transform(), "clip_on": False, **style}
    points(ax, told, rows, x, lambda row: 0.03, **style)


def best(ax: Axes, told: Story, x: Place, y: Place) -> None:
    """A star above the best training of λ_best, a ring around the best score."""
    if told.best_score is not None and told.best_score.score.value is not None:
        points(ax, told, [told.best_score], x, y, **RING | {"ms": 2 * size(told)})
    if told.lambda_best is not None and np.isfinite(y(told.lambda_best)):
        star(ax, x(told.lambda_best), y(told.lambda_best))


def star(ax: Axes, x: float, y: float) -> None:
    """λ_best's star, above a point and out of its way."""
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


def best_entries() -> list[Line2D]:
    """The legend's entries for `best`; they stand once, in the first panel."""
    star = entry("λ_best", marker="*", color=GREEN, ms=11, mew=0)
    return [star, entry("best score", **RING | {"ms": 9, "mew": 1.6})]


def entry(label: str, **style) -> Line2D:
    return Line2D([], [], label=label, **{"linestyle": "", "ms": 7, **style})


def legend(ax: Axes, entries: list[Line2D]) -> None:
    """One row above the panel, at its right: no data is ever beneath it."""
    if not entries:
        return
    ax.legend(
        handles=entries,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=len(entries),
        handletextpad=0.1,
        columnspacing=1.1,
        borderaxespad=0.2,
    )


def rate_ticks(axis: Axis, told: Story, most: int) -> None:
    """Ticks on learning rates that were trained, at most so many."""
    rates = sorted({row.learning_rate for row in told.rows})
    chosen = rates[:: -(-len(rates) // most)]
    labels = [f"{learning_rate:.3g}" for learning_rate in chosen]
    if len(set(labels)) < len(labels):
        labels = list(map(show_rate, chosen))
    axis.set_minor_locator(NullLocator())
    axis.set_ticks(chosen, labels=labels)
