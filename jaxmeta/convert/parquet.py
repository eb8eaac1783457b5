"""Apache Parquet: the table of `rows`, with types, and the curves as lists."""

from pathlib import Path

from jaxmeta.convert.rows import rows
from jaxmeta.record.journal import Line

NAME = "decisions.parquet"


def write(lines: list[Line], path: Path) -> None:
    """A row a decision; the file's metadata name the study by the SHA-256 of its journal."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Parquet needs pyarrow, and it is not installed: pip install 'jaxmeta[parquet]'"
        ) from error
    from jaxmeta.record.journal import digest

    table = pyarrow.Table.from_pylist(rows(lines))
    parquet.write_table(table.replace_schema_metadata({"study": digest(lines)}), path)
