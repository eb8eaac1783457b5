"""Where a score stands on an axis, higher is better.

Scores of one study often lie close below perfection with a few far down. Where what is missing to
perfection spans more than a decade, the axis is logarithmic in what is missing, so that 99.0 and
99.3 % stay apart while 10 % stays in sight; the ticks name the scores themselves. Perfection is
100 %, or 0 for numbers of which none is above it; other numbers stand where they are.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jaxmeta.report.score import Score

if TYPE_CHECKING:
    from matplotlib.axis import Axis

DECADE = 10
TICKS = 8  # at most about so many


class Scale:
    """An axis for `scores`: in percent where they are counts out of so many, else as they are."""

    def __init__(self, scores: Sequence[Score], percent: bool) -> None:
        self.percent = percent
        missing = [gap for gap in map(self.missing, scores) if math.isfinite(gap)]
        self.empty = not missing
        missing = missing or [1.0]
        self.bounded = min(missing) >= 0
        # Perfection itself, half a count away from the next, or level with the next best.
        least = min((gap for gap in missing if gap > 0), default=1.0)
        self.least = 50 / (scores[0].of or 1) if percent else least
        wide = max(missing) > DECADE * max(min(missing), self.least)
        self.logarithmic = self.bounded and wide

    def missing(self, score: Score) -> float:
        """What `score` lacks to perfection; not a number where it diverged."""
        if score.plotted is None:
            return math.nan
        return 100 - score.plotted if self.percent else -score.plotted

    def __call__(self, score: Score) -> float:
        """The position of `score`; not a number where it diverged."""
        missing = self.missing(score)
        return self._position(missing) if math.isfinite(missing) else math.nan

    def _position(self, missing: float) -> float:
        return -math.log10(max(missing, self.least)) if self.logarithmic else -missing

    def mark(self, axis: "Axis", low: float, high: float) -> None:
        """Put ticks with the scores' names between the positions `low` and `high` of `axis`."""
        if self.empty:
            axis.set_ticks([])
            return
        gaps = self._decades(low, high) if self.logarithmic else self._even(low, high)
        names = self._percentages(gaps) if self.percent else [f"{0 - gap:.9g}" for gap in gaps]
        axis.set_ticks([self._position(gap) for gap in gaps], labels=names)

    def _percentages(self, gaps: list[float]) -> list[str]:
        """Even ticks have as many digits as each other, logarithmic ones as many as they need."""
        names = [f"{100 - gap:.9f}".rstrip("0") for gap in gaps]
        digits = [len(name.partition(".")[2]) for name in names]
        if not self.logarithmic:
            digits = [max(digits)] * len(digits)
        return [f"{100 - gap:.{n}f} %" for gap, n in zip(gaps, digits, strict=True)]

    def _even(self, low: float, high: float) -> list[float]:
        from matplotlib.ticker import MaxNLocator

        ticks = MaxNLocator(TICKS - 2, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        most = min(high, 0) if self.bounded else high
        return [-tick for tick in ticks if low <= tick <= most]

    def _decades(self, low: float, high: float) -> list[float]:
        """1, 2 and 5 times the powers of ten, or fewer of them where that is too many."""
        powers = range(math.floor(-high) - 1, math.ceil(-low) + 1)
        for multiples in ((1, 2, 5), (1, 3), (1,)):
            gaps = [multiple * 10.0**power for power in powers for multiple in multiples]
            gaps = [gap for gap in gaps if low <= -math.log10(gap) <= high]
            if len(gaps) <= TICKS:
                break
        gaps = [gap for gap in gaps if gap >= self.least]
        return gaps[:: -(-len(gaps) // TICKS)]
