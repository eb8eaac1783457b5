"""Panels: how well the lanes were used, and hits and misses of look-ahead, over the time."""

from pathlib import Path
from typing import Any

from jaxmeta.report.limits import some
from jaxmeta.report.pace import entries
from jaxmeta.report.page.panel import CYCLE, Panel, Spec, brief

MOST = 1_000  # intervals
NEVER = 1e-9  # seconds


def panels(folder: Path) -> list[Panel]:
    """Nothing where one trial ran after the other, or where no times were kept."""
    times = timeline(folder)
    most = max((one["lanes"] for one in times), default=1)
    if most == 1:
        return []
    busy: Spec = {
        "data": {"name": "times"},
        "height": 110,
        "mark": {"type": "rect", "color": CYCLE[0], "opacity": 0.75},
        "encoding": {
            "x": {"field": "t", "type": "quantitative", "title": "seconds"},
            "x2": {"field": "to"},
            "y": {
                "field": "busy",
                "type": "quantitative",
                "title": "busy lanes",
                "scale": {"domain": [0, most]},
                "axis": {"tickMinStep": 1},
            },
            "y2": {"datum": 0},
        },
    }
    counts: Spec = {
        "data": {"name": "times"},
        "height": 110,
        "transform": [{"fold": ["hits", "misses"], "as": ["kind", "count"]}],
        "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2},
        "encoding": {
            "x": {"field": "to", "type": "quantitative", "title": "seconds"},
            "y": {
                "field": "count",
                "type": "quantitative",
                "title": "trials so far",
                "axis": {"tickMinStep": 1},
            },
            "color": {
                "field": "kind",
                "type": "nominal",
                "scale": {"domain": ["hits", "misses"], "range": [CYCLE[2], CYCLE[5]]},
                "legend": {"title": None},
            },
        },
    }
    lanes = (
        f"Between one decision and the next: how many of {most} lanes were busy on average. From "
        "times.jsonl, which stands beside the record and is no part of it; a process that took the "
        "study up again follows the one before without a gap."
    )
    ahead = (
        "Trials that were begun ahead of need: hits were needed in the end, misses were not, or "
        "were given up."
    )
    return [
        Panel("lanes", "Lanes", lanes, busy, {"times": times}),
        Panel("ahead", "Look-ahead", ahead, counts, {"times": times}),
    ]


def timeline(folder: Path) -> list[dict[str, Any]]:
    """An interval a decision: from "t" to "to" in seconds, its lanes, how many were busy, and hits
    and misses so far."""
    found: list[dict[str, Any]] = []
    start, hits, misses = 0.0, 0, 0  # of all processes before
    zero = {"elapsed": 0.0, "busy_seconds": 0.0, "hits": 0, "misses": 0}
    last: dict[str, float] = dict(zero)
    for entry in entries(folder):
        if entry["elapsed"] < last["elapsed"]:  # another process
            start, hits, misses = (
                start + last["elapsed"],
                hits + last["hits"],
                misses + last["misses"],
            )
            last = dict(zero)
        seconds = max(entry["elapsed"] - last["elapsed"], NEVER)
        busy = (entry["busy_seconds"] - last["busy_seconds"]) / seconds
        found.append(
            {
                "t": brief(start + last["elapsed"]),
                "to": brief(start + entry["elapsed"]),
                "lanes": entry["lanes"],
                "busy": brief(min(max(busy, 0.0), entry["lanes"])),
                "hits": hits + entry["hits"],
                "misses": misses + entry["misses"],
            }
        )
        last = entry
    return [*some(found, MOST)]
