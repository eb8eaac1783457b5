"""Panel: how much of the scores' differences goes with each hyperparameter.

Decisions are put in groups by the value of one hyperparameter: a group for each listed value, and
at most four of about equal size for a range. Scores are replaced by their ranks, those that
diverged lowest. The share is what the groups explain of the ranks' variance beyond what chance
would (epsilon squared of Kruskal and Wallis, W. H. Kruskal and W. A. Wallis, JASA 47, 1952):

    H = (n - 1) (sum of squares between groups) / (sum of squares), share = (H - k + 1) / (n - k)

for n decisions in k groups; below 0 it is called 0.
"""

from collections.abc import Sequence
from itertools import groupby

from jaxmeta.plain import plain
from jaxmeta.report.limits import AXES
from jaxmeta.report.page.panel import CYCLE, Heights, Panel, Spec
from jaxmeta.report.page.rows import LETTERS
from jaxmeta.report.story import Story
from jaxmeta.space.ranges import Range

GROUPS = 4  # of a range
EACH = 3  # decisions in a group, on average, or nothing is said


def panels(told: Story, heights: Heights) -> list[Panel]:
    found = []
    for a, name in enumerate(told.space.names[:AXES]):
        if (of := share(told, a)) is not None:
            found.append({"name": plain(name, LETTERS), "share": round(of, 4)})
    caption = (
        "How much of the differences between scores goes with one hyperparameter alone: ranks of "
        "the scores, grouped by its value (a range in at most four groups of equal size), the part "
        "of their variance that the groups explain beyond chance (Kruskal and Wallis's ε²). It "
        "cannot say what caused a score: the tuner chose where to look, so values that were tried "
        "together, or late, share each other's merit; what two hyperparameters do only together "
        "is not seen; shares do not add up to one; and a value that was never tried has none."
    )
    if not found:
        words = "There are too few decisions, or too many values, to say. " + caption
        return [Panel("shares", "Shares in the scores", words, None)]
    spec: Spec = {
        "data": {"name": "shares"},
        "height": 26 * len(found) + 20,
        "layer": [
            {"mark": {"type": "bar", "color": CYCLE[0]}},
            {
                "mark": {"type": "text", "align": "left", "dx": 4},
                "encoding": {"text": {"field": "share", "format": ".0%"}},
            },
        ],
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": "-x", "title": None},
            "x": {
                "field": "share",
                "type": "quantitative",
                "title": "share of the variance of ranks",
                "scale": {"domain": [0, 1]},
                "axis": {"format": "%", "tickCount": 5},
            },
        },
    }
    return [Panel("shares", "Shares in the scores", caption, spec, {"shares": found})]


def share(told: Story, a: int) -> float | None:
    """Of hyperparameter `a`, from 0 to 1; None where there are too few decisions in a group."""
    rows = [row for row in told.rows if row.revisits is None]
    scores = [float("-inf") if row.score.value is None else row.score.value for row in rows]
    positions = [row.position[a] for row in rows]
    groups = _groups(positions) if isinstance(told.space.axes[a], Range) else positions
    n, k = len(rows), len(set(groups))
    ranks = _ranks(scores)
    middle = (n + 1) / 2
    whole = sum((rank - middle) ** 2 for rank in ranks)
    if k < 2 or n < EACH * k or not whole:
        return None
    between = 0.0
    for group in set(groups):
        own = [rank for rank, of in zip(ranks, groups, strict=True) if of == group]
        between += len(own) * (sum(own) / len(own) - middle) ** 2
    h = (n - 1) * between / whole
    return max((h - k + 1) / (n - k), 0.0)


def _ranks(scores: Sequence[float]) -> list[float]:
    """From 1; equal scores have the mean of theirs."""
    ranks, done = [0.0] * len(scores), 0
    order = sorted(range(len(scores)), key=scores.__getitem__)
    for _, equal in groupby(order, key=scores.__getitem__):
        places = list(equal)
        for place in places:
            ranks[place] = done + (len(places) + 1) / 2
        done += len(places)
    return ranks


def _groups(positions: Sequence[int]) -> list[int]:
    """A number for each position: GROUPS groups of about equal size, equal positions together."""
    ordered = sorted(positions)
    edges = {ordered[len(ordered) * g // GROUPS] for g in range(1, GROUPS)}
    return [sum(position >= edge for edge in edges) for position in positions]
