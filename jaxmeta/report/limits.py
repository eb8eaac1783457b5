"""How much of a study is drawn, so that a huge one is drawn in seconds too.

The numbers are far above what an eye tells apart in a picture of this size. What is left out is
left out evenly, and the picture says so.
"""

import math
from collections.abc import Sequence
from typing import TypeVar

from jaxmeta.report.story import Row, Story

DECISIONS = 1_000
CURVES = 500
EPOCHS = 500  # points of a curve
ROWS = 1_000  # of the table
AXES = 16

Item = TypeVar("Item")


def step(n: int, most: int, chains: int = 1) -> int:
    """Taking each step-th of `n` gives at most `most`, and to each of several chains its share."""
    every = -(-n // most)
    while every > 1 and math.gcd(every, chains) > 1:
        every += 1
    return max(every, 1)


def some(items: Sequence[Item], most: int) -> Sequence[Item]:
    """At most `most` of `items`, evenly."""
    return items[:: step(len(items), most)]


def drawn(told: Story) -> Story:
    """The study with at most about DECISIONS of its decisions; the best are among them."""
    rows, every = told.rows, step(len(told.rows), DECISIONS, told.chains)
    return told._replace(
        rows=[
            row
            for n, row in enumerate(rows)
            if n % every == 0 or row is told.best_score or trained_best(told, row)
        ]
    )


def trained_best(told: Story, row: Row) -> bool:
    """Whether `row` is the recommended one, or the one whose trials that one revisits."""
    best = told.recommended
    return row is best or best is not None and (row.chain, row.i) == (best.chain, best.revisits)
