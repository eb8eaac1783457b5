"""The probabilities of a hyperparameter's moves as areas, and each draw in the band that it hit."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from jaxmeta.report import marks
from jaxmeta.report.marks import BANDS, INK, entry, iteration
from jaxmeta.report.moves import words
from jaxmeta.report.ruler import colour
from jaxmeta.report.story import Story
from jaxmeta.report.words import short

ROOM = 52  # letters of title and legend


def draw_masses(ax: Axes, told: Story, a: int) -> None:
    """The masses of axis `a` stacked, from the first move to the last, and its draws u.

    Of several chains the one that is recommended.
    """
    chain = told.recommended.chain if told.recommended else 0
    name = "Probabilities and draws" if told.space.d == 1 else f"p of {told.space.names[a]}"
    ax.set_title(short(name, 24) + (f", chain {chain}" if told.chains > 1 else ""))
    own = [row for row in told.rows if row.chain == chain]
    masses = np.array([row.moves[a].p for row in own])
    edges = np.array([row.i for row in own] + [own[-1].i + 1]) - 0.5
    # A step holds until the next edge, so the last one is named twice.
    tops = np.cumsum(np.vstack([masses, masses[-1:]]), axis=1).T
    bottom = np.zeros(len(edges))
    colours = bands(told, a)
    for top, shade in zip(tops, colours, strict=True):
        if (top > bottom).any():
            ax.fill_between(edges, bottom, top, step="post", color=shade, linewidth=0)
        bottom = top
    drawn = [row for row in own if row.moves[a].u is not None]
    style = {"marker": "o", "color": INK, "mec": "white", "clip_on": False}
    marks.points(ax, told, drawn, iteration, lambda row: row.moves[a].u or 0.0, **style)
    ax.set_ylim(0, 1)
    ax.grid(False)
    handles, room = [], ROOM - len(ax.get_title(loc="left"))
    for word, shade in zip(words(told.space.axes[a]), colours, strict=True):
        word = short(word, 9)
        room -= len(word) + 4
        if room < 0:  # the panel beside has all names, in the same colours
            break
        handles.append(entry(word, marker="s", color=shade, ms=9))
    marks.legend(ax, [*handles, entry("u", **style)])


def bands(told: Story, a: int) -> list[tuple[float, ...] | str]:
    """A colour for the band of each move of axis `a`."""
    axis = told.space.axes[a]
    if axis.ordered:
        return [*BANDS]
    return [tuple(0.5 + 0.5 * part for part in to_rgb(colour(n))) for n in range(len(words(axis)))]
