"""The learning curves of a study's trials."""

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.ticker import MaxNLocator

from jaxmeta.report import marks
from jaxmeta.report.limits import CURVES, EPOCHS, some, trained_best
from jaxmeta.report.marks import INK
from jaxmeta.report.ruler import Ruler
from jaxmeta.report.scale import Scale
from jaxmeta.report.story import Story


def draw_curves(ax: Axes, bar: Axes, told: Story, ruler: Ruler, inches: float) -> None:
    """The score after each epoch, a line for each trial, in the colour that its value has in `bar`.

    Args:
      ruler: of the hyperparameter that colours stand for.
      inches: the length of `bar`.
    """
    ax.set_title("Learning curves")
    norm, colours = ruler.colours()
    fresh = [(row, one) for row in told.rows if row.revisits is None for one in row.trainings]
    scale = Scale([score for _, one in fresh for score in one.curve], told.percent)
    shown = [
        (row, one, chosen)
        for chosen in (False, True)
        for row, one in some([(r, t) for r, t in fresh if trained_best(told, r) is chosen], CURVES)
    ]
    for row, one, chosen in shown:
        colour = colours(norm(ruler(row)))
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
        if one.score.value is None:
            marks.crosses(ax, told, [row], lambda _, one=one: len(one.curve), color=colour)
    scale.mark(ax.yaxis, *ax.get_ylim())
    ax.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))
    ax.set_xlabel("epoch", labelpad=1)
    ax.figure.colorbar(ScalarMappable(norm, colours), cax=bar, orientation="horizontal")
    bar.set_xlabel(ruler.name, labelpad=1)
    ruler.mark(bar.xaxis, inches, upright=False)
    bar.set_visible(len(ruler.tried) > 1)
