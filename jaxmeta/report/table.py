"""`jaxmeta show`: the trajectory of a study as a table for people, or an object for programs."""

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from jaxmeta.plain import plain
from jaxmeta.record.journal import Line
from jaxmeta.report.limits import ROWS
from jaxmeta.report.story import ARROWS, Row, Score, Story, show_options, show_rate, story

BEST_LAMBDA, BEST_SCORE = "★", "●"


def table(lines: list[Line]) -> Group:
    """The whole study, to be printed on a rich console: what was asked, each training, the end."""
    told = story(lines)
    done = [*_trajectory(told), bests(told)] if told.rows else []
    parts = [_head(told), *done, Text(told.ending)]
    return Group(*(Padding(part, (0, 0, 1, 0)) for part in parts))


def to_json(lines: list[Line]) -> dict[str, Any]:
    """The study as JSON: floats as numbers, and beside them exactly.

    A name that ends in "_hex" has a float's exact value, one that ends in "_units" the exact
    numerator of a fraction over `one`. A score that diverged is null.
    """
    told = story(lines)
    best, top = told.lambda_best, told.best_score
    return {
        "task": lines[0]["task"],
        "tuner": lines[0]["tuner"],
        "training": lines[0]["training"],
        "seed": told.seed,
        "chains": told.chains,
        "replicates": told.replicates,
        "keys": lines[0]["keys"],
        "scored_on": told.scored_on,
        "score": told.score,
        "finished": told.test is not None,
        "decisions": [_decision(row) for row in told.rows],
        "lambda_best": None if best is None else _point(best),
        "best_score": None if top is None else _point(top),
        "test": None if told.test is None else _score(told.test),
    }


def _point(row: Row) -> dict[str, Any]:
    return {
        "chain": row.chain,
        "i": row.i,
        "learning_rate": row.learning_rate,
        "learning_rate_hex": row.learning_rate.hex(),
        **_score(row.score),
    }


def _decision(row: Row) -> dict[str, Any]:
    choice = row.choice
    exact = {}
    if choice.p is not None:
        asked = row.line["asked"]
        exact = {
            "u_units": None if choice.u is None else asked["u"],
            "p_units": asked["p"],
            "one": sum(asked["p"]),
        }
    return {
        **_point(row),
        "move": choice.move or None,
        "held": choice.held,
        "u": choice.u,
        "p": choice.p,
        **exact,
        "better": row.better,
        "revisits": row.revisits,
        "trainings": [
            {
                **_score(one.score),
                "best_epoch": one.best_epoch,
                "curve": [_score(points) for points in one.curve],
            }
            for one in row.trainings
        ],
    }


def _score(score: Score) -> dict[str, Any]:
    if isinstance(score.value, float):
        return {"score": score.value, "score_hex": score.value.hex(), "of": score.of}
    if score.value is None:
        return {"score": None, "of": score.of}
    return {"score": score.value, "of": score.of, "accuracy": score.value / score.of}


def _pairs(*rows: tuple[str, ...]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    for cells in rows:
        grid.add_row(*(Text(plain(cell)) for cell in cells))
    return grid


def _head(told: Story) -> Table:
    return _pairs(
        ("task", told.task),
        ("tuner", f"{told.tuner}  {show_options(told.tuner_options)}"),
        ("training", show_options(told.training_options)),
        ("seed", str(told.seed)),
        *_design(told),
        ("score", f"{told.score}, {told.scored_on} split of {told.of} examples"),
    )


def _design(told: Story) -> list[tuple[str, str]]:
    """What is not the poster's: chains, replicates, paired keys."""
    words = [f"{told.chains} chains"] if told.chains > 1 else []
    words += [f"{told.replicates} replicates a decision, scores added"] * (told.replicates > 1)
    words += ["paired keys: a learning rate is trained once in a chain"] * told.paired
    return [("design", "; ".join(words))] if words else []


def _trajectory(told: Story) -> list[Table | Text]:
    """All decisions, or the first and the last of very many."""
    if len(told.rows) <= ROWS:
        return [trajectory(told, told.rows)]
    first, last = told.rows[: ROWS // 2], told.rows[-ROWS // 2 :]
    left_out = f"… {len(told.rows) - ROWS} decisions are not shown; `show --json` has all"
    return [trajectory(told, first), Text(left_out), trajectory(told, last)]


def trajectory(told: Story, rows: list[Row]) -> Table:
    """A line for each of `rows`, trainings of the study `told`."""
    walks = any(row.choice.p is not None for row in told.rows)
    spread = told.replicates > 1
    grid = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    if told.chains > 1:
        grid.add_column("chain", justify="right", style="dim")
    grid.add_column("i", justify="right", style="dim")
    grid.add_column("λ", no_wrap=True)
    if walks:
        grid.add_column("move", no_wrap=True)
        grid.add_column("u", no_wrap=True)
        grid.add_column(" p1   p2   p3", no_wrap=True)
    grid.add_column("score", justify="right", no_wrap=True)
    if spread:
        grid.add_column("±", justify="right", no_wrap=True)
    grid.add_column("epoch", justify="right", no_wrap=True)
    if walks:
        grid.add_column("", no_wrap=True)
    grid.add_column("", no_wrap=True)
    for row in rows:
        came = [str(row.chain)] if told.chains > 1 else []
        came += [str(row.i), show_rate(row.learning_rate)]
        if walks:
            came += _choice(row)
        came.append(str(row.score))
        if spread:
            came.append(show_spread(told, row))
        came.append(" ".join(f"{one.best_epoch}/{len(one.curve)}" for one in row.trainings))
        if walks:
            came.append(row.outcome)
        r = row.line["asked"].get("r", 0)
        notes = [f"replicate {r}"] if r else []
        notes += [f"as i = {row.revisits}"] if row.revisits is not None else []
        came.append(" ".join([*notes, _mark(told, row)]))
        failed = row.better is False or row.score.value is None
        grid.add_row(*(Text(plain(cell)) for cell in came), style="dim" if failed else "")
    return grid


def show_spread(told: Story, row: Row) -> str:
    """The standard deviation of a decision's replicates, each by itself."""
    if row.spread is None:
        return ""
    return f"{row.spread:.2f} %" if told.counts else f"{row.spread:.3g}"


def _choice(row: Row) -> list[str]:
    choice = row.choice
    move = f"{ARROWS[choice.move]}{' held' if choice.held else ''}"
    u = "" if choice.u is None else f"{choice.u:.2f}"
    return [move, u, "" if choice.p is None else " ".join(f"{p:.2f}" for p in choice.p)]


def _mark(told: Story, row: Row) -> str:
    return "".join(
        mark
        for mark, marked in ((BEST_LAMBDA, told.lambda_best), (BEST_SCORE, told.best_score))
        if row is marked
    )


def bests(told: Story) -> Table:
    """λ_best and the best score so far, and the score on the test set where it is known."""
    rows = []
    if told.lambda_best is not None and told.best_score is not None:
        rows = [
            (f"{BEST_LAMBDA} λ_best", *_cells(told, told.lambda_best)),
            (f"{BEST_SCORE} best score", *_cells(told, told.best_score)),
        ]
    if told.test is not None:
        unseen = (
            "read once, at the end" if told.scored_on != "test" else "scores were taken on it too"
        )
        rows.append(("  test", "with λ_best", str(told.test), unseen))
    return _pairs(*rows)


def _cells(told: Story, row: Row) -> tuple[str, str, str]:
    chain = f"chain {row.chain}, " if told.chains > 1 else ""
    return f"λ = {show_rate(row.learning_rate)}", str(row.score), f"{chain}training {row.i}"
