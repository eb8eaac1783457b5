"""What every panel of the page is: a title, a caption, and a drawing in Vega-Lite.

A specification is a dictionary, as Vega-Lite documents it. Text of a record stands in data and in
titles alone, never in an expression. The browser gives each specification the decisions (the data
set "rows", see `rows`) and parameters: `cursor`, the decision that is looked at, `chain`, its
chain, `seen`, the decision whose trainings it rests on, `chosen`, which decisions a brush has
chosen (null: all), and the page's colours `ink`, `soft` and `line`.
"""

from typing import Any, NamedTuple

from jaxmeta.report.scale import Scale
from jaxmeta.report.score import Score
from jaxmeta.report.story import Story

Spec = dict[str, Any]

HEIGHT = 220  # pixels
SEEN = "chosen === null || chosen[datum.n]"
AT_CURSOR = {"filter": "datum.n === cursor"}
MOVES = {"up": "#0072B2", "keep": "#8a8a8a", "down": "#D55E00"}
# Okabe and Ito's, which most colour-blind readers tell apart, on white and on black.
CYCLE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D1F", "#888888")
INK = {"expr": "ink"}  # black on white, white on black
PARAMETERS = [
    *({"name": name, "value": 0} for name in ("cursor", "seen", "chain")),
    {"name": "chosen", "value": None},
    *({"name": name, "value": "#888888"} for name in ("ink", "soft", "line")),
]
_SOFT, _LINE = {"expr": "soft"}, {"expr": "line"}
CONFIG: Spec = {
    "background": None,
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": _SOFT,
        "titleColor": _SOFT,
        "titleFontWeight": "normal",
        "gridColor": _LINE,
        "domainColor": _LINE,
        "tickColor": _LINE,
    },
    "legend": {
        "labelColor": _SOFT,
        "titleColor": _SOFT,
        "titleFontWeight": "normal",
        "orient": "top",
        "offset": 4,
        "labelLimit": 90,
    },
    "line": {"color": INK},
    "point": {"color": INK},
    "text": {"color": INK},
}
GREEN, PURPLE, PALE = "#009E73", "#CC79A7", "#999999"
SHAPES = ("triangle-up", "square", "triangle-down", "circle")
ALIKE: Spec = {"color": {"value": CYCLE[0]}, "shape": {"value": "circle"}}  # nothing has a word


class Panel(NamedTuple):
    """A drawing with words.

    Attributes:
      name: an identifier, one of a page.
      title: plain text.
      caption: plain text: what is drawn, and what it cannot say.
      spec: in Vega-Lite, with the layers or the mark; None where words are all there is.
      data: data sets by name, besides "rows".
      least: pixels; where there are fewer, it is scrolled sideways.
      brush: the data set that its parameter "brush" chooses decisions of; "" if it has no brush.
    """

    name: str
    title: str
    caption: str
    spec: Spec | None
    data: dict[str, list[dict[str, Any]]] = {}
    brush: str = ""
    least: int = 0


def faint(shown: float, hidden: float = 0.05) -> Spec:
    """Opacity: of what no brush has chosen it is `hidden`."""
    return {"condition": {"test": SEEN, "value": shown}, "value": hidden}


def by_word(field: str, colours: dict[str, str], none: str) -> Spec:
    """Colour and shape of marks by the word in `field`, one of the four of `colours`; `none` is
    what the legend calls the empty one."""
    words = list(colours)
    color: Spec = {
        "field": field,
        "type": "nominal",
        "scale": {"domain": words, "range": list(colours.values())},
        "legend": {"title": None, "labelExpr": f"datum.value === '' ? '{none}' : datum.value"},
    }
    return {"color": color, "shape": {**color, "scale": {"domain": words, "range": [*SHAPES]}}}


def at_i(chains: int) -> Spec:
    """The horizontal axis of decisions."""
    title = "decision i" if chains == 1 else "decision i of its chain"
    return {"field": "i", "type": "quantitative", "title": title, "axis": {"tickMinStep": 1}}


def cursor_rule(chains: int) -> Spec:
    """A line through the decision that is looked at."""
    mark = {"type": "rule", "color": PALE, "strokeDash": [3, 3]}
    return {"transform": [AT_CURSOR], "mark": mark, "encoding": {"x": at_i(chains)}}


class Heights:
    """Where scores stand, as in the picture (`Scale`): close below perfection they are spread.

    Args:
      told: the study; or several, of one kind of score.
    """

    def __init__(self, *told: Story) -> None:
        trainings = [one for study in told for row in study.rows for one in row.trainings]
        scores = [row.score for study in told for row in study.rows]
        scores += [score for one in trainings for score in one.curve]
        self._scale = Scale(scores, all(study.percent for study in told))

    def __call__(self, score: Score) -> float | None:
        """The number to draw; None where it diverged."""
        if self._scale.logarithmic and score.plotted is not None:
            return brief(max(self._scale.missing(score), self._scale.least))
        return brief(score.plotted)

    def axis(self, field: str, title: str) -> Spec:
        """The vertical axis on which `field`, such a number, stands."""
        unit = " + ' %'" if self._scale.percent else ""
        value = "datum.value"
        if self._scale.logarithmic:
            value = "100 - datum.value" if self._scale.percent else "-datum.value"
        scale: Spec = {"zero": False}
        if self._scale.logarithmic:
            scale = {"type": "log", "reverse": True, "nice": False}
        axis = {"labelExpr": f"format({value}, '.6~g'){unit}", "tickCount": 6}
        return {
            "field": field,
            "type": "quantitative",
            "title": title,
            "scale": scale,
            "axis": axis,
        }


def brief(number: float | None) -> float | None:
    """Six digits: more than a pixel tells apart."""
    return None if number is None else float(f"{number:.6g}")
