"""What lies prepared in the cache, looked at before TensorFlow Datasets reads it.

The folder may be shared, or unpacked from somebody's archive. TFDS follows links, waits for pipes,
and imports whatever module `features.json` names.
"""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ENTRIES = 100_000
METADATA = 2**24  # bytes of a file in JSON
TRUSTED = "tensorflow_datasets."
NAMES = ("type", "pythonClassName")  # of a class, in features.json


def check(folder: Path) -> None:
    """Look at all that is in `folder`, a prepared data set's; nothing where it is not there.

    Raises:
      ValueError: there is something else than files and folders, or metadata that names a class
        which is not of TFDS, or too much.
    """
    if not os.path.lexists(folder):
        return
    for n, path in enumerate(_entries(folder)):
        mode, size = (found := os.lstat(path)).st_mode, found.st_size
        if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
            raise ValueError(
                f"{path} must be a file or a folder, and is a link, a pipe or a device; delete "
                f"{folder}, or set JAXMETA_DATA to the folder that the data are in"
            )
        if n >= ENTRIES or path.suffix == ".json" and size > METADATA:
            raise ValueError(f"{path} is more than a data set has; delete {folder}")
        if path.name == "features.json":
            _check_features(path, folder)


def _entries(folder: Path) -> Iterator[Path]:
    yield folder
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(parent, name)


def _check_features(path: Path, folder: Path) -> None:
    try:
        names = list(_classes(json.loads(path.read_bytes())))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} must be JSON, and is not ({error}); delete {folder}") from None
    if others := [name for name in names if not str(name).startswith(TRUSTED)]:
        raise ValueError(
            f"{path} may name classes of TensorFlow Datasets alone, which are imported, and names "
            f"{others[0]!r}; delete {folder}"
        )


def _classes(value: Any) -> Iterator[Any]:
    """Whatever stands under one of NAMES, however deep."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name in NAMES and not isinstance(item, dict):
                yield item
            yield from _classes(item)
    elif isinstance(value, list):
        for item in value:
            yield from _classes(item)
