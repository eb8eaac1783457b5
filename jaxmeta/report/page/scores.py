"""Panel: the score of each decision, the best one so far, and what is recommended."""

from jaxmeta.report.page.panel import (
    AT_CURSOR,
    GREEN,
    HEIGHT,
    MOVES,
    PALE,
    PURPLE,
    Heights,
    Panel,
    Spec,
    at_i,
    cursor_rule,
    faint,
)
from jaxmeta.report.story import Row, Story

OUTCOMES = {"better": MOVES["up"], "equal": "#56B4E9", "worse": MOVES["down"], "": PALE}
SHAPES = ("triangle-up", "square", "triangle-down", "circle")


def panels(told: Story, heights: Heights) -> list[Panel]:
    x, y = at_i(told.chains), heights.axis("y", told.meaning)
    walks = any(row.better is not None for row in told.rows)
    color: Spec = {"value": MOVES["up"]}
    shape: Spec = {"value": "circle"}
    if walks:
        names = list(OUTCOMES)
        scale = {"domain": names, "range": list(OUTCOMES.values())}
        legend = {"title": None, "labelExpr": "datum.value === '' ? 'first' : datum.value"}
        color = {"field": "o", "type": "nominal", "scale": scale, "legend": legend}
        shape = {**color, "scale": {"domain": names, "range": list(SHAPES)}}
    best = {"best": told.best_score, "recommended": told.recommended}
    marks = [
        _ring(told, row, size, colour, shape_)
        for row, size, colour, shape_ in (
            (best["best"], 380, PURPLE, "circle"),
            (best["recommended"], 200, GREEN, STAR),
        )
        if row is not None and row.score.value is not None
    ]
    layers: list[Spec] = [
        {
            "mark": {"type": "line", "interpolate": "step-after", "color": GREEN, "opacity": 0.7},
            "encoding": {
                "x": x,
                "y": heights.axis("best", told.meaning),
                "detail": {"field": "chain"},
            },
        },
        {
            "params": [{"name": "brush", "select": {"type": "interval", "encodings": ["x"]}}],
            "transform": [{"filter": "datum.y !== null"}],
            "mark": {"type": "point", "filled": True, "size": 60 if len(told.rows) < 200 else 24},
            "encoding": {"x": x, "y": y, "color": color, "shape": shape, "opacity": faint(0.9)},
        },
        {
            "transform": [{"filter": "datum.y === null"}],
            "mark": {
                "type": "point",
                "shape": "cross",
                "angle": 45,
                "filled": True,
                "color": PALE,
                "size": 60,
            },
            "encoding": {"x": x, "y": {"value": HEIGHT - 6}},
        },
        *(layer(x, y) for layer in marks),
        cursor_rule(told.chains),
        {
            "transform": [AT_CURSOR],
            "mark": {"type": "point", "size": 160, "strokeWidth": 2},
            "encoding": {"x": x, "y": y},
        },
    ]
    caption = (
        "Each decision's score, higher is better. The line is the best score so far; the star is "
        "what is recommended, the ring the best score, a cross on the floor a training that "
        "diverged. Drag over decisions to choose them in all panels."
    )
    return [Panel("scores", "Scores", caption, {"layer": layers, "height": HEIGHT}, brush="rows")]


STAR = (
    "M0,-1L0.235,-0.324L0.951,-0.309L0.38,0.124L0.588,0.809L0,0.4L-0.588,0.809L-0.38,0.124"
    "L-0.951,-0.309L-0.235,-0.324Z"
)


def _ring(told: Story, row: Row, size: int, color: str, shape: str):
    """A mark at the decision `row`."""
    n = next(n for n, one in enumerate(told.rows) if one is row)

    def layer(x: Spec, y: Spec) -> Spec:
        filled = shape == STAR
        return {
            "transform": [{"filter": f"datum.n === {n}"}],
            "mark": {
                "type": "point",
                "size": size,
                "shape": shape,
                "filled": filled,
                "color": color,
                "strokeWidth": 2,
                "opacity": 1,
            },
            "encoding": {"x": x, "y": y},
        }

    return layer
