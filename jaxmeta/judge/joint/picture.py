"""The leaderboard on several axes as a picture: regret against trainings, as PNG and SVG."""

from pathlib import Path
from typing import TYPE_CHECKING

from jaxmeta.judge.joint.contenders import BUDGETS
from jaxmeta.judge.picture import LEAST, STYLES, logarithmic
from jaxmeta.report.picture import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Boards = dict[str, dict[str, dict[int, float]]]  # by group, contender and budget
WORDS = ", begun with it"


def draw(boards: Boards, folder: Path, name: str) -> tuple[Path, Path]:
    """Draw `boards`, a panel each; the PNG's and the SVG's paths."""
    png, svg = folder / f"{name}.png", folder / f"{name}.svg"
    save(lambda: figure(boards), png, svg)
    return png, svg


def figure(boards: Boards) -> "Figure":
    """A rival keeps its colour; what learned from other data sets is drawn with a broken line."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(14, 6.4))
    contenders = list(dict.fromkeys(name for board in boards.values() for name in board))
    plain = [name for name in contenders if not _learned(name)]
    panels = fig.subplots(1, len(boards), squeeze=False).ravel()
    for ax, (title, board) in zip(panels, boards.items(), strict=True):
        for name, found in board.items():
            colour, marker = STYLES[plain.index(_bare(name)) % len(STYLES)]
            ax.plot(
                list(found),
                [max(value, LEAST) for value in found.values()],
                color=colour,
                marker=marker,
                ls="--" if _learned(name) else "-",
                lw=2.6 if _bare(name) == plain[0] else 1.2,
                label=name,
            )
        logarithmic(ax, BUDGETS)
        ax.set_xlabel("trainings")
        ax.set_title(title, fontsize=10.5)
    panels[0].set_ylabel("mean over data sets of the median regret")
    handles, labels = panels[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="lower center", ncols=4, frameon=False)
    fig.subplots_adjust(left=0.06, right=0.98, top=0.94, bottom=0.28, wspace=0.12)
    return fig


def _learned(name: str) -> bool:
    return name.endswith((WORDS, " with a prior"))


def _bare(name: str) -> str:
    return name.removesuffix(WORDS).removesuffix(" with a prior")
