"""How well a study's lanes were used: from `times.jsonl`, which is for people, not the record."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from jaxmeta.record.files import raw_lines, regular
from jaxmeta.record.journal import TIMES, JournalError

COUNTS = ("trials", "hits", "misses")
NUMBERS = ("lanes", "elapsed", "needed_seconds", "busy_seconds", *COUNTS)
MOST = 1e15  # nobody has counted further


def pace(folder: Path) -> str:
    """How well all processes that worked on the study in `folder` used their lanes, in one line.

    Nothing where one trial ran after the other, or where no times were kept.
    """
    lasts: list[dict[str, float]] = []
    for entry in entries(folder):
        # A process counts its own seconds: where they start anew, so did it.
        if not lasts or entry["elapsed"] < lasts[-1]["elapsed"]:
            lasts.append(entry)
        lasts[-1] = entry
    total = {name: sum(entry[name] for entry in lasts) for name in NUMBERS}
    room = sum(entry["lanes"] * entry["elapsed"] for entry in lasts)
    if not room or max(entry["lanes"] for entry in lasts) == 1:
        return ""
    return (
        f"{max(entry['lanes'] for entry in lasts)} lanes, {total['busy_seconds'] / room:.0%} busy, "
        f"look-ahead: {total['hits']} hits, {total['misses']} misses, "
        f"{total['trials'] / total['elapsed']:.3g} trials/s, "
        f"{total['needed_seconds'] / total['elapsed']:.2f} x one at a time"
    )


def entries(folder: Path) -> Iterator[dict[str, float]]:
    """The rows of `times.jsonl` that hold the numbers they should; others are passed over."""
    path = folder / TIMES
    with suppress(OSError, JournalError), open(path, "rb", opener=regular) as file:
        for raw in raw_lines(file, path):
            with suppress(ValueError, TypeError, KeyError, RecursionError):
                entry = json.loads(raw)
                numbers = {name: entry[name] for name in NUMBERS}
                if all(type(n) in (int, float) and 0 <= n < MOST for n in numbers.values()):
                    yield numbers
