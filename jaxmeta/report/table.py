"""`jaxmeta show`: the trajectory of a study as a table."""

from collections.abc import Iterable

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from jaxmeta.plain import plain
from jaxmeta.record.journal import Line
from jaxmeta.report.as_json import to_json
from jaxmeta.report.facts import facts
from jaxmeta.report.grid import Column, Lines, Widest
from jaxmeta.report.limits import ROWS
from jaxmeta.report.moves import Move
from jaxmeta.report.story import Row, Story, story
from jaxmeta.report.words import OPTIONS, show_values
from jaxmeta.space import show

__all__ = ["BEST_SCORE", "RECOMMENDED", "bests", "show_spread", "table", "to_json", "trajectory"]

RECOMMENDED, BEST_SCORE = "★", "●"


def table(lines: list[Line]) -> Group:
    """The whole study, to be printed on a rich console: what was asked, each decision, the end."""
    told = story(lines)
    done = [*_trajectory(told), bests(told)] if told.rows else []
    parts = [_pairs(*facts(told)), *done, Text(told.ending)]
    return Group(*(Padding(part, (0, 0, 1, 0)) for part in parts))


def _pairs(*rows: tuple[str, ...]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    for cells in rows:
        grid.add_row(*(Text(plain(cell)) for cell in cells))
    return grid


def _trajectory(told: Story) -> "list[Widest | Text]":
    """All decisions, or the first and the last of very many."""
    if len(told.rows) <= ROWS:
        return [trajectory(told, told.rows)]
    first, last = told.rows[: ROWS // 2], told.rows[-ROWS // 2 :]
    left_out = f"… {len(told.rows) - ROWS} decisions are not shown; `show --json` has all"
    return [trajectory(told, first), Text(left_out), trajectory(told, last)]


def trajectory(told: Story, rows: list[Row]) -> Widest:
    """A line for each of `rows`, decisions of the study `told`.

    With draws and probabilities where they have room; on a narrow screen all values share a column.
    """
    forms = (
        (True, True, 1),
        (True, True, 0),
        (True, False, 1),
        (True, False, 0),
        (False, False, 1),
    )
    return Widest(*(lambda form=form: _lines(told, rows, *form) for form in forms))


def _lines(told: Story, rows: list[Row], apart: bool, draws: bool, gap: int) -> Lines:
    """
    Args:
      apart: a column for each axis, or else one for all values.
      draws: with draws and probabilities.
      gap: spaces between columns, besides one.
    """
    columns = [
        *_which(told),
        *(_values(told) if apart else [_together(told)]),
        *(_draws(told) if draws and _walks(told) else []),
        *_outcome(told),
    ]
    cells = [[plain(one.cell(row)) for one in columns] for row in rows]
    dim = [row.better is False or row.score.value is None for row in rows]
    return Lines(columns, cells, dim, gap)


def _walks(told: Story) -> bool:
    return any(row.moves for row in told.rows)


def _which(told: Story) -> list[Column]:
    chain = [Column("chain", lambda row: str(row.chain), "dim", right=True)]
    i = Column("i", lambda row: str(row.i), "dim", right=True)
    return [*(chain if told.chains > 1 else []), i]


def _values(told: Story) -> list[Column]:
    """A column for each axis; of several axes those that moved have an arrow."""
    names = told.space.names
    if len(names) == 1:
        value = Column(names[0], lambda row: show(row.values[names[0]]))
        move = Column("move", lambda row: row.moves[0].sign if row.moves else "")
        return [value, move] if _walks(told) else [value]

    def cell(row: Row, a: int, name: str) -> str:
        return f"{show(row.values[name])}{_arrow(row.moves[a]) if row.moves else ''}"

    return [
        Column(name, lambda row, a=a, name=name: cell(row, a, name)) for a, name in enumerate(names)
    ]


def _arrow(move: Move) -> str:
    """The arrow alone, and whether the move was held."""
    return f" {move.sign[0]}{' held' if move.held else ''}" if move.c else ""


def _together(told: Story) -> Column:
    def cell(row: Row) -> str:
        moves = row.moves or [None] * told.space.d
        pairs = zip(row.values.values(), moves, strict=True)
        return ", ".join(f"{show(value)}{_arrow(move) if move else ''}" for value, move in pairs)

    return Column(", ".join(told.space.names), cell, folds=True)


def _draws(told: Story) -> list[Column]:
    """Draw and probabilities of each axis that moved; of a single axis also where it did not."""
    ordered = told.space.d == 1 and told.space.axes[0].ordered

    def shown(row: Row) -> Iterable[Move]:
        return (move for move in row.moves if move.c or told.space.d == 1)

    def u(row: Row) -> str:
        return " ".join(f"{move.u:.2f}" for move in row.moves if move.u is not None)

    def p(row: Row) -> str:
        return "; ".join(" ".join(f"{mass:.2f}" for mass in move.p) for move in shown(row))

    return [Column("u", u), Column(" p1   p2   p3" if ordered else "p", p)]


def _outcome(told: Story) -> list[Column]:
    columns = [Column("score", lambda row: str(row.score), right=True)]
    if told.replicates > 1:
        columns.append(Column("±", lambda row: show_spread(told, row), right=True))
    columns.append(Column("epoch", lambda row: row.epochs, right=True))
    if _walks(told):
        columns.append(Column("", lambda row: row.outcome))
    return [*columns, Column("", lambda row: _notes(told, row))]


def _notes(told: Story, row: Row) -> str:
    r = row.line["asked"].get("r", 0)
    notes = [f"replicate {r}"] if r else []
    notes += [f"as i = {row.revisits}"] if row.revisits is not None else []
    epochs, stopped = told.training_options["epochs"], [o for o in row.trainings if o.stopped]
    if stopped:
        after = ", ".join(str(len(one.curve)) for one in stopped)
        notes.append(f"stopped after {after} of {epochs}")
    marks = ((RECOMMENDED, told.recommended), (BEST_SCORE, told.best_score))
    return " ".join([*notes, "".join(mark for mark, marked in marks if row is marked)])


def show_spread(told: Story, row: Row) -> str:
    """The standard deviation of a decision's replicates, each by itself."""
    if row.spread is None:
        return ""
    return f"{row.spread:.2f} %" if told.percent else f"{row.spread:.3g}"


def bests(told: Story, letters: int = OPTIONS) -> Table:
    """What is recommended and the best score so far, and the score on the test set where it is
    known; values in at most so many `letters`."""
    rows = []
    best, top = told.recommended, told.best_score
    if best is not None and top is not None and best is not top:
        rows.append((f"{RECOMMENDED} recommended", *_cells(told, best, letters)))
        rows.append((f"{BEST_SCORE} best score", *_cells(told, top, letters)))
    elif best is not None:
        rows.append((f"{RECOMMENDED}{BEST_SCORE} recommended, best", *_cells(told, best, letters)))
    if told.test is not None:
        unseen = (
            "read once, at the end" if told.scored_on != "test" else "scores were taken on it too"
        )
        rows.append(("  test", str(told.test), "", unseen))
    return _pairs(*rows)


def _cells(told: Story, row: Row, letters: int) -> tuple[str, str, str]:
    chain = f"chain {row.chain}, " if told.chains > 1 else ""
    return str(row.score), f"{chain}i = {row.i}", show_values(row.values, letters)
