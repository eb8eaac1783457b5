"""The panels of the picture.

Three share the axis of iterations: learning rates, scores, and the probabilities with the draws
that fell into them (for a tuner without probabilities: the scores over λ). Beside them stand the
learning curves.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from jaxmeta.report import marks
from jaxmeta.report.limits import CURVES, EPOCHS, some, trained_best
from jaxmeta.report.marks import (
    BANDS,
    CROSS,
    INK,
    MOVES,
    PALE,
    RATES,
    Place,
    entry,
    iteration,
    rate,
)
from jaxmeta.report.scores import Scale
from jaxmeta.report.story import Story


def figure(
    told: Story, headline: tuple[str, str], size: tuple[float, float], lanes: str = ""
) -> Figure:
    """The whole picture of a study with at least one training; `size` in inches, `lanes` in words
    how well they were used."""
    fig = Figure(figsize=size)
    fits = min(1, 85 / len(headline[0]))
    fig.text(0.02, 0.968, headline[0], fontsize=16 * fits, fontweight="bold", va="center")
    fig.text(0.02, 0.936, headline[1], fontsize=10.5, color="#444444", va="center")
    fig.text(0.02, 0.913, lanes, fontsize=9, color="#444444", va="center")
    left = fig.add_gridspec(3, 1, left=0.07, right=0.635, top=0.88, bottom=0.06, hspace=0.3)
    top = fig.add_subplot(left[0])
    middle = fig.add_subplot(left[1], sharex=top)
    walks = any(row.choice.p for row in told.rows)
    bottom = fig.add_subplot(left[2], sharex=top if walks else None)
    last = max(row.i for row in told.rows)
    top.set_xlim(-0.5, last + 0.5)
    most = 20 if last < 1000 else 8  # wide numbers need room
    top.xaxis.set_major_locator(MaxNLocator(most, integer=True, min_n_ticks=1))
    draw_rates(top, told)
    draw_scores(middle, told)
    if walks:
        draw_probabilities(bottom, told)
    else:
        draw_scores_over_rates(bottom, told)
    (bottom if walks else middle).set_xlabel("iteration")
    right = fig.add_gridspec(
        2, 1, left=0.705, right=0.97, top=0.88, bottom=0.06, height_ratios=(45, 1), hspace=0.14
    )
    draw_curves(fig.add_subplot(right[0]), fig.add_subplot(right[1]), told)
    return fig


def draw_rates(ax: Axes, told: Story) -> None:
    """λ over the iterations, a marker for each move; hollow where it was held at a bound."""
    ax.set_title("Learning rate λ")
    if told.logarithmic:
        ax.set_yscale("log")
    for rows in marks.by_chain(told):
        marks.points(ax, told, rows, iteration, rate, linestyle="-", color=PALE, lw=1)
    entries = []
    for move, (colour, marker) in MOVES.items():
        rows = [row for row in told.rows if row.choice.move == move]
        style = {"marker": marker, "color": colour}
        marks.points(ax, told, rows, iteration, rate, **style)
        held = [row for row in rows if row.choice.held]
        marks.points(ax, told, held, iteration, rate, **style, mfc="white")
        if rows:
            entries.append(entry(move or ("first" if rows[0].choice.p else "trained"), **style))
    if any(row.choice.held for row in told.rows):
        entries.append(entry("held at a bound", marker="^", color=INK, mfc="white"))
    marks.best(ax, told, iteration, rate)
    marks.rate_ticks(ax.yaxis, told, most=8)
    marks.legend(ax, entries + marks.best_entries())


def draw_scores(ax: Axes, told: Story) -> None:
    """The score of each training over the iterations."""
    words = "accuracy" if told.counts else told.score
    ax.set_title(f"Score: {words} on {told.scored_on}")
    marks.legend(ax, _scores(ax, told, iteration))


def draw_scores_over_rates(ax: Axes, told: Story) -> None:
    """The score of each learning rate, for a tuner that has no probabilities to show."""
    ax.set_title("Score over λ")
    ax.set_xlabel("learning rate λ")
    if told.logarithmic:
        ax.set_xscale("log")
    marks.legend(ax, _scores(ax, told, rate))
    marks.rate_ticks(ax.xaxis, told, most=10)


def _scores(ax: Axes, told: Story, x: Place) -> list[Line2D]:
    """Scores over `x`, filled where not worse than the one before; the legend's entries."""
    scale = Scale([row.score for row in told.rows], told.counts)
    for rows in marks.by_chain(told):
        marks.points(
            ax, told, rows, x, lambda row: scale(row.score), linestyle="-", color=PALE, lw=1
        )
    entries = []
    for better, name in ((None, ""), (True, "not worse"), (False, "worse")):
        rows = [r for r in told.rows if r.better is better and r.score.value is not None]
        style = {"marker": "o", "color": INK, "mfc": "white" if better is False else INK}
        marks.points(ax, told, rows, x, lambda row: scale(row.score), **style)
        if rows and name:
            entries.append(entry(name, **style))
    marks.best(ax, told, x, lambda row: scale(row.score))
    scale.mark(ax.yaxis, *ax.get_ylim())
    diverged = [row for row in told.rows if row.score.value is None]
    marks.crosses(ax, told, diverged, x)
    return entries + ([entry("diverged", **CROSS)] if diverged else [])


def draw_probabilities(ax: Axes, told: Story) -> None:
    """p1, p2, p3 stacked, and each draw u in the band of the move that it picked.

    Of several chains the one that λ_best is of.
    """
    chain = told.lambda_best.chain if told.lambda_best else 0
    ax.set_title("Probabilities and draws" + (f", chain {chain}" if told.chains > 1 else ""))
    own = [row for row in told.rows if row.chain == chain]
    masses = np.array([row.choice.p for row in own])
    edges = np.array([row.i for row in own] + [own[-1].i + 1]) - 0.5
    # A step holds until the next edge, so the last one is named twice.
    tops = np.cumsum(np.vstack([masses, masses[-1:]]), axis=1).T
    bottom = np.zeros(len(edges))
    entries = []
    for (move, colour), top, p in zip(BANDS.items(), tops, ("p₁", "p₂", "p₃"), strict=True):
        ax.fill_between(edges, bottom, top, step="post", color=colour, linewidth=0)
        entries.append(entry(f"{p} {move}", marker="s", color=colour, ms=9))
        bottom = top
    drawn = [row for row in own if row.choice.u is not None]
    style = {"marker": "o", "color": INK, "mec": "white", "clip_on": False}
    marks.points(ax, told, drawn, iteration, lambda row: row.choice.u or 0.0, **style)
    ax.set_ylim(0, 1)
    ax.grid(False)
    marks.legend(ax, [*entries, entry("u, the draw", **style)])


def draw_curves(ax: Axes, bar: Axes, told: Story) -> None:
    """The score after each epoch, a line for each training in the colour that `bar` gives its λ."""
    ax.set_title("Learning curves")
    rates = [row.learning_rate for row in told.rows]
    norm = (LogNorm if told.logarithmic else Normalize)(min(rates), max(rates))
    fresh = [(row, one) for row in told.rows if row.revisits is None for one in row.trainings]
    scale = Scale([score for _, one in fresh for score in one.curve], told.counts)
    shown = [
        (row, one, chosen)
        for chosen in (False, True)
        for row, one in some([(r, t) for r, t in fresh if trained_best(told, r) is chosen], CURVES)
    ]
    for row, one, chosen in shown:
        colour = RATES(norm(row.learning_rate))
        epochs = some(range(1, len(one.curve) + 1), EPOCHS)
        heights = [scale(one.curve[epoch - 1]) for epoch in epochs]
        if chosen:
            ax.plot(epochs, heights, color=INK, lw=4.5, zorder=2.4)
        thin = marks.size(told) / 6
        ax.plot(epochs, heights, color=colour, lw=2.5 if chosen else thin, zorder=2 + chosen / 2)
        if one.best_epoch:
            at = one.best_epoch, scale(one.curve[one.best_epoch - 1])
            ax.plot(*at, marker="o", ms=5, color=colour, mec="white", mew=0.7, zorder=2.7)
            if chosen:
                marks.star(ax, *at)
    diverged = [(row, one) for row, one, _ in shown if one.score.value is None]
    for row, one in diverged:
        colour = RATES(norm(row.learning_rate))
        marks.crosses(ax, told, [row], lambda _, one=one: len(one.curve), color=colour)
    scale.mark(ax.yaxis, *ax.get_ylim())
    ax.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))
    ax.set_xlabel("epoch")
    entries = [entry("best epoch", marker="o", color=INK, ms=5)]
    marks.legend(ax, entries + ([entry("diverged", **CROSS)] if diverged else []))
    ax.figure.colorbar(ScalarMappable(norm, RATES), cax=bar, orientation="horizontal")
    bar.set_xlabel("learning rate λ")
    marks.rate_ticks(bar.xaxis, told, most=5)
    bar.set_visible(len(set(rates)) > 1)
