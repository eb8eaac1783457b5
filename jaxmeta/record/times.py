"""How long trainings took, by `times.jsonl`: a help for plans, and no part of the record."""

import json
import math
from contextlib import suppress
from pathlib import Path

from jaxmeta.record.error import JournalError
from jaxmeta.record.files import raw_lines, regular
from jaxmeta.record.journal import TIMES


def seconds(folder: Path) -> dict[tuple[int, int], float]:
    """The seconds that the new trainings of each decision took, each by itself, by chain and
    iteration; a line that does not fit is left out."""
    found: dict[tuple[int, int], float] = {}
    path = folder / TIMES
    with suppress(OSError, JournalError), open(path, "rb", opener=regular) as file:
        for raw in raw_lines(file, path):
            with suppress(AttributeError, KeyError, RecursionError, TypeError, ValueError):
                entry = json.loads(raw)
                took = float(entry["seconds"])
                if math.isfinite(took) and took > 0:
                    found[int(entry["chain"]), int(entry["i"])] = took
    return found
