"""The panels of the picture.

Above stand the scores over the iterations and the learning curves. Below, a row for each
hyperparameter: its values over the iterations, and beside them the probabilities of its moves with
the draws that fell into them, or, for a tuner without probabilities, the scores over its values.
"""

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxmeta.report import marks
from jaxmeta.report.curves import draw_curves
from jaxmeta.report.limits import AXES
from jaxmeta.report.marks import FIRST, INK, MOVES, STILL, Place, iteration
from jaxmeta.report.masses import draw_masses
from jaxmeta.report.ruler import Ruler, colour
from jaxmeta.report.scale import Scale
from jaxmeta.report.story import Row, Story
from jaxmeta.report.words import short

WIDTH = 14.0  # inches, as all that follows
HEAD, SCORES, BETWEEN, FOOT = 1.95, 3.9, 0.8, 0.6
LEFT, RIGHT = (1.15, 6.2), (8.25, 5.25)  # where a column begins, and its width
BAR = 0.14
NAME = 40  # letters


def figure(told: Story, headline: Sequence[str]) -> Figure:
    """The whole picture of a study with at least one decision.

    Args:
      headline: up to four lines: what was studied, what is recommended, what came of it, how well
        the lanes were used.
    """
    names = told.space.names[:AXES]
    tall = max(1.7, min(SCORES, 7 / len(names)))
    height = HEAD + SCORES + len(names) * (BETWEEN + tall) + FOOT
    fig = Figure(figsize=(WIDTH, height))
    _headline(fig, headline, height)

    def panel(column: tuple[float, float], top: float, tall: float, **shared: Any) -> Axes:
        box = (column[0] / WIDTH, 1 - (top + tall) / height, column[1] / WIDTH, tall / height)
        return fig.add_axes(box, **shared)

    rulers = [
        Ruler(name, [axis], told.rows) for name, axis in zip(names, told.space.axes, strict=False)
    ]
    scores = panel(LEFT, HEAD, SCORES)
    draw_scores(scores, told)
    under = 0.85 if len(rulers[0].tried) > 1 else 0.0  # room for the colour bar
    curves, bar = panel(RIGHT, HEAD, SCORES - under), panel(RIGHT, HEAD + SCORES - 0.3, BAR)
    draw_curves(curves, bar, told, rulers[0], RIGHT[1])
    walks = any(row.moves for row in told.rows)
    for a, ruler in enumerate(rulers):
        top = HEAD + SCORES + BETWEEN + a * (BETWEEN + tall)
        left = panel(LEFT, top, tall, sharex=scores)
        draw_values(left, told, a, ruler, tall)
        right = panel(RIGHT, top, tall, **({"sharex": scores} if walks else {}))
        if walks:
            draw_masses(right, told, a)
        else:
            draw_scores_over(right, told, ruler)
        if a == len(rulers) - 1:
            for ax in (left, right)[: 1 + walks]:
                ax.set_xlabel("iteration")
    last = max(row.i for row in told.rows)
    scores.set_xlim(-0.5, last + 0.5)
    most = 15 if last < 1000 else 7  # wide numbers need room
    scores.xaxis.set_major_locator(MaxNLocator(most, integer=True, min_n_ticks=1))
    return fig


def _headline(fig: Figure, lines: Sequence[str], height: float) -> None:
    """Lines above all panels, and what the markers mean."""
    for line, at, size in zip(lines, (0.36, 0.74, 0.99, 1.22), (16, 11, 10.5, 9), strict=False):
        fits = min(1.0, 1700 / size / max(len(line), 1))  # letters of a line
        weight = "bold" if size == 16 else "normal"
        x, y = 0.3 / WIDTH, 1 - at / height
        fig.text(x, y, line, fontsize=size * fits, fontweight=weight, va="center", color=INK)


def draw_values(ax: Axes, told: Story, a: int, ruler: Ruler, inches: float) -> None:
    """A hyperparameter over the iterations, a marker for each move; hollow where it was held.

    Of an unordered one each choice has a row and a colour.
    """
    ax.set_title(short(ruler.name, NAME))
    ruler.prepare(ax, "y")
    marks.paths(ax, told, iteration, ruler)
    for style, chosen in _marked(told, a, ruler):
        rows = [row for row in told.rows if chosen(row)]
        marks.points(ax, told, rows, iteration, ruler, **style)
        held = [row for row in rows if row.moves and row.moves[a].held]
        marks.points(ax, told, held, iteration, ruler, **style, mfc="white")
    marks.best(ax, told, iteration, ruler)
    ruler.mark(ax.yaxis, inches, upright=True)


def _marked(
    told: Story, a: int, ruler: Ruler
) -> list[tuple[dict[str, Any], Callable[[Row], bool]]]:
    """Markers, and which decisions have them."""

    def still(row: Row) -> bool:
        return bool(row.moves) and not row.moves[a].c and row.i > 0

    if not ruler.ordered:
        places = sorted({round(ruler(row)) for row in told.rows})
        return [(STILL, still)] + [
            (
                {"marker": "o", "color": colour(n)},
                lambda row, n=n: ruler(row) == n and not still(row),
            )
            for n in places
        ]
    moved: list[tuple[dict[str, Any], Callable[[Row], bool]]] = [
        ({"color": c, "marker": m}, lambda row, w=w: bool(row.moves) and row.moves[a].word == w)
        for w, (c, m) in MOVES.items()
    ]
    first = (FIRST, lambda row: not still(row) and not (row.moves and row.moves[a].c))
    return [(STILL, still), first, *moved]


def draw_scores(ax: Axes, told: Story) -> None:
    """The score of each decision over the iterations."""
    ax.set_title(f"Score: {short(told.meaning, NAME)}, {told.scored_on}")
    _scores(ax, told, iteration)
    handles = marks.entries(told)
    ax.figure.legend(  # pyright: ignore[reportAttributeAccessIssue]
        handles=handles,
        loc="center left",
        bbox_to_anchor=(0.2 / WIDTH, 1 - 1.47 / ax.figure.get_figheight()),  # pyright: ignore
        ncols=len(handles),
        handletextpad=0.1,
        columnspacing=1.3,
    )


def draw_scores_over(ax: Axes, told: Story, ruler: Ruler) -> None:
    """The score over the values of a hyperparameter, for a tuner without probabilities."""
    ax.set_title(f"Score over {short(ruler.name, NAME)}")
    ruler.prepare(ax, "x")
    _scores(ax, told, ruler)
    ruler.mark(ax.xaxis, RIGHT[1], upright=False)


def _scores(ax: Axes, told: Story, x: Place) -> None:
    """Scores over `x`, filled where not worse than the one before."""
    scale = Scale([row.score for row in told.rows], told.percent)
    if x is iteration or told.space.d == 1:  # over one axis of several a path is a tangle
        marks.paths(ax, told, x, lambda row: scale(row.score))
    for better in (None, True, False):
        rows = [row for row in told.rows if row.better is better and row.score.value is not None]
        style = {"marker": "o", "color": INK, "mfc": "white" if better is False else INK}
        marks.points(ax, told, rows, x, lambda row: scale(row.score), **style)
    marks.best(ax, told, x, lambda row: scale(row.score))
    scale.mark(ax.yaxis, *ax.get_ylim())
    marks.crosses(ax, told, [row for row in told.rows if row.score.value is None], x)
