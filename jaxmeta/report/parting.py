"""`jaxmeta diff --out`: two trajectories in one picture, and where they part."""

from pathlib import Path
from typing import TYPE_CHECKING

from jaxmeta.plain import plain
from jaxmeta.record.diff import Diff
from jaxmeta.record.journal import Line
from jaxmeta.report import limits
from jaxmeta.report.picture import save
from jaxmeta.report.story import Story, story

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = ("diff.png", "diff.svg")
# Okabe and Ito's blue and vermilion; the second stands in front, thinner, so that both are seen.
COLOURS, WIDTHS, SIZES = ("#0072B2", "#D55E00"), (5.0, 1.5), (9, 4)


def draw(a: list[Line], b: list[Line], found: Diff, folder: Path) -> tuple[Path, Path]:
    """Draw two studies into `folder`, which is made; the PNG's and the SVG's paths."""
    folder.mkdir(parents=True, exist_ok=True)
    png, svg = (folder / name for name in NAMES)
    save(lambda: figure((limits.drawn(story(a)), limits.drawn(story(b))), found), png, svg)
    return png, svg


def figure(told: tuple[Story, Story], found: Diff) -> "Figure":
    """Learning rates above scores, over the iterations, with the parting as a vertical line."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter, MaxNLocator

    fig = Figure(figsize=(14, 8))
    above, below = fig.subplots(2, 1, sharex=True)
    above.set_title("Learning rate λ")
    below.set_title(f"Score: {told[0].score}")
    if any(one.logarithmic for one in told):
        above.set_yscale("log")
        above.yaxis.set_major_formatter(LogFormatter())  # the usual one writes mathematics
        above.yaxis.set_minor_formatter(LogFormatter())
    _paths(above, told, lambda row: row.learning_rate)
    _paths(below, told, lambda row: row.score.value)
    for ax in (above, below):
        if found.parting is not None:
            ax.axvline(found.parting.i, color="#444444", linestyle="--", lw=1)
    below.set_xlabel("iteration")
    below.xaxis.set_major_locator(MaxNLocator(20, integer=True, min_n_ticks=1))
    above.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    fig.suptitle(_headline(found), x=0.02, ha="left", fontsize=13, fontweight="bold")
    fig.subplots_adjust(left=0.07, right=0.97, top=0.88, bottom=0.08, hspace=0.2)
    return fig


def _headline(found: Diff) -> str:
    if found.parting is None:
        return "All trainings and decisions are the same"
    epoch = f", epoch {found.parting.epoch}" if found.parting.epoch else ""
    return f"They part at training {found.parting.i}: {found.parting.stage}{epoch}"


def _paths(ax: "Axes", told: tuple[Story, Story], value) -> None:
    styles = zip("AB", told, COLOURS, WIDTHS, SIZES, strict=True)
    for name, one, colour, width, size in styles:
        rows = [row for row in one.rows if value(row) is not None]
        ax.plot(
            [row.i for row in rows],
            [value(row) for row in rows],
            color=colour,
            lw=width,
            marker="o",
            markersize=size,
            label=plain(f"{name}: {one.task}, {one.tuner}, seed {one.seed}", 80),
        )
