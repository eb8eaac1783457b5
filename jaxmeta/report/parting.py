"""`jaxmeta diff --out`: two trajectories in one picture, and where they part."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from jaxmeta.plain import plain
from jaxmeta.record.diff import Diff
from jaxmeta.record.journal import Line
from jaxmeta.report import limits
from jaxmeta.report.picture import save
from jaxmeta.report.story import Row, Story, story

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = ("diff.png", "diff.svg")
# Okabe and Ito's blue and vermilion; the second stands in front, thinner, so that both are seen.
COLOURS, WIDTHS, SIZES = ("#0072B2", "#D55E00"), (5.0, 1.5), (9, 4)
SIZE = (14.0, 8.0)  # inches


def draw(a: list[Line], b: list[Line], found: Diff, folder: Path) -> tuple[Path, Path]:
    """Draw two studies into `folder`, which is made; the PNG's and the SVG's paths."""
    folder.mkdir(parents=True, exist_ok=True)
    png, svg = (folder / name for name in NAMES)
    told = story(a), story(b)
    name = parted(told)
    save(lambda: figure((limits.drawn(told[0]), limits.drawn(told[1])), found, name), png, svg)
    return png, svg


def parted(told: tuple[Story, Story]) -> str | None:
    """The hyperparameter to draw: the first to differ, else the first that both studies tune; None
    where there is none."""
    a, b = told
    both = [name for name in a.space.names if name in b.space.names]
    others = {(row.chain, row.i): row.values for row in b.rows}
    for row in a.rows:
        other = others.get((row.chain, row.i), {})
        for name in both:
            if other and row.values[name] != other[name]:
                return name
    return both[0] if both else None


def figure(told: tuple[Story, Story], found: Diff, name: str | None) -> "Figure":
    """The hyperparameter `name` above scores, over the iterations; the parting is a vertical
    line."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    from jaxmeta.report.ruler import Ruler

    fig = Figure(figsize=SIZE)
    above, below = fig.subplots(2, 1, sharex=True)
    below.set_title(f"Score: {told[0].meaning}{', %' if told[0].percent else ''}")
    _paths(below, told, lambda row: row.score.plotted)
    if name is None:
        above.set_title("The two studies tune different hyperparameters")
    else:
        above.set_title(name)
        axes = [one.space.axis(name) for one in told]
        ruler = Ruler(name, axes, [row for one in told for row in one.rows])
        ruler.prepare(above, "y")
        _paths(above, told, ruler)
        if any(one.rows for one in told):
            ruler.mark(above.yaxis, 0.4 * SIZE[1], upright=True)
    for ax in (above, below):
        if found.parting is not None:
            ax.axvline(found.parting.i, color="#444444", linestyle="--", lw=1)
    below.set_xlabel("iteration")
    below.xaxis.set_major_locator(MaxNLocator(20, integer=True, min_n_ticks=1))
    below.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    fig.suptitle(_headline(found), x=0.02, ha="left", fontsize=13, fontweight="bold")
    fig.subplots_adjust(left=0.08, right=0.97, top=0.88, bottom=0.08, hspace=0.2)
    return fig


def _headline(found: Diff) -> str:
    if found.parting is None:
        return "All trials and decisions are the same"
    epoch = f", epoch {found.parting.epoch}" if found.parting.epoch else ""
    return f"They part at iteration {found.parting.i}: {found.parting.stage}{epoch}"


def _paths(ax: "Axes", told: tuple[Story, Story], value: Callable[[Row], float | None]) -> None:
    styles = zip("AB", told, COLOURS, WIDTHS, SIZES, strict=True)
    for name, one, colour, width, size in styles:
        drawn = [(row.i, y) for row in one.rows if (y := value(row)) is not None]
        ax.plot(
            [i for i, _ in drawn],
            [y for _, y in drawn],
            color=colour,
            lw=width,
            marker="o",
            markersize=size,
            label=plain(f"{name}: {one.task}, {one.tuner}, seed {one.seed}", 80),
        )
