"""A study's record in the forms that other tools read: tables, TensorBoard, Optuna.

From the record alone, finished or not. A format is a module of this room, and a line here. It has
`NAME`, what the file or folder is called, and `write(lines, path)`, which makes it.
"""

import importlib
from pathlib import Path

from jaxmeta.record.error import JournalError
from jaxmeta.record.journal import read
from jaxmeta.record.lines import decisions

FORMATS = {
    "csv": "a table, a row a decision",
    "parquet": "the same, with the learning curves",
    "json": "all of it, floats exact",
    "tensorboard": "a log folder: hyperparameters, scores and losses",
    "optuna": "a storage for Optuna and optuna-dashboard",
}

__all__ = ["FORMATS", "convert"]


def convert(folder: Path | str, to: str, out: Path | str) -> Path:
    """Write the record of the study in `folder` into the folder `out`; the path written.

    Args:
      to: one of FORMATS.
      out: made where there is none; a file of that name is replaced.

    Raises:
      ValueError: no such format, or a folder stands where one is written.
      JournalError: there is no record of a study with a decision.
      ModuleNotFoundError: the format's package is not installed.
    """
    if to not in FORMATS:
        raise ValueError(f"the format must be one of {', '.join(FORMATS)}, got {to!r}; choose one")
    module = importlib.import_module(f"jaxmeta.convert.{to}")
    lines = read(Path(folder))
    if not decisions(lines):
        raise JournalError(f"{folder} holds no decision yet; wait until the first training is done")
    path = Path(out) / module.NAME
    if path.is_dir():
        raise ValueError(f"{path} is there already, and is not written over; choose another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    module.write(lines, path)
    return path
