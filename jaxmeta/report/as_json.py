"""`jaxmeta show --json`: a study as an object for programs."""

import math
from typing import Any

from jaxmeta.record.journal import Line
from jaxmeta.report.moves import Move
from jaxmeta.report.score import Score
from jaxmeta.report.story import Row, Story, story


def to_json(lines: list[Line]) -> dict[str, Any]:
    """The study as JSON: floats as numbers, and beside them exactly.

    A name that ends in "_hex" has the exact value of a float, one that ends in "_units" the exact
    numerator of a fraction over `one`. A score that diverged is null.
    """
    told, first = story(lines), lines[0]
    return {
        **{name: first[name] for name in ("task", "space", "fixed", "tuner", "training")},
        "seed": told.seed,
        "chains": told.chains,
        "replicates": told.replicates,
        "keys": first["keys"],
        "scored_on": told.scored_on,
        "score": first["score"],
        "finished": told.finished,
        "decisions": [_decision(told, row) for row in told.rows],
        "recommended": None if told.recommended is None else _point(told.recommended),
        "best_score": None if told.best_score is None else _point(told.best_score),
        "test": None if told.test is None else _score(told.test),
    }


def _point(row: Row) -> dict[str, Any]:
    floats = {name: value for name, value in row.values.items() if isinstance(value, float)}
    return {
        "chain": row.chain,
        "i": row.i,
        "position": row.position,
        "values": row.values,
        "values_hex": {name: value.hex() for name, value in floats.items()},
        **_score(row.score),
    }


def _decision(told: Story, row: Row) -> dict[str, Any]:
    asked, moves = row.line["asked"], zip(told.space.names, row.moves, strict=False)
    return {
        **_point(row),
        "moves": {name: _move(asked, a, move) for a, (name, move) in enumerate(moves)},
        "better": row.better,
        "revisits": row.revisits,
        "trainings": [
            {
                **_score(one.score),
                "best_epoch": one.best_epoch,
                "stopped": one.stopped,
                "curve": [_score(points) for points in one.curve],
            }
            for one in row.trainings
        ],
    }


def _move(asked: dict[str, Any], a: int, move: Move) -> dict[str, Any]:
    return {
        "move": move.word or None,
        "held": move.held,
        "u": move.u,
        "p": move.p,
        "u_units": None if move.u is None else asked["u"][a],
        "p_units": asked["p"][a],
        "one": sum(asked["p"][a]),
    }


def _score(score: Score) -> dict[str, Any]:
    value = score.value
    if isinstance(value, float):  # JSON has no infinity
        return {"score": value if math.isfinite(value) else None, "score_hex": value.hex()}
    if value is None or score.of is None:
        return {"score": value, "of": score.of}
    return {"score": value, "of": score.of, "accuracy": value / score.of}
