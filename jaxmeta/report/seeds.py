"""Several studies, of one task from several seeds, as a table: a line for each."""

import statistics
from collections.abc import Mapping

from rich.console import Group
from rich.table import Table
from rich.text import Text

from jaxmeta.plain import plain
from jaxmeta.record.journal import Line
from jaxmeta.report.story import Story, story
from jaxmeta.report.words import show_values


def table(studies: Mapping[int, list[Line]]) -> Group:
    """The studies, by seed, from their records; those that have not begun have no lines."""
    told = {seed: story(lines) for seed, lines in studies.items() if lines}
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("seed", "decisions", "recommended", "score", "test"):
        grid.add_column(name, justify="right" if name in ("seed", "decisions") else "left")
    for seed, one in told.items():
        grid.add_row(*(Text(plain(cell)) for cell in _cells(seed, one)))
    parts = [Text(next(iter(told.values())).task)] if told else []
    done = sum(one.finished for one in told.values())
    ending = Text(f"{done} of {len(studies)} studies finished{_spread(told)}")
    return Group(*parts, Text(), grid, Text(), ending)


def _cells(seed: int, told: Story) -> tuple[str, ...]:
    best = told.recommended
    shown = ("", "") if best is None else (show_values(best.values), str(best.score))
    return str(seed), str(len(told.rows)), *shown, "" if told.test is None else str(told.test)


def _spread(told: Mapping[int, Story]) -> str:
    """Mean and standard deviation of what was reached on the test sets."""
    found = [one.test.plotted for one in told.values() if one.test is not None]
    values = [value for value in found if value is not None]
    if len(values) < 2:
        return ""
    unit = " %" if next(iter(told.values())).percent else ""
    mean, spread = statistics.mean(values), statistics.stdev(values)
    return f"; test: {mean:.4g} ± {spread:.2g}{unit} (mean, standard deviation over seeds)"
