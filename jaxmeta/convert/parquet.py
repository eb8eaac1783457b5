"""Apache Parquet: the table of `rows`, with types, and the curves as lists."""

from pathlib import Path

from jaxmeta.convert.rows import rows
from jaxmeta.record.journal import Line, digest

NAME = "decisions.parquet"


def write(lines: list[Line], path: Path) -> None:
    """A row a decision; the file's metadata name the study by the SHA-256 of its journal.

    A column has one type: a choice among names and numbers is written as texts.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Parquet needs pyarrow, and it is not installed: pip install 'jaxmeta[parquet]'"
        ) from error

    found = rows(lines)
    for name in found[0]:
        types = {type(row[name]) for row in found} - {type(None)}
        if len(types) > 1 and str in types:
            found = [{**row, name: str(row[name])} for row in found]
    table = pyarrow.Table.from_pylist(found)
    parquet.write_table(table.replace_schema_metadata({"study": digest(lines)}), path)
