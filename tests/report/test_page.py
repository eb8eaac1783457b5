"""The page, from its record alone: in a headless Chromium where there is one."""

import copy
import io
import json
import os
import re
import shutil
from contextlib import redirect_stderr
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from jaxmeta import cli, verify
from jaxmeta.plain import plain
from jaxmeta.record import verdicts
from jaxmeta.record.journal import NAME, TIMES, digest, read
from jaxmeta.report import page
from jaxmeta.report.page import index, lanes, shares
from jaxmeta.report.page.document import to_json
from jaxmeta.report.page.lanes import timeline
from jaxmeta.report.story import story
from jaxmeta.score import DIVERGED
from jaxmeta.tuning import PosterRule, Random, ThreeWay
from tests.report.lines import EIGHT, FOUR, LOG, study_of, write
from tests.report.test_hostile import NAMES, named

# The marks of a panel that stand for data; null: it has no height.
MARKS = """(() => { const found = [], walk = (mark) => mark.items.forEach((item) => {
    if (item.items) item.items.forEach(walk);
    else if (mark.role === "mark") found.push({type: mark.marktype, y: item.y ?? null}) });
    walk(jaxmeta.views.get("%s").scenegraph().root); return found })()"""
CHROMIUM = shutil.which("chromium")
browsers = pytest.mark.skipif(
    not CHROMIUM, reason="chromium is not installed: apt install chromium"
)


def scores(seed=0):
    """Curves that end the higher the nearer the first axis is to its start; some diverge."""
    rng = np.random.default_rng(seed)

    def train(suggestion):
        top = 4900 - 3 * abs(suggestion.position[0]) - int(rng.integers(60))
        curve = [int(top - 2000 * np.exp(-epoch / 2)) for epoch in range(rng.integers(3, 9))]
        return [*curve, DIVERGED] if rng.random() < 0.05 else curve

    return train


def times(rows, lanes=2):
    """What is kept beside a record; `rows` name what is not that of the others."""
    entry = {"lanes": lanes, "trials": 1, "needed_seconds": 1, "elapsed": 1, "busy_seconds": 1}
    entry |= {"hits": 1, "misses": 0}
    return "".join(json.dumps(entry | row) + "\n" for row in rows)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Studies of one, four and eight axes, in a folder of their own."""
    root = tmp_path_factory.mktemp("pages")
    tuners = {
        "one": ThreeWay(LOG, i_max=40),
        "four": PosterRule(FOUR, i_max=24, noprog_max=24),
        "eight": PosterRule(EIGHT, i_max=16, noprog_max=16),
    }
    for name, tuner in tuners.items():
        write(root / name, study_of(tuner), scores())
    (root / "eight" / TIMES).write_text(
        times({"elapsed": n, "busy_seconds": n * n / 2} for n in (1, 2, 3))
    )
    return root


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield one
        one.close()


class Opened:
    """A page in the browser, and what it said and asked for."""

    def __init__(self, browser, path: Path, **how) -> None:
        self.tab = browser.new_page(viewport={"width": 1280, "height": 900}, **how)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.goto(path.as_uri())
        self.run("jaxmeta.ready")

    def run(self, expression: str) -> None:
        """Wait for the promise `expression`."""
        self.tab.evaluate(f"{expression}.then(() => 0)")

    def value(self, expression: str):
        """Through JSON: views and the like have no place in an answer."""
        return json.loads(self.tab.evaluate(f"JSON.stringify({expression})"))

    @property
    def detail(self) -> str:
        return self.tab.inner_text("#detail")

    def close(self) -> None:
        self.tab.close()
        assert self.said == [] and len(self.asked) == 1


@pytest.fixture
def opened(browser, folders, request):
    one = Opened(browser, page.write(folders / request.param))
    yield one
    one.close()


@browsers
@pytest.mark.parametrize("opened", ["one", "four", "eight"], indirect=True)
def test_every_panel_is_there_with_the_records_numbers(opened, folders, request):
    name = request.node.callspec.params["opened"]
    told = story(read(folders / name))
    opened.run("jaxmeta.drawAll()")
    panels = {"scores", "shares", "curves"} | ({"parallel"} if told.space.d >= 3 else set())
    panels |= {f"{kind}{a}" for kind in ("axis", "masses") for a in range(told.space.d)}
    panels |= {"lanes", "ahead"} if name == "eight" else set()
    assert set(opened.value("[...jaxmeta.views.keys()]")) == panels
    rows = opened.value("jaxmeta.page.rows")
    assert [row["s"] for row in rows] == [str(row.score) for row in told.rows]
    for row, one in zip(rows, told.rows, strict=True):
        assert (row["i"], len(row["v"])) == (one.i, told.space.d)
        assert row["p"] == [[pytest.approx(p, abs=1e-4) for p in move.p] for move in one.moves]
    for panel in panels:  # something is drawn, in more than one colour
        colours = opened.value(
            f"""(() => {{ const c = document.querySelector("#plot-{panel} canvas");
            const data = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
            return new Set(new Uint32Array(data.buffer)).size }})()"""
        )
        assert colours > 10, panel
        marks = opened.value(MARKS % panel)
        assert len({mark["y"] for mark in marks if mark["y"] is not None}) > 1, panel
        if panel.startswith(("scores", "axis", "masses")):
            assert "rule" in {mark["type"] for mark in marks}, panel  # through the cursor
        if panel.startswith(("scores", "axis")):
            assert sum(mark["type"] == "symbol" for mark in marks) >= len(rows), panel
    words = opened.tab.inner_text("body")
    assert told.recommended and str(told.recommended.score) in words and told.ending in words
    assert digest(read(folders / name)) in opened.tab.inner_text("#evidence")


@browsers
@pytest.mark.parametrize("opened", ["four"], indirect=True)
def test_keys_and_the_pointer_choose_the_decision_that_is_looked_at(opened, folders):
    rows = story(read(folders / "four")).rows
    press = opened.tab.keyboard.press
    press("Home")
    assert f"i = 0 · {rows[0].score}" in opened.detail
    press("ArrowRight")
    press("ArrowRight")
    assert f"i = 2 · {rows[2].score}" in opened.detail
    assert all(f"{mass:.2f}" in opened.detail for mass in rows[2].moves[1].p)
    press("End")
    assert f"i = {len(rows) - 1} ·" in opened.detail
    opened.tab.focus("#slider")
    press("ArrowLeft")
    assert f"i = {len(rows) - 2} ·" in opened.detail
    at = opened.value(
        """(() => { const v = jaxmeta.views.get("scores"), o = v.origin();
        const box = document.querySelector("#plot-scores canvas").getBoundingClientRect();
        return [box.left + o[0] + v.scale("x")(5), box.top + o[1] + 30] })()"""
    )
    opened.tab.mouse.move(*at)
    assert f"i = 5 · {rows[5].score}" in opened.detail
    assert opened.value('jaxmeta.views.get("scores").signal("cursor")') == 5


@browsers
@pytest.mark.parametrize("opened", ["four"], indirect=True)
def test_a_brush_chooses_decisions_in_every_panel(opened):
    opened.run("jaxmeta.drawAll()")
    corner = """(() => { const v = jaxmeta.views.get("%s"), o = v.origin();
        const canvas = document.querySelector("#plot-%s canvas"); canvas.scrollIntoView();
        scrollBy(0, -300);
        const box = canvas.getBoundingClientRect();
        return [box.left + o[0] + v.scale("x")(%f), box.top + o[1] + %d] })()"""
    for panel, ends in (("scores", (1.5, 6.5)), ("curves", (6.5, 20.0))):
        a, b = (
            opened.value(corner % (panel, panel, x, y))
            for x, y in zip(ends, (20, 100), strict=True)
        )
        opened.tab.mouse.move(*a)
        opened.tab.mouse.down()
        opened.tab.mouse.move(*b, steps=4)
        opened.tab.mouse.up()
        chosen = sorted(map(int, opened.value("Object.keys(jaxmeta.chosen)")))
        if panel == "scores":
            assert chosen == [2, 3, 4, 5, 6]
        else:  # those that got so far
            lengths = opened.value("jaxmeta.page.panels.curves.data.curves.map(c => c.e.length)")
            assert chosen and all(lengths[n] > 6 for n in chosen)
        assert opened.value('jaxmeta.views.get("parallel").signal("chosen")') is not None
        assert f"{len(chosen)} of 24" in opened.tab.inner_text("#brushed")
        opened.tab.keyboard.press("Escape")
        assert opened.value("jaxmeta.chosen") is None


@browsers
def test_it_is_light_or_dark_as_the_reader_has_it(browser, folders):
    one = Opened(browser, page.write(folders / "one"), color_scheme="dark")
    dark = one.value('jaxmeta.views.get("scores").signal("ink")')
    one.tab.click("#theme")
    light = one.value('jaxmeta.views.get("scores").signal("ink")')
    assert dark == "#ececec" and light == "#1b1b1b"
    one.close()


@browsers
def test_a_phone_is_wide_enough(browser, folders):
    one = Opened(browser, page.write(folders / "eight"))
    one.tab.set_viewport_size({"width": 390, "height": 800})
    one.run("jaxmeta.drawAll()")
    assert one.value("document.documentElement.scrollWidth") == 390
    one.close()


@browsers
def test_of_a_thousand_decisions_on_eight_axes_what_is_near_is_drawn(browser, tmp_path):
    """What makes a page open soon; `make bench` says how soon."""
    tuner = PosterRule(EIGHT, i_max=1000, noprog_max=1000)
    write(tmp_path / "a", study_of(tuner), scores())
    path = page.write(tmp_path / "a")
    assert path.stat().st_size < 2e6
    one = Opened(browser, path)
    panels = one.value("Object.keys(jaxmeta.page.panels)")
    assert len(panels) == 20 and len(one.value("jaxmeta.page.rows")) == 1000
    drawn = one.value("[...jaxmeta.views.keys()]")
    assert 3 <= len(drawn) < 10 and set(drawn) == set(panels[: len(drawn)])
    last = f'jaxmeta.views.has("{panels[-1]}")'
    assert not one.value(last)
    one.tab.evaluate("scrollTo(0, document.body.scrollHeight)")
    one.tab.wait_for_function(last)
    assert one.value("jaxmeta.views.size") < len(panels)
    one.close()


@browsers
@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_record_is_text(browser, folders, name, tmp_path):
    lines = named(read(folders / "one"), NAMES[name])
    path = tmp_path / "a.html"
    path.write_text(page.html(tmp_path, lines))
    one = Opened(browser, path)
    one.run("jaxmeta.drawAll()")
    shown = one.tab.text_content("#study dl")
    assert f"task{plain(NAMES[name], 100)}" in shown
    assert one.value("document.scripts.length") == 3
    assert one.value('document.querySelectorAll("main img, main a, svg, iframe").length') == 0
    assert path.stat().st_size < 1.2e6
    one.close()


def test_json_can_close_no_script_and_is_still_the_same():
    text = "</script><!--<script>&\u2028\u2029" + "é"
    made = to_json({"a": text})
    assert not re.search("[<>&\u2028\u2029]", made) and json.loads(made) == {"a": text}
    to_json("\ud800").encode()  # half of a pair, which UTF-8 has not


def test_nothing_is_fetched_and_no_other_script_runs(folders):
    made = page.html(folders / "one", read(folders / "one"))
    own = re.sub(r"<script>.*?</script>", "<script>", made, flags=re.DOTALL)
    assert not re.search(r"(src|href|action|url)\s*[=(]|@import|https?:", own)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', made)
    assert policy and "default-src &#x27;none&#x27;" in policy[1]
    assert "unsafe-eval" not in policy[1] and "connect-src" not in policy[1]
    assert "script-src &#x27;sha256-" in policy[1] and made.count("<script") == 3


def test_a_study_without_a_decision_has_no_page(tmp_path):
    write(tmp_path / "a", study_of(ThreeWay(LOG, i_max=12)), scores(), stop=0)
    with pytest.raises(ValueError, match="holds no decision yet"):
        page.write(tmp_path / "a")


def test_shares_are_those_of_kruskal_and_wallis(tmp_path):
    study = study_of(Random(FOUR, i_max=200))
    rng = np.random.default_rng(0)
    told = story(
        write(tmp_path / "a", study, lambda s: [3000 + 40 * s.position[2] + int(rng.integers(30))])
    )
    groups: dict[int, list[int]] = {}
    for row in told.rows:
        groups.setdefault(row.position[2], []).append(row.score.value)
    h, n, k = stats.kruskal(*groups.values()).statistic, len(told.rows), len(groups)
    assert shares.share(told, 2) == pytest.approx((h - k + 1) / (n - k))
    found = [shares.share(told, a) for a in range(4)]
    assert [share is not None and share > 0.8 for share in found] == [False, False, True, False]
    assert all(share is None or share < 0.15 for a, share in enumerate(found) if a != 2)
    assert shares.share(told._replace(rows=told.rows[:8]), 2) is None


def test_the_timeline_goes_on_with_each_process(tmp_path):
    rows = [
        {"elapsed": 2.0, "busy_seconds": 3.0, "hits": 0, "misses": 1},
        {"elapsed": 4.0, "busy_seconds": 5.0, "hits": 2, "misses": 1},
        {"elapsed": 1.0, "busy_seconds": 2.0, "hits": 1, "misses": 0},
    ]
    (tmp_path / TIMES).write_text(times(rows))
    assert [tuple(one.values()) for one in timeline(tmp_path)] == [
        (0, 2, 2, 1.5, 0, 1),
        (2, 4, 2, 1, 2, 1),
        (4, 5, 2, 2, 3, 1),
    ]
    assert [panel.name for panel in lanes.panels(tmp_path)] == ["lanes", "ahead"]
    (tmp_path / TIMES).write_text(times(rows, lanes=1))
    assert lanes.panels(tmp_path) == []  # one trial after the other


def test_the_evidence_is_text_whatever_the_environment_holds(folders, tmp_path):
    folder = tmp_path / os.fsdecode(b"a\xff")  # no UTF-8
    shutil.copytree(folders / "one", folder)
    for value in ("\ud800 \x1b \u202e", 5, ["x"], {"x": None}):
        lines = copy.deepcopy(read(folder))
        lines[0]["environment"] = dict.fromkeys(("python", "cpu", "xla_flags"), value)
        made = page.html(folder, lines)
        made.encode()
        assert not re.search("[\x1b\u202e]", made)
    path = index.write([folder, folders / "one"], [read(folder)] * 2)
    assert "/a%FF/report.html" in path.read_text()


def test_the_last_verdict_is_shown_with_the_journal_that_it_is_of(folders, tmp_path):
    shutil.copytree(folders / "one", tmp_path / "a")
    lines = read(tmp_path / "a")
    words = {"answer": "identical", "sentence": "<b>all</b>", "jaxmeta": "1", "utc": "now"}
    assert "none is kept beside the record" in page.html(tmp_path / "a", lines)
    verdicts.note(tmp_path / "a", journal=digest(lines), **words)
    assert "identical: &lt;b&gt;all&lt;/b&gt; (jaxmeta 1, now)" in page.html(tmp_path / "a", lines)
    verdicts.note(tmp_path / "a", journal="0" * 64, **words)
    assert "of another journal, 0000000000000000…: identical" in page.html(tmp_path / "a", lines)
    with open(tmp_path / "a" / verdicts.NAME, "a") as file:
        file.write('[1]\n{"journal": 1}\n{"torn')
    assert "of another journal" in page.html(tmp_path / "a", lines)


def test_a_verdict_is_of_the_journal_that_was_read(tmp_path, monkeypatch, capsys):
    """And not of what a running study has written since."""
    write(tmp_path / "a", study_of(ThreeWay(LOG, i_max=3)), scores())
    path = tmp_path / "a" / NAME
    raws = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(raws[:2]))

    def check(*_):
        path.write_bytes(b"".join(raws))
        return verify.Verdict()

    monkeypatch.setattr(verify, "verify", check)
    assert cli.main(["verify", str(tmp_path / "a")]) == 0
    capsys.readouterr()
    found = verdicts.last(tmp_path / "a")
    assert found is not None and found["journal"] == sha256(b"".join(raws[:2])).hexdigest()


@pytest.fixture(scope="module")
def said(folders):
    """Of a report of all of them together."""
    (folders / "none").mkdir()
    (folders / "notes.txt").write_text("no study")
    with redirect_stderr(io.StringIO()) as errors:
        assert cli.main(["report", *map(str, sorted(folders.iterdir()))]) == 0
    return errors.getvalue()


def test_several_studies_have_an_index(folders, said):
    assert said.count("passed over, no study") >= 2
    made = (folders / index.NAME).read_text()
    assert all(
        f'<a href="{name}/report.html">{name}</a>' in made for name in ("one", "four", "eight")
    )
    assert all((folders / name / "report.html").exists() for name in ("one", "four", "eight"))
    first, *others = sorted(("one", "four", "eight"))
    assert made.count("<td>–</td></tr>") == 1
    (text,) = re.findall(r'id="data">(.*?)</script>', made, re.DOTALL)
    data = json.loads(text)
    points = data["panels"]["best0"]["data"]["best"]
    for name in (first, *others):
        own = [point for point in points if point["study"] == name]
        told = story(read(folders / name))
        epochs = sum(len(t.curve) for r in told.rows if r.revisits is None for t in r.trainings)
        assert own[-1]["t"] == epochs and len(own) == len(told.rows)
        assert told.best_score is not None
        missing = 100 - told.best_score.score.plotted
        assert own[-1]["y"] == pytest.approx(missing, rel=1e-5)


@browsers
def test_the_index_is_drawn(browser, folders, said):
    one = Opened(browser, folders / index.NAME)
    one.run("jaxmeta.drawAll()")
    assert one.value("[...jaxmeta.views.keys()]") == ["best0"]
    assert "training 0" in one.tab.inner_text("#studies")  # where they part
    one.close()
