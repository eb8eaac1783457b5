"""Where the values of a hyperparameter stand in the picture, and which colour they have.

Ranges stand at their numbers, on a logarithmic scale where the axis has one. Listed values stand
side by side, in the order in which they are listed.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis as Line
from matplotlib.colors import Colormap, ListedColormap, LogNorm, Normalize
from matplotlib.ticker import NullLocator

from jaxmeta.report.story import Row
from jaxmeta.report.words import short
from jaxmeta.space import Axis, Log, show
from jaxmeta.trial import Value

# Okabe and Ito's, the yellow replaced: it cannot be seen on white. Further ones begin again.
CYCLE = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7"),
    *("#56B4E9", "#D55E00", "#8C6D1F", "#666666"),
)
# The darker part of viridis: its yellow end cannot be seen on white.
GRADIENT = ListedColormap(colormaps["viridis"](np.linspace(0, 0.87, 256)))
LETTERS = 11  # of a label
FEW = 12  # listed values that are all drawn, tried or not


def colour(n: int) -> str:
    """Of the n-th choice."""
    return CYCLE[n % len(CYCLE)]


class Ruler:
    """The values of the hyperparameter `name`, which `rows` have tried, along a line.

    Args:
      axes: its axis; or several, where studies are compared.
    """

    def __init__(self, name: str, axes: Sequence[Axis], rows: Iterable[Row]) -> None:
        self.name = name
        self.ordered = all(axis.ordered for axis in axes)
        self.tried = list(dict.fromkeys(row.values[name] for row in rows if name in row.values))
        self.logarithmic = any(isinstance(axis, Log) for axis in axes)
        listed: list[Value] = []
        for axis in axes:
            if (values := getattr(axis, "values", None)) is not None:
                listed += [axis.value(k) for k in range(len(values))]
        self.listed = bool(listed)
        listed += self.tried if self.listed else []
        self._index = {value: n for n, value in enumerate(dict.fromkeys(listed))}

    def __call__(self, row: Row) -> float:
        return self.at(row.values[self.name])

    def at(self, value: Value) -> float:
        """The place of `value`."""
        return self._index[value] if self.listed else float(value)

    def colours(self) -> tuple[Normalize, Colormap]:
        """From places to colours: a gradient where there is an order, else one for each choice."""
        if not self.ordered:
            n = len(self._index)
            return Normalize(-0.5, n - 0.5), ListedColormap([colour(k) for k in range(n)])
        places = [self.at(value) for value in self.tried]
        logarithmic = self.logarithmic and not self.listed
        return (LogNorm if logarithmic else Normalize)(min(places), max(places)), GRADIENT

    def prepare(self, ax: Axes, along: str) -> None:
        """Scale and limits of the axis "x" or "y" of `ax`, before anything is drawn."""
        if self.listed and len(self._index) <= FEW:
            getattr(ax, f"set_{along}lim")(-0.6, len(self._index) - 0.4)
        elif self.logarithmic and not self.listed:
            getattr(ax, f"set_{along}scale")("log")

    def mark(self, line: Line, inches: float, upright: bool) -> None:
        """Ticks on values that were tried (of few listed ones on all), when all is drawn: as many
        as have room on a `line` of this length."""
        values = list(self._index) if self.listed and len(self._index) <= FEW else self.tried
        values = sorted(values, key=self.at)
        labels = self._labels(values)
        least = 0.2 if upright else 0.085 * (max(map(len, labels)) + 2)
        low, high = sorted(line.get_transform().transform(np.array(line.get_view_interval())))
        places = line.get_transform().transform(np.array([self.at(value) for value in values]))
        chosen = spread((places - low) / ((high - low) or 1) * inches, least)
        line.set_minor_locator(NullLocator())
        line.set_ticks([self.at(values[n]) for n in chosen], labels=[labels[n] for n in chosen])
        if not self.ordered and self.listed:
            for n, label in zip(chosen, line.get_ticklabels(), strict=True):
                label.set_color(colour(self._index[values[n]]))

    def _labels(self, values: list[Value]) -> list[str]:
        """In few digits, where they still differ."""
        brief = [f"{v:.3g}" if isinstance(v, float) else show(v) for v in values]
        labels = brief if len(set(brief)) == len(brief) else list(map(show, values))
        return [short(label, LETTERS) for label in labels]


def spread(places: np.ndarray, least: float) -> list[int]:
    """Which of the rising `places` are kept so that neighbours are at least `least` apart: the
    last, the first, and of the others those that have room."""
    kept: list[int] = []
    for n, place in enumerate(places[:-1]):
        if (not kept or place - places[kept[-1]] >= least) and places[-1] - place >= least:
            kept.append(n)
    return [*kept, len(places) - 1]
