"""The values that are tried now, and the bars of the draws that led to them."""

from collections.abc import Sequence

from rich.bar import Bar
from rich.table import Table
from rich.text import Text

from jaxmeta.plain import plain
from jaxmeta.report.moves import ARROWS, Move, words
from jaxmeta.report.words import short, show_values
from jaxmeta.space import Axis, Space, show
from jaxmeta.trial import Values

BAR = 40  # characters
MOST = 8  # moves of an axis
NAME = 20  # characters
COLOURS = {"up": "#56B4E9", "keep": "#AAAAAA", "down": "#E69F00"}  # Okabe and Ito's
CHOICES = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#F0E442", "#AAAAAA")


def draw_moves(
    grid: Table, space: Space, values: Values, moves: Sequence[Move], detail: int
) -> None:
    """Rows for `grid`, which has three columns.

    Args:
      detail: 2, with the draws of the axes that moved; 1, a row for each value; 0, one for all.
    """
    if not detail:
        grid.add_row("values", Text(plain(show_values(values), 3 * BAR)))
        return
    why = moves or [None] * space.d
    for axis, (name, value), move in zip(space.axes, values.items(), why, strict=True):
        shown = Text.assemble((plain(show(value)), "bold"), _sign(move) if move else "")
        grid.add_row(short(name, NAME), shown)
        if move and move.u is not None and detail == 2:
            _draw(grid, axis, move, move.u)


def _sign(move: Move) -> str:
    if not move.c:
        return ""
    held = ", held at the bound" if move.held else ""
    return f"  {plain(move._replace(held=False).sign)}{held}"


def _draw(grid: Table, axis: Axis, move: Move, u: float) -> None:
    """[0, 1) cut into the masses of the moves, and under it the draw that fell into one of them.

    Of many moves the likeliest are shown, and the one that was drawn.
    """
    likeliest = sorted(range(len(move.p)), key=lambda n: (n != move.c - 1, -move.p[n]))[:MOST]
    start = 0.0
    for n, (word, mass) in enumerate(zip(words(axis), move.p, strict=True)):
        if n in likeliest:
            colour = COLOURS[word] if axis.ordered else CHOICES[n % len(CHOICES)]
            bar = Bar(1, start, start + mass, width=BAR, color=colour)
            name = ARROWS[word] if axis.ordered else plain(short(word, NAME - 2))
            grid.add_row(f"  {name}", bar, f"{mass:.2f}")
        start += mass
    grid.add_row("  u", Bar(1, u, u + 1 / BAR, width=BAR), f"{u:.2f}")
