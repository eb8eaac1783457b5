"""Several studies as a table for each task: a line for each seed."""

import statistics
from collections.abc import Mapping

from rich.console import Group
from rich.table import Table
from rich.text import Text

from jaxmeta.plain import plain
from jaxmeta.record.journal import Line
from jaxmeta.report.story import Story, story
from jaxmeta.report.words import show_values


def table(studies: Mapping[str, list[Line]]) -> Group:
    """The studies, by their names (`record.several`), from their records; those that have not begun
    have no lines."""
    tasks: dict[str, list[list[Line]]] = {}
    for name, lines in studies.items():
        tasks.setdefault(name.rpartition("/")[0], []).append(lines)
    parts = [part for of in tasks.values() for part in (*_of_task(of), Text())]
    return Group(*parts[:-1])


def _of_task(studies: list[list[Line]]) -> list[Text | Table]:
    told = [story(lines) for lines in studies if lines]
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("seed", "decisions", "recommended", "score", "test"):
        grid.add_column(name, justify="right" if name in ("seed", "decisions") else "left")
    for one in told:
        grid.add_row(*(Text(plain(cell)) for cell in _cells(one)))
    title = [Text(told[0].task)] if told else []
    done = sum(one.finished for one in told)
    ending = Text(f"{done} of {len(studies)} studies finished{_spread(told)}")
    return [*title, Text(), grid, Text(), ending]


def _cells(told: Story) -> tuple[str, ...]:
    best = told.recommended
    shown = ("", "") if best is None else (show_values(best.values), str(best.score))
    return str(told.seed), str(len(told.rows)), *shown, "" if told.test is None else str(told.test)


def _spread(told: list[Story]) -> str:
    """Mean and standard deviation of what was reached on the test sets."""
    found = [one.test.plotted for one in told if one.test is not None]
    values = [value for value in found if value is not None]
    if len(values) < 2:
        return ""
    unit = " %" if told[0].percent else ""
    mean, spread = statistics.mean(values), statistics.stdev(values)
    return f"; test: {mean:.4g} ± {spread:.2g}{unit} (mean, standard deviation over seeds)"
