"""`verdicts.jsonl`: what `jaxmeta verify` said of the study beside it, and when.

A note for people. It proves nothing, for whoever can write the folder can write it: only verifying
again does. A folder that takes no file has none.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from jaxmeta.record.error import JournalError
from jaxmeta.record.files import append, raw_lines, regular

NAME = "verdicts.jsonl"
FIELDS = ("journal", "answer", "sentence", "jaxmeta", "utc")


def note(folder: Path, **entry: str) -> None:
    """Append a verdict: all of FIELDS."""
    text = json.dumps({name: entry[name] for name in FIELDS})
    append(folder / NAME, text.encode() + b"\n")


def last(folder: Path) -> dict[str, str] | None:
    """The last verdict; None where there is none that can be read. Its texts may be anybody's."""
    found = None
    path = folder / NAME
    with suppress(OSError, JournalError), open(path, "rb", opener=regular) as file:
        for raw in raw_lines(file, path):
            with suppress(ValueError, TypeError, KeyError, RecursionError):
                entry: dict[str, Any] = json.loads(raw)
                found = {name: str(entry[name]) for name in FIELDS}
    return found
