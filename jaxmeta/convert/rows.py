"""A study's decisions as flat rows, for tables."""

from typing import Any

from jaxmeta.record.journal import Line
from jaxmeta.report.story import story

VALUES = "values."  # before the name of a hyperparameter, as in the record


def rows(lines: list[Line]) -> list[dict[str, Any]]:
    """A row a decision: its hyperparameters, its score, and what the tuner made of it.

    A score is a number (a count where "of" says out of how many); None, it diverged. Lists have an
    entry a training, none where a decision revisits earlier ones.
    """
    told = story(lines)
    found = []
    for row in told.rows:
        trained = row.trainings if row.revisits is None else ()
        moves = zip(told.space.names, row.moves, strict=False)
        found.append(
            {
                "chain": row.chain,
                "i": row.i,
                **{f"{VALUES}{name}": value for name, value in row.values.items()},
                **{f"moves.{name}": move.word or None for name, move in moves},
                "score": row.score.value,
                "of": row.score.of,
                "better": row.better,
                "revisits": row.revisits,
                "recommended": row is told.recommended,
                "best_score": row is told.best_score,
                "trainings": len(trained),
                "best_epoch": [one.best_epoch for one in trained],
                "epochs": [len(one.curve) for one in trained],
                "stopped": [one.stopped for one in trained],
                "curves": [[points.value for points in one.curve] for one in trained],
            }
        )
    return found
