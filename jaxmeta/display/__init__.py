"""What a person sees while a study runs: a live view on a terminal, plain lines elsewhere.

Both are watchers (`running.Watcher`): they look on, and nothing that they do reaches the study.
"""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from jaxmeta.display.live import Live
from jaxmeta.display.plain import Plain
from jaxmeta.display.several import seeds, summary
from jaxmeta.record.journal import Line, read

if TYPE_CHECKING:
    from jaxmeta.study import Study

__all__ = ["Live", "Plain", "resuming", "seeds", "summary", "watcher"]


def watcher(console: Console, study: "Study") -> Live | Plain:
    """Who looks on while `study` runs: what fits `console`. Use it in a `with` statement."""
    return _fitting(console, [{"line": "study", **study.configuration()}])


def resuming(console: Console, folder: Path) -> AbstractContextManager[Live | Plain | None]:
    """Who looks on while the study in `folder` goes on; nobody where there is no study yet."""
    lines = read(folder)
    return _fitting(console, lines) if lines else nullcontext()


def _fitting(console: Console, lines: list[Line]) -> Live | Plain:
    if console.is_terminal and not console.is_dumb_terminal and console.encoding == "utf-8":
        return Live(console, lines)
    return Plain(console, lines)
