"""The page's HTML: everything inside one file, and every text of a record a text.

Text in HTML is escaped; data lie in a script element of type application/json, which no browser
runs, with `<`, `>`, `&` and the two line ends of Unicode as \\u escapes, so that nothing in them
can close it. A content security policy names the scripts by their hashes: what is not of this
package or of Vega does not run, even if it got in, and nothing is fetched.
"""

import base64
import hashlib
import html
import json
from collections.abc import Iterable
from functools import cache
from importlib import resources
from importlib.util import find_spec
from typing import Any

from jaxmeta.report.page.panel import CONFIG, PARAMETERS, Panel, Spec

LIBRARY = "window.vegaEmbed = vegaEmbed;"
ESCAPED = {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def document(
    *,
    title: str,
    lead: Iterable[str],
    sections: Iterable[str],
    panels: Iterable[Panel],
    data: dict[str, Any],
) -> str:
    """A page that shows `panels`.

    Args:
      title, lead: plain text: the headline and what follows it.
      sections: HTML that stands after the panels, its texts escaped.
      data: what the page's script needs besides the panels: see page.js. With a "version" the
        script asks its server whether it is still that one.
    """
    panels = list(panels)
    drawn = {
        panel.name: {"spec": compiled(panel.spec), "data": panel.data, "brush": panel.brush}
        for panel in panels
        if panel.spec
    }
    scripts = [library(), text("page.js")]
    policy = "; ".join(
        [
            "default-src 'none'",
            "script-src " + " ".join(map(_hash, scripts)),
            "style-src 'unsafe-inline'",
            "img-src data:",
            *(["connect-src 'self'"] if data.get("version") else []),
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    figures = "\n".join(map(_figure, panels))
    words = "\n".join(f"<p>{html.escape(line)}</p>" for line in lead)
    control = text("cursor.html") if data.get("rows") else ""
    data = {**data, "panels": drawn}
    run = "\n".join(f"<script>{script}</script>" for script in scripts)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)}</title>
<style>{text("page.css")}</style>
</head>
<body>
<header>
<h1>{html.escape(title)}</h1>
{words}
<button id="theme" type="button" aria-label="light or dark">◐</button>
</header>
{control}
<main>
{figures}
{"".join(sections)}
</main>
<noscript><p>The drawings need JavaScript; jaxmeta show prints a table.</p></noscript>
<script type="application/json" id="data">{to_json(data)}</script>
{run}
</body>
</html>
"""


def to_json(data: Any) -> str:
    """JSON that no text inside can end early in a script element."""
    made = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return made.translate(str.maketrans(ESCAPED)).encode(errors="replace").decode()


def pairs(title: str, rows: Iterable[tuple[str, str]], name: str) -> str:
    """A section with names and words; a command is set as code."""
    listed = "".join(
        f"<dt>{html.escape(key)}</dt><dd>{_word(value)}</dd>" if key else f"<dd>{_word(value)}</dd>"
        for key, value in rows
    )
    return f'<section id="{name}"><h2>{html.escape(title)}</h2><dl>{listed}</dl></section>\n'


def _word(value: str) -> str:
    shown = html.escape(value)
    return f"<code>{shown}</code>" if value.startswith("jaxmeta ") else shown


def _figure(panel: Panel) -> str:
    title, caption = html.escape(panel.title), html.escape(panel.caption)
    plot = f'<div class="plot" id="plot-{panel.name}" style="min-width: {panel.least}px"></div>'
    plot = f'<div class="scroll">{plot}</div>' if panel.spec else ""
    return (
        f'<figure id="panel-{panel.name}" tabindex="0" aria-label="{title}"><h2>{title}</h2>{plot}'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def compiled(spec: Spec) -> dict[str, Any]:
    """Of Vega-Lite, in the Vega that the browser draws."""
    whole = {
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"name": "rows"},
        "config": CONFIG,
        **spec,
        "params": [*PARAMETERS, *spec.get("params", [])],
    }
    made = _vl_convert().vegalite_to_vega(whole)
    return {name: value for name, value in made.items() if name != "$schema"}  # an address


@cache
def library() -> str:
    """Vega, as one script."""
    return _vl_convert().javascript_bundle(LIBRARY)


def _vl_convert() -> Any:
    if find_spec("vl_convert") is None:
        raise ModuleNotFoundError(
            "a page needs vl-convert-python, which brings Vega, and it is not installed: "
            "pip install 'jaxmeta[report]'"
        )
    import vl_convert

    return vl_convert


def text(name: str) -> str:
    """A file of this folder."""
    return (resources.files("jaxmeta.report.page") / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
