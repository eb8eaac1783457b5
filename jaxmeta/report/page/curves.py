"""Panel: the learning curves, to be brushed."""

from typing import Any

from jaxmeta.report.limits import CURVES, some
from jaxmeta.report.page.panel import HEIGHT, Heights, Panel, Spec, faint
from jaxmeta.report.story import Story

POINTS = 40_000  # of all curves together


def panels(told: Story, heights: Heights) -> list[Panel]:
    curves = _curves(told, heights)
    last = max((one["n"] for one in curves), default=0)
    x: Spec = {"field": "e", "type": "quantitative", "title": "epoch", "axis": {"tickMinStep": 1}}
    y = heights.axis("y", told.meaning)
    flat = {"flatten": ["e", "y"]}
    layers: list[Spec] = [
        {
            "params": [{"name": "brush", "select": "interval"}],
            "transform": [flat],
            "mark": {
                "type": "line",
                "strokeWidth": 1.5,
                "point": max((len(one["e"]) for one in curves), default=0) == 1,
            },
            "encoding": {
                "x": x,
                "y": y,
                "detail": [{"field": "n"}, {"field": "r"}],
                "color": {
                    "field": "n",
                    "type": "quantitative",
                    "scale": {"scheme": "viridis", "domain": [0, max(last, 1)]},
                    "legend": {"title": "decision", "orient": "bottom", "gradientLength": 240},
                },
                "opacity": faint(0.6 if len(curves) < 200 else 0.3),
            },
        },
        {
            "transform": [{"filter": "datum.n === seen"}, flat],
            "mark": {"type": "line", "strokeWidth": 3.5, "point": {"size": 40}},
            "encoding": {"x": x, "y": y, "detail": {"field": "r"}},
        },
        {
            "transform": [{"filter": "datum.best > 0"}],
            "mark": {"type": "point", "filled": True, "size": 26},
            "encoding": {
                "x": {"field": "best", "type": "quantitative"},
                "y": {"field": "top", "type": "quantitative"},
                "opacity": faint(0.8),
            },
        },
    ]
    caption = (
        "The score after each epoch, a line a training; the dot is its best epoch. Drag a "
        "rectangle: the trainings that pass through it are chosen in all panels."
    )
    spec: Spec = {
        "data": {"name": "curves"},
        "layer": layers,
        "height": HEIGHT + 40,
    }
    return [Panel("curves", "Learning curves", caption, spec, {"curves": curves}, brush="curves")]


def _curves(told: Story, heights: Heights) -> list[dict[str, Any]]:
    fresh = [
        (n, r, one)
        for n, row in enumerate(told.rows)
        if row.revisits is None
        for r, one in enumerate(row.trainings)
    ]
    shown = some(fresh, CURVES)
    epochs = max(POINTS // max(len(shown), 1), 8)
    found = []
    for n, r, one in shown:
        at = [*some(range(1, len(one.curve) + 1), epochs)]
        found.append(
            {
                "n": n,
                "r": r,
                "e": at,
                "y": [heights(one.curve[epoch - 1]) for epoch in at],
                "best": one.best_epoch,
                "top": heights(one.score),
            }
        )
    return found
