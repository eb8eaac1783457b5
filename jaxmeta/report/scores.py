"""Where a score stands on an axis, higher is better.

Scores of one study often lie close below perfection with a few far down. Where what is missing to
perfection spans more than a decade, the axis is logarithmic in what is missing, so that 99.0 and
99.3 % stay apart while 10 % stays in sight; the ticks name the scores themselves.
"""

import math
from collections.abc import Sequence

from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator

from jaxmeta.report.story import Score

DECADE = 10
TICKS = 8  # at most about so many


class Scale:
    """An axis for `scores`: counts as percentages, other scores as they are."""

    def __init__(self, scores: Sequence[Score], counts: bool) -> None:
        self.counts = counts
        finite = [score for score in scores if score.value is not None]
        self.empty = not finite
        missing = [self._missing(score) for score in finite] or [1.0]
        # Perfection itself, half a count away from the next, or level with the next best.
        least = min((gap for gap in missing if gap > 0), default=1.0)
        self._least = 50 / scores[0].of if counts else least
        self.logarithmic = max(missing) > DECADE * max(min(missing), self._least)

    def _missing(self, score: Score) -> float:
        """What `score` lacks to perfection, in percent or as a sum of squared errors."""
        assert score.value is not None
        return 100 - 100 * score.value / score.of if self.counts else -score.value

    def __call__(self, score: Score) -> float:
        """The position of `score`; not a number where it diverged."""
        return math.nan if score.value is None else self._position(self._missing(score))

    def _position(self, missing: float) -> float:
        return -math.log10(max(missing, self._least)) if self.logarithmic else -missing

    def mark(self, axis: Axis, low: float, high: float) -> None:
        """Put ticks with the scores' names between the positions `low` and `high` of `axis`."""
        if self.empty:
            axis.set_ticks([])
            return
        gaps = self._decades(low, high) if self.logarithmic else self._even(low, high)
        names = self._percentages(gaps) if self.counts else [f"{-gap:.9g}" for gap in gaps]
        axis.set_ticks([self._position(gap) for gap in gaps], labels=names)

    def _percentages(self, gaps: list[float]) -> list[str]:
        """Even ticks have as many digits as each other, logarithmic ones as many as they need."""
        names = [f"{100 - gap:.9f}".rstrip("0") for gap in gaps]
        digits = [len(name.partition(".")[2]) for name in names]
        if not self.logarithmic:
            digits = [max(digits)] * len(digits)
        return [f"{100 - gap:.{n}f} %" for gap, n in zip(gaps, digits, strict=True)]

    def _even(self, low: float, high: float) -> list[float]:
        ticks = MaxNLocator(TICKS - 2, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        return [-tick for tick in ticks if low <= tick <= min(high, 0)]

    def _decades(self, low: float, high: float) -> list[float]:
        """1, 2 and 5 times the powers of ten, or fewer of them where that is too many."""
        powers = range(math.floor(-high) - 1, math.ceil(-low) + 1)
        for multiples in ((1, 2, 5), (1, 3), (1,)):
            gaps = [multiple * 10.0**power for power in powers for multiple in multiples]
            gaps = [gap for gap in gaps if low <= -math.log10(gap) <= high]
            if len(gaps) <= TICKS:
                break
        gaps = [gap for gap in gaps if gap >= self._least]
        return gaps[:: -(-len(gaps) // TICKS)]
