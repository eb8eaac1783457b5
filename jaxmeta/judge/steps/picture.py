"""The leaderboard by steps as a picture: regret against whole trainings' steps, as PNG and SVG."""

from pathlib import Path
from typing import TYPE_CHECKING

from jaxmeta.judge.picture import LEAST, STYLES, logarithmic
from jaxmeta.judge.steps.contest import BUDGETS
from jaxmeta.report.picture import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Board = dict[str, list[float]]  # by contender, after each of BUDGETS
LINES = ("-", "--", ":", "-.")


def draw(board: Board, folder: Path, name: str) -> tuple[Path, Path]:
    """Draw `board`; the PNG's and the SVG's paths."""
    png, svg = folder / f"{name}.png", folder / f"{name}.svg"
    save(lambda: figure(board), png, svg)
    return png, svg


def figure(board: Board) -> "Figure":
    """A panel for each tuner: alone, and with each rule that stops trainings early."""
    from matplotlib.figure import Figure

    tuners = list(dict.fromkeys(_tuner(name) for name in board))
    fig = Figure(figsize=(3.4 * len(tuners), 4.6))
    panels = fig.subplots(1, len(tuners), sharey=True, squeeze=False).ravel()
    for tuner, ax, (colour, marker) in zip(tuners, panels, STYLES, strict=False):
        own = {name: found for name, found in board.items() if _tuner(name) == tuner}
        for (name, found), line in zip(own.items(), LINES, strict=False):
            rule = name.removeprefix(tuner).lstrip(", ") or "whole trainings"
            shown = [max(value, LEAST) for value in found]
            ax.plot(BUDGETS, shown, color=colour, marker=marker, ls=line, label=rule)
        logarithmic(ax, BUDGETS)
        ax.set_xlabel("steps, in whole trainings")
        ax.set_title(tuner, fontsize=10.5)
        ax.legend(frameon=False, fontsize=8.5)
    panels[0].set_ylabel("mean regret")
    fig.subplots_adjust(left=0.07, right=0.99, top=0.92, bottom=0.13, wspace=0.08)
    return fig


def _tuner(name: str) -> str:
    return name.partition(",")[0]
