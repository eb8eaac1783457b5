"""Tables of many rows, each on a line of its own."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from jaxmeta.report.story import Row

HEAD, DIM, END = Style(bold=True), Style(dim=True), Segment.line()


class Column(NamedTuple):
    name: str
    cell: Callable[[Row], str]
    style: str = ""
    right: bool = False
    folds: bool = False


class Lines:
    """A table with a line for each row. As rich's `Table` has it, which takes a second for a
    thousand rows.

    Args:
      cells: of each row.
      dim: whether a row is.
      gap: spaces between columns, besides one.
    """

    def __init__(
        self, columns: list[Column], cells: list[list[str]], dim: list[bool], gap: int
    ) -> None:
        self._columns, self._cells, self._dim, self._gap = columns, cells, dim, gap
        heads = [one.name for one in columns]
        self._widths = [max(map(cell_len, column)) for column in zip(heads, *cells, strict=True)]

    @property
    def width(self) -> int:
        """That all cells have room in."""
        return sum(self._widths) + (self._gap + 1) * len(self._columns) - 1

    def __iter__(self) -> Iterator[Segment]:
        yield from (Segment(self._line([one.name for one in self._columns]), HEAD), END)
        yield from (Segment("─" * self.width), END)
        dims = sum(one.style == "dim" for one in self._columns)  # the first ones
        for cells, dim in zip(self._cells, self._dim, strict=True):
            line = self._line(cells)
            at = len(line) if dim else sum(self._widths[:dims]) + (self._gap + 1) * dims
            yield from (Segment(line[:at], DIM), Segment(line[at:]), END)

    def _line(self, cells: list[str]) -> str:
        padded = []
        for cell, width, one in zip(cells, self._widths, self._columns, strict=True):
            space = " " * (width - cell_len(cell))
            padded.append((space + cell if one.right else cell + space) + " " * self._gap)
        return " ".join(padded)

    def folded(self) -> Table:
        """The same where there is less room."""
        grid = Table(box=SIMPLE_HEAD, padding=(0, self._gap, 0, 0), show_edge=False)
        for one in self._columns:
            grid.add_column(
                one.name,
                justify="right" if one.right else "left",
                style=one.style,
                no_wrap=not one.folds,
                overflow="fold",
            )
        for cells, dim in zip(self._cells, self._dim, strict=True):
            grid.add_row(*map(Text, cells), style="dim" if dim else "")
        return grid


class Widest:
    """Of several forms of a table, from the widest to the narrowest, the first that there is room
    for; the last one folds its cells where there is none for it either."""

    def __init__(self, *forms: "Callable[[], Lines]") -> None:
        self._forms = forms

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for form in self._forms:
            lines = form()
            if lines.width <= options.max_width:
                return iter(lines)
        return iter([lines.folded()])
