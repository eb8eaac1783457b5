"""Panel: the score of each decision, the best one so far, and what is recommended."""

from jaxmeta.report.page.panel import (
    ALIKE,
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
    by_word,
    cursor_rule,
    faint,
)
from jaxmeta.report.story import Story

OUTCOMES = {"better": MOVES["up"], "equal": "#56B4E9", "worse": MOVES["down"], "": PALE}
STAR = (
    "M0,-1L0.235,-0.324L0.951,-0.309L0.38,0.124L0.588,0.809L0,0.4L-0.588,0.809L-0.38,0.124"
    "L-0.951,-0.309L-0.235,-0.324Z"
)


def panels(told: Story, heights: Heights) -> list[Panel]:
    x, y = at_i(told.chains), heights.axis("y", told.meaning)
    walks = any(row.better is not None for row in told.rows)
    look = by_word("o", OUTCOMES, "first") if walks else ALIKE
    ring: Spec = {"size": 380, "color": PURPLE, "shape": "circle", "filled": False}
    star: Spec = {"size": 200, "color": GREEN, "shape": STAR, "filled": True}
    marked = [
        {
            "transform": [{"filter": f"datum.n === {n}"}],
            "mark": {"type": "point", "strokeWidth": 2, "opacity": 1, **mark},
            "encoding": {"x": x, "y": y},
        }
        for one, mark in ((told.best_score, ring), (told.recommended, star))
        for n, row in enumerate(told.rows)
        if row is one and row.score.value is not None
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
            "encoding": {"x": x, "y": y, **look, "opacity": faint(0.9)},
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
        *marked,
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
