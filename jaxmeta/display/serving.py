"""`jaxmeta watch --serve`: the page of a study on the loopback address, loaded anew as it grows.

Nothing here writes. Only this machine reaches the address; and as a page from elsewhere may ask a
browser on this machine to fetch it under a name of its own (DNS rebinding), a request must name the
address itself as its host.
"""

import sys
from collections.abc import Callable
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

from jaxmeta.display.looking import state
from jaxmeta.plain import plain
from jaxmeta.record.error import JournalError
from jaxmeta.record.journal import read
from jaxmeta.report import page
from jaxmeta.report.page.document import library

LOOPBACK = "127.0.0.1"
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Server(ThreadingHTTPServer):
    """Serves the page of the study in `folder`; port 0 takes a free one.

    Raises:
      JournalError: there is no study.
      ModuleNotFoundError: vl-convert, which brings Vega-Lite, is not installed.
      OSError: the port is taken, or is none.
    """

    daemon_threads = True

    def __init__(self, folder: Path, port: int = 0) -> None:
        read(folder)
        library()  # here, where it can be said that it is missing
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except (OSError, OverflowError) as error:
            raise OSError(
                f"the port must be free, from 1 to 65535, and {port} is not ({error}); "
                "leave it out for a free one"
            ) from error
        self._folder, self._lock = folder, Lock()
        self._made: tuple[str, str] = ("", "")

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}/"

    @property
    def hosts(self) -> set[str]:
        return {f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost")}

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that has gone, as one does that loads the page anew, is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # pyright: ignore[reportArgumentType]

    def version(self) -> str:
        """Of what there is to be seen."""
        return state(self._folder)

    def page(self) -> str:
        """The page; or, where none can be made now, why, in a page that asks again."""
        with self._lock:
            now = self.version()
            if now != self._made[0]:
                try:
                    self._made = now, page.html(self._folder, read(self._folder), now)
                except (JournalError, ValueError) as error:
                    return _waiting(str(error))
            return self._made[1]


def _waiting(why: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" '
        f'content="2"><title>jaxmeta</title><p>{escape(plain(why))}</p></html>'
    )


class _Handler(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]
    server_version, sys_version = "jaxmeta", ""
    timeout = 10  # seconds that a silent client may hold a thread

    def do_GET(self) -> None:
        answers: dict[str, tuple[str, Callable[[], str]]] = {
            "/": ("text/html; charset=utf-8", self.server.page),
            "/version": ("text/plain; charset=utf-8", self.server.version),
        }
        if self.headers.get("Host") not in self.server.hosts:
            return self._answer(HTTPStatus.FORBIDDEN, "text/plain", "not the name of this server\n")
        if self.path not in answers:
            return self._answer(HTTPStatus.NOT_FOUND, "text/plain", "there is / and /version\n")
        kind, make = answers[self.path]
        self._answer(HTTPStatus.OK, kind, make())

    do_HEAD = do_GET

    def _refuse(self) -> None:
        self.close_connection = True  # whatever comes after the head is not read
        self._answer(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", "GET and HEAD alone\n")

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _refuse

    def _answer(self, status: HTTPStatus, kind: str, words: str) -> None:
        content = words.encode(errors="replace")
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing: the terminal is the user's."""
