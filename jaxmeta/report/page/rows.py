"""A study's decisions as the page's panels read them: short names, for there may be a thousand."""

import math
from typing import Any

from jaxmeta.plain import plain
from jaxmeta.report.limits import AXES
from jaxmeta.report.page.panel import Heights, brief
from jaxmeta.report.story import Row, Story
from jaxmeta.space import Axis, Log, show
from jaxmeta.space.ranges import Range

LETTERS = 60  # of a value


def rows(told: Story, heights: Heights) -> list[dict[str, Any]]:
    """An object a decision.

    "n" is its place, "y" its score's height (null: it diverged) and "s" the score in words, "best"
    the height of the best one so far in its chain, "o" what the tuner made of it; and for each axis
    "v" the value in words, "x" its number (null: it is listed), "z" where it stands between the
    axis's ends, "m" the move, "w" its word, "u" the draw and "p" the probabilities.
    """
    where: dict[tuple[int, int | None], int] = {}
    best: dict[int, Row] = {}
    found = []
    for n, row in enumerate(told.rows):
        where[row.chain, row.i] = n
        if row.chain not in best or _value(row) > _value(best[row.chain]):
            best[row.chain] = row
        placed = list(zip(told.space.axes, row.position, row.values.values(), strict=True))[:AXES]
        found.append(
            {
                "n": n,
                "chain": row.chain,
                "i": row.i,
                "y": heights(row.score),
                "s": str(row.score),
                "best": heights(best[row.chain].score),
                "o": row.outcome,
                "epochs": row.epochs
                if len(row.epochs) < LETTERS
                else f"{len(row.trainings)} trials",
                "revisits": row.revisits,
                "seen": where.get((row.chain, row.revisits)),
                "v": [plain(show(value), LETTERS) for _, _, value in placed],
                "x": [
                    brief(float(value)) if isinstance(a, Range) else None for a, _, value in placed
                ],
                "z": [brief(part(axis, k)) for axis, k, _ in placed],
                "m": [plain(move.sign, LETTERS) for move in row.moves[:AXES]],
                "w": [plain(move.word, LETTERS) for move in row.moves[:AXES]],
                "u": [brief(move.u) for move in row.moves[:AXES]],
                "p": [[round(mass, 4) for mass in move.p] for move in row.moves[:AXES]],
            }
        )
    return found


def part(axis: Axis, k: int) -> float:
    """Where position `k` stands between the ends of `axis`, from 0 to 1."""
    if isinstance(axis, Range):
        scaled = math.log if isinstance(axis, Log) else float
        low, high = scaled(axis.low), scaled(axis.high)
        return (scaled(axis.value(k)) - low) / (high - low)  # pyright: ignore[reportArgumentType]
    low, high = axis.bounds
    return (k - low) / (high - low) if high > low else 0.5


def _value(row: Row) -> float:
    return -math.inf if row.score.value is None else row.score.value
