"""Comma-separated values, in UTF-8, as RFC 4180 has them."""

import csv
from pathlib import Path
from typing import Any

from jaxmeta.convert.rows import rows
from jaxmeta.record.journal import Line

NAME = "decisions.csv"


def write(lines: list[Line], path: Path) -> None:
    """A row a decision, without the curves; lists have spaces between their entries.

    A text that a spreadsheet would run as a formula has an apostrophe before it.
    """
    table = [{n: _cell(v) for n, v in row.items() if n != "curves"} for row in rows(lines)]
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return f"'{value}" if isinstance(value, str) and value.startswith(tuple("=+-@")) else value
