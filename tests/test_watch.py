"""A study seen from another process: as its record grows, in a terminal and in a browser."""

import http.client
import os
import shutil
import socket
import sys
import threading
from io import StringIO

import pytest
from rich.console import Console

from jaxmeta import cli
from jaxmeta.display import looking
from jaxmeta.display.serving import Server
from jaxmeta.record.error import JournalError
from jaxmeta.record.journal import NAME, read
from jaxmeta.report.page.document import library
from jaxmeta.report.story import story
from jaxmeta.tuning import PosterRule
from tests.report.lines import STEPS, study_of, write
from tests.report.test_page import browser, browsers, scores

__all__ = ["browser"]  # a fixture


@pytest.fixture
def whole(tmp_path):
    """A study that has ended."""
    write(tmp_path / "whole", study_of(PosterRule(STEPS, i_max=5)), scores())
    return tmp_path / "whole"


def growing(whole, folder):
    """What `sleep` does to a journal: each time another line of `whole`, and half of one before."""
    raws = (whole / NAME).read_bytes().splitlines(keepends=True)
    folder.mkdir()
    (folder / NAME).write_bytes(raws[0])
    writes = [part for raw in raws[1:] for part in (raw[:9], raw[9:])]

    def sleep(_: float) -> None:
        with open(folder / NAME, "ab") as file:
            file.write(writes.pop(0))

    return sleep


def test_every_decision_is_told_once_as_it_comes(whole, tmp_path):
    file = StringIO()
    looking.watch(tmp_path / "a", Console(file=file), growing(whole, tmp_path / "a"))
    told = story(read(whole))
    first, *rows, ending, best = file.getvalue().splitlines()
    assert "not finished: 0 of at most 5" in first
    assert [row.partition(",")[0] for row in rows] == [f"i = {row.i}" for row in told.rows]
    assert all(str(one.score) in row for one, row in zip(told.rows, rows, strict=True))
    assert ending == told.ending
    assert told.recommended is not None and str(told.recommended.score) in best


def test_a_terminal_shows_the_study_as_it_stands(whole, tmp_path):
    file = StringIO()
    terminal = Console(file=file, force_terminal=True, width=120, height=30, color_system=None)
    sleep = growing(whole, tmp_path / "a")
    states = []

    def see(seconds: float) -> None:
        states.append(file.getvalue())
        sleep(seconds)

    looking.watch(tmp_path / "a", terminal, see)
    assert "0 of at most 5 decisions so far" in states[0] and "waiting for more" in states[0]
    assert "3 of at most 5 decisions so far" in states[6]
    last = file.getvalue()[len(states[-1]) :]
    assert "finished: all 5 decisions" in last and "waiting" not in last


def test_the_folder_is_left_as_it_is(whole, capsys):
    before = {entry.name: entry.stat() for entry in os.scandir(whole)}
    whole.chmod(0o500)
    assert cli.main(["watch", str(whole)]) == 0
    assert "finished: all 5 decisions" in capsys.readouterr().out
    after = {entry.name: entry.stat() for entry in os.scandir(whole)}
    assert [(s.st_size, s.st_mtime_ns) for s in after.values()] == [
        (s.st_size, s.st_mtime_ns) for s in before.values()
    ]


def test_where_there_is_no_study_it_says_so(tmp_path, capsys):
    for more in ([], ["--serve"]):
        assert cli.main(["watch", str(tmp_path), *more]) == 2
        assert "must hold a journal.jsonl" in capsys.readouterr().err


@pytest.mark.parametrize("port", [-1, 65536, None])
def test_a_port_that_cannot_be_had_is_said(whole, port, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1] if port is None else port
        assert cli.main(["watch", str(whole), "--serve", str(port)]) == 2
    assert "leave it out for a free one" in capsys.readouterr().err


def test_what_draws_is_missed_before_anybody_asks(whole, monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    library.cache_clear()
    with pytest.raises(ModuleNotFoundError, match="pip install 'jaxmeta"):
        Server(whole)


@pytest.fixture
def server(whole, tmp_path):
    (tmp_path / "a").mkdir()
    raws = (whole / NAME).read_bytes().splitlines(keepends=True)
    (tmp_path / "a" / NAME).write_bytes(b"".join(raws[:3]))
    with Server(tmp_path / "a") as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield one
        one.shutdown()
        thread.join()


def ask(server, method="GET", path="/", host=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.request(method, path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    content = answer.read().decode()
    connection.close()
    return answer, content


def test_it_serves_the_page_to_this_machine_alone(server):
    assert server.server_address[0] == "127.0.0.1"
    answer, content = ask(server)
    assert answer.status == 200 and "Evidence" in content
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "connect-src &#x27;self&#x27;" in content
    assert ask(server, "HEAD")[1] == ""
    for path in ("/../a/journal.jsonl", "/journal.jsonl", "/version/", "/?x"):
        assert ask(server, path=path)[0].status == 404


@pytest.mark.parametrize(
    "host", ["example.org", "127.0.0.1", "127.0.0.1:1", "", "localhost.evil:80"]
)
def test_another_name_for_it_is_refused(server, host):
    answer, content = ask(server, host=host)
    assert answer.status == 403 and "toy" not in content


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_can_be_sent_to_it(server, method):
    answer, _ = ask(server, method)
    assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD"


def test_a_browser_that_has_gone_is_no_error(server, capfd):
    for error in (ConnectionResetError(), BrokenPipeError(), KeyError("seen")):
        try:
            raise error
        except Exception:
            server.handle_error(None, ("127.0.0.1", 1))
    shown = capfd.readouterr().err
    assert "KeyError" in shown and "Reset" not in shown and "BrokenPipe" not in shown


def test_what_cannot_be_shown_now_is_said(server, tmp_path):
    (tmp_path / "a" / NAME).write_bytes(b"broken\n")
    answer, content = ask(server)
    assert answer.status == 200 and "line 1 must be a JSON object" in content
    shutil.rmtree(tmp_path / "a")
    with pytest.raises(JournalError):
        Server(tmp_path / "a")


@browsers
def test_the_page_is_loaded_anew_as_decisions_come(browser, server, whole, tmp_path):
    tab = browser.new_page()
    said = []
    tab.on("console", lambda message: said.append(message.text))
    tab.goto(server.address)
    assert tab.evaluate("jaxmeta.page.rows.length") == 2
    shutil.copy(whole / NAME, tmp_path / "a" / NAME)
    tab.wait_for_selector("header:has-text('finished: all 5 decisions')", timeout=60_000)
    assert said == [] and tab.evaluate("jaxmeta.page.rows.length") == 5
    tab.close()
