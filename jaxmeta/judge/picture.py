"""The leaderboard as a picture: regret against trainings, as PNG and SVG."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jaxmeta.judge.contenders import BUDGETS
from jaxmeta.judge.verdict import Line
from jaxmeta.report.picture import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = ("leaderboard.png", "leaderboard.svg")
# Okabe and Ito's, and a marker each, since no meaning may rest on a colour alone. Those after the
# eighth begin again, with broken lines.
STYLES = (
    ("#D55E00", "o"),
    ("#0072B2", "s"),
    ("#009E73", "^"),
    ("#CC79A7", "v"),
    ("#E69F00", "D"),
    ("#56B4E9", "P"),
    ("#777777", "X"),
    ("#222222", "*"),
)
LEAST = 1e-4  # below it a regret is drawn here

Boards = dict[str, dict[str, Line]]  # by what is judged together, by contender


def draw(boards: Boards, folder: Path) -> tuple[Path, Path]:
    """Draw the medians of `boards`, a panel each, into `folder`; the PNG's and the SVG's paths."""
    folder.mkdir(parents=True, exist_ok=True)
    png, svg = (folder / name for name in NAMES)
    save(lambda: figure(boards), png, svg)
    return png, svg


def figure(boards: Boards) -> "Figure":
    """Panels in two columns, both axes logarithmic; contenders keep their colour throughout."""
    from matplotlib.figure import Figure

    rows = -(-len(boards) // 2)
    height = 4.6 * rows + 1.6
    fig = Figure(figsize=(14, height))
    names = list(dict.fromkeys(name for board in boards.values() for name in board))
    styles = {
        name: (*STYLES[n % len(STYLES)], "--" if n >= len(STYLES) else "-")
        for n, name in enumerate(names)
    }
    panels = fig.subplots(rows, 2, squeeze=False).ravel()
    for ax, (title, lines) in zip(panels, boards.items(), strict=False):
        _panel(ax, title, lines, styles)
    for ax in panels[len(boards) :]:
        ax.set_visible(False)
    handles = {
        label: handle
        for ax in panels[: len(boards)]
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    fig.legend(handles.values(), handles.keys(), loc="lower center", ncols=6, frameon=False)
    fig.suptitle(
        "Median normalised regret of what is recommended; shaded: quartiles of three_way",
        x=0.02,
        y=1 - 0.25 / height,
        ha="left",
        fontweight="bold",
    )
    fig.subplots_adjust(
        left=0.06,
        right=0.98,
        top=1 - 0.8 / height,
        bottom=1.4 / height,
        hspace=0.28,
        wspace=0.14,
    )
    return fig


def logarithmic(ax: "Axes", budgets: Sequence[int]) -> None:
    """Both axes, with plain numbers: what a picture says is never parsed as a formula."""
    ax.set(xscale="log", yscale="log")
    ax.set_xticks(budgets, labels=map(str, budgets))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()


def _panel(
    ax: "Axes", title: str, lines: dict[str, Line], styles: dict[str, tuple[str, str, str]]
) -> None:
    ax.set_title(title, fontsize=10.5)
    logarithmic(ax, BUDGETS)
    for name, line in lines.items():
        colour, marker, dash = styles[name]
        medians = [max(line.regret[budget][0], LEAST) for budget in BUDGETS]
        width = 2.6 if name == next(iter(lines)) else 1.2
        ax.plot(
            BUDGETS,
            medians,
            color=colour,
            marker=marker,
            ls=dash,
            lw=width,
            label=name,
            zorder=width,
        )
    ours = next(iter(lines.values()))
    low, high = ([max(ours.regret[b][q], LEAST) for b in BUDGETS] for q in (1, 2))
    ax.fill_between(BUDGETS, low, high, color=STYLES[0][0], alpha=0.12, lw=0)
    ax.set_xlabel("trainings")
