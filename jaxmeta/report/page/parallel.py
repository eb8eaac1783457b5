"""Panel: all hyperparameters side by side, a line a decision, from three of them on."""

from typing import Any

from jaxmeta.plain import plain
from jaxmeta.report.limits import AXES
from jaxmeta.report.page.panel import AT_CURSOR, HEIGHT, Heights, Panel, Spec, brief, faint
from jaxmeta.report.page.rows import part
from jaxmeta.report.story import Story
from jaxmeta.report.words import short
from jaxmeta.space import Axis, show
from jaxmeta.space.ranges import Range

LEAST = 3
LABELS = 7  # listed values that are named
NAME = 14  # letters
ROOM = 80  # pixels an axis


def panels(told: Story, heights: Heights) -> list[Panel]:
    if told.space.d < LEAST:
        return []
    axes = list(zip(told.space.names, told.space.axes, strict=True))[:AXES]
    keys = [f"z{a}" for a in range(len(axes))]
    fold: list[Spec] = [
        *({"calculate": f"datum.z[{a}]", "as": key} for a, key in enumerate(keys)),
        {"fold": keys, "as": ["axis", "part"]},
    ]
    x: Spec = {
        "field": "axis",
        "type": "nominal",
        "sort": keys,
        "title": None,
        "scale": {"type": "point", "domain": keys, "padding": 0.35},
        "axis": {
            "labelExpr": "names[+slice(datum.value, 1)]",
            "labelAngle": -25 if len(axes) > 4 else 0,
            "labelOverlap": False,
            "labelLimit": 110,
            "grid": True,
            "orient": "top",
            "domain": False,
        },
    }
    y: Spec = {"field": "part", "type": "quantitative", "axis": None, "scale": {"domain": [0, 1]}}
    color = heights.axis("y", told.meaning)
    color = {
        "field": "y",
        "type": "quantitative",
        "scale": {**color["scale"], "scheme": "viridis"},
        "legend": {
            "title": "score",
            "labelExpr": color["axis"]["labelExpr"],
            "labelOverlap": "greedy",
            "labelSeparation": 8,
            "orient": "bottom",
            "gradientLength": 240,
        },
    }
    layers: list[Spec] = [
        {
            "transform": [{"filter": "datum.y !== null"}, *fold],
            "mark": {"type": "line", "strokeWidth": 1.5 if len(told.rows) < 200 else 1},
            "encoding": {
                "x": x,
                "y": y,
                "detail": {"field": "n"},
                "color": color,
                "opacity": faint(0.75 if len(told.rows) < 200 else 0.35, 0.03),
            },
        },
        {
            "transform": [AT_CURSOR, *fold],
            "mark": {"type": "line", "strokeWidth": 3, "point": {"size": 60}},
            "encoding": {"x": x, "y": y},
        },
        {
            "data": {"name": "ticks"},
            "mark": {
                "type": "text",
                "align": "left",
                "dx": 5,
                "baseline": "middle",
                "fontSize": 10,
                "limit": 80,
            },
            "encoding": {"x": x, "y": y, "text": {"field": "label"}},
        },
    ]
    caption = (
        "A line is a decision, in the colour of its score: where it crosses an axis stands the "
        "value that it tried. Values of trials that diverged are not drawn."
    )
    spec: Spec = {
        "params": [{"name": "names", "value": [short(plain(name), NAME) for name, _ in axes]}],
        "layer": layers,
        "height": HEIGHT + 60,
    }
    ticks = [tick for key, (_, axis) in zip(keys, axes, strict=True) for tick in _ticks(key, axis)]
    return [
        Panel(
            "parallel",
            "All hyperparameters",
            caption,
            spec,
            {"ticks": ticks},
            least=ROOM * len(axes),
        )
    ]


def _ticks(key: str, axis: Axis) -> list[dict[str, Any]]:
    """The ends of a range; the values of a list, or its ends where they are many."""
    if isinstance(axis, Range):
        return [
            {"axis": key, "part": part, "label": f"{value:.4g}"}
            for part, value in ((0, axis.low), (1, axis.high))
        ]
    low, high = axis.bounds
    listed = range(low, high + 1) if high - low < LABELS else (low, high)
    return [
        {
            "axis": key,
            "part": brief(part(axis, k)),
            "label": short(plain(show(axis.value(k))), NAME),
        }
        for k in listed
    ]
