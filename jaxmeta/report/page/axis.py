"""Panels: the values of each hyperparameter, and the probabilities of its moves with the draws."""

from jaxmeta.plain import plain
from jaxmeta.report.limits import AXES
from jaxmeta.report.moves import words
from jaxmeta.report.page.panel import (
    ALIKE,
    AT_CURSOR,
    CYCLE,
    MOVES,
    PALE,
    Heights,
    Panel,
    Spec,
    at_i,
    by_word,
    cursor_rule,
    faint,
)
from jaxmeta.report.page.rows import LETTERS
from jaxmeta.report.story import Story
from jaxmeta.space import Axis, Log, show
from jaxmeta.space.ranges import Range

HEIGHT, MASSES = 170, 110
MOST = 30  # choices that are drawn one by one


def panels(told: Story, heights: Heights) -> list[Panel]:
    found = []
    for a, (name, axis) in enumerate(zip(told.space.names, told.space.axes, strict=True)):
        if a < AXES:
            found.append(_values(told, a, name, axis))
            if any(row.moves for row in told.rows) and len(words(axis)) <= MOST:
                found.append(_masses(told, a, name, axis))
    return found


def _values(told: Story, a: int, name: str, axis: Axis) -> Panel:
    x, y = at_i(told.chains), _line(told, a, axis)
    walks = axis.ordered and any(row.moves for row in told.rows)
    look = by_word(f"w[{a}]", {**MOVES, "": PALE}, "not moved") if walks else ALIKE
    point = {"type": "point", "filled": True, "size": 45 if len(told.rows) < 200 else 16}
    layers: list[Spec] = [
        {
            "mark": {"type": "line", "color": PALE, "opacity": 0.5},
            "encoding": {"x": x, "y": y, "order": {"field": "i"}, "detail": {"field": "chain"}},
        },
        {
            "mark": point,
            "encoding": {"x": x, "y": y, **look, "opacity": faint(0.9)},
        },
        cursor_rule(told.chains),
        {
            "transform": [AT_CURSOR],
            "mark": {"type": "point", "size": 140, "strokeWidth": 2},
            "encoding": {"x": x, "y": y},
        },
    ]
    caption = "The value that each decision tried, and the move that led there."
    return Panel(f"axis{a}", plain(name, LETTERS), caption, {"layer": layers, "height": HEIGHT})


def _line(told: Story, a: int, axis: Axis) -> Spec:
    """The vertical axis of its values."""
    if isinstance(axis, Range):
        scale: Spec = {"type": "log"} if isinstance(axis, Log) else {"zero": False}
        format_ = {"format": "~g", "tickCount": 5}
        return {
            "field": f"x[{a}]",
            "type": "quantitative",
            "title": None,
            "scale": scale,
            "axis": format_,
        }
    low, high = axis.bounds
    tried = {row.position[a] for row in told.rows}
    listed = range(low, high + 1) if high - low < MOST else sorted(tried)
    names = [plain(show(axis.value(k)), LETTERS) for k in listed]
    return {
        "field": f"v[{a}]",
        "type": "nominal",
        "title": None,
        "sort": names[::-1],
        "scale": {"type": "point", "domain": names[::-1], "padding": 0.5},
        "axis": {"labelLimit": 110},
    }


def _masses(told: Story, a: int, name: str, axis: Axis) -> Panel:
    """The probabilities stacked, the first move at the bottom, so that a draw lies in its band."""
    named = [plain(word, LETTERS) for word in words(axis)]
    keys = [f"p{k}" for k in range(len(named))]
    colours = (
        list(MOVES.values()) if axis.ordered else [CYCLE[k % len(CYCLE)] for k in range(len(keys))]
    )
    x = at_i(told.chains)
    layers: list[Spec] = [
        {
            "transform": [
                {"filter": "datum.chain === chain"},
                *({"calculate": f"datum.p[{a}][{k}]", "as": key} for k, key in enumerate(keys)),
                {"fold": keys, "as": ["move", "mass"]},
                {"calculate": "+slice(datum.move, 1)", "as": "order"},
            ],
            "mark": {"type": "area", "interpolate": "step", "opacity": 0.45, "line": False},
            "encoding": {
                "x": x,
                "y": {
                    "field": "mass",
                    "type": "quantitative",
                    "stack": "zero",
                    "title": None,
                    "scale": {"domain": [0, 1]},
                    "axis": {"tickCount": 3},
                },
                "order": {"field": "order"},
                "color": {
                    "field": "move",
                    "type": "nominal",
                    "scale": {"domain": keys, "range": colours},
                    "legend": {
                        "title": None,
                        "labelExpr": "words[+slice(datum.value, 1)]",
                        "symbolType": "square",
                        "symbolOpacity": 0.6,
                    },
                },
            },
        },
        {
            "transform": [{"filter": f"datum.chain === chain && datum.u[{a}] !== null"}],
            "mark": {"type": "point", "filled": True, "size": 18, "opacity": 0.9},
            "encoding": {"x": x, "y": {"field": f"u[{a}]", "type": "quantitative"}},
        },
        cursor_rule(told.chains),
    ]
    caption = (
        "The probability of each move when it was drawn, as the height of its band, and the draw u "
        "as a dot in the band that it fell into"
        + (", of the chain that is looked at." if told.chains > 1 else ".")
    )
    spec: Spec = {
        "params": [{"name": "words", "value": named}],
        "layer": layers,
        "height": MASSES,
    }
    return Panel(f"masses{a}", f"Moves of {plain(name, LETTERS)}", caption, spec)
