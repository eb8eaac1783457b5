"""How well a study's lanes were used: from `times.jsonl`, which is for people, not the record."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from jaxmeta.record.journal import TIMES


def pace(folder: Path) -> str:
    """The scoreboard of the study in `folder`, over all processes that worked on it, in one line.

    Nothing where one training ran after the other, or where no times were kept.
    """
    lasts: list[dict[str, Any]] = []
    with suppress(OSError):
        for row in (folder / TIMES).read_bytes().splitlines():
            with suppress(ValueError):
                entry = json.loads(row)
                # A process counts its own seconds: where they start anew, so did it.
                if not lasts or entry["elapsed"] < lasts[-1]["elapsed"]:
                    lasts.append(entry)
                lasts[-1] = entry
    if not lasts or max(entry["lanes"] for entry in lasts) == 1:
        return ""
    names = ("trainings", "hits", "misses", "needed_seconds", "busy_seconds", "elapsed")
    total = {name: sum(entry[name] for entry in lasts) for name in names}
    room = sum(entry["lanes"] * entry["elapsed"] for entry in lasts)
    return (
        f"{max(entry['lanes'] for entry in lasts)} lanes, {total['busy_seconds'] / room:.0%} busy, "
        f"look-ahead: {total['hits']} hits, {total['misses']} misses, "
        f"{total['trainings'] / total['elapsed']:.3g} trainings/s, "
        f"{total['needed_seconds'] / total['elapsed']:.2f} x one at a time"
    )
