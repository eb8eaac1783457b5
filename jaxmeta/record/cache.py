"""Results that no decision has taken yet, kept beside the journal in `ahead.jsonl`.

Trainings run ahead of need, and some never are needed: the record has no place for them, but an
interrupted study should not run them twice. Each line stands for itself: it names the study and the
environment that it is of, and carries the mark of who wrote it (`seal`); what does not fit is left
out, and trained again. Nothing but `resume` reads this file.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from jaxmeta.record import seal
from jaxmeta.record.error import JournalError
from jaxmeta.record.files import append, raw_lines, regular
from jaxmeta.record.journal import Line, encode

NAME = "ahead.jsonl"


class Cache:
    """The results kept in `folder`.

    Args:
      journal: the journal's lines; those that say study and environment are the cache's key.
      restore: a result from its fields.
    """

    def __init__(self, folder: Path, journal: list[Line], restore: Callable[..., Any]) -> None:
        self._path, self._restore = folder / NAME, restore
        spoken = [line for line in journal if "environment" in line]
        self._of = hashlib.sha256(b"".join(map(encode, spoken))).hexdigest()

    def put(self, name: str, result: Any) -> None:
        """Keep `result`, a NamedTuple; a disk that does not take it costs a training at most."""
        entry = {"of": self._of, "name": name, "result": _plain(result)}
        if mark := _mark(entry):
            # A line of its own, whatever a kill has left before it.
            append(self._path, b"\n" + encode({**entry, "mark": mark}))

    def load(self) -> dict[str, Any]:
        """All that was put in, by name."""
        kept = {}
        with suppress(OSError, JournalError), open(self._path, "rb", opener=regular) as file:
            for row in raw_lines(file, self._path):
                with suppress(AttributeError, KeyError, RecursionError, TypeError, ValueError):
                    entry = json.loads(row)
                    mark = entry.pop("mark")
                    if hmac.compare_digest(mark, _mark(entry) or "") and entry["of"] == self._of:
                        kept[entry["name"]] = self._restore(**_exact(entry["result"]))
        return kept


def _mark(entry: Line) -> str | None:
    mark = seal.start("ahead", encode(entry).decode())
    return mark and mark.hexdigest()


def _plain(result: Any) -> dict[str, Any]:
    """Floats in hexadecimal, so that those that are no numbers have a form too."""
    fields = result._asdict()
    return {**fields, "losses": [loss.hex() for loss in fields["losses"]]}


def _exact(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "losses": [float.fromhex(loss) for loss in fields["losses"]]}
