"""What a person sees while a study runs: a live view on a terminal or in a notebook, plain lines
elsewhere.

All are watchers (`running.Watcher`): they look on, and nothing that they do reaches the study.
"""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from jaxmeta.convert.tensorboard import Board
from jaxmeta.display.live import Live
from jaxmeta.display.logged import Logged
from jaxmeta.display.notebook import Notebook
from jaxmeta.display.plain import Plain
from jaxmeta.display.several import several, summary
from jaxmeta.record.journal import Line, read

if TYPE_CHECKING:
    from jaxmeta.study import Study

__all__ = ["Live", "Logged", "Notebook", "Plain", "resuming", "several", "summary", "watcher"]

Shown = Live | Plain | Notebook


def watcher(console: Console, study: "Study", board: Path | None = None) -> Shown | Logged:
    """Who looks on while `study` runs: what fits `console`. Use it in a `with` statement.

    Args:
      board: a folder for a log that TensorBoard reads.
    """
    return _fitting(console, [{"line": "study", **study.configuration()}], board)


def resuming(
    console: Console, folder: Path, board: Path | None = None
) -> AbstractContextManager[Shown | Logged | None]:
    """Who looks on while the study in `folder` goes on; nobody where there is no study yet."""
    lines = read(folder)
    return _fitting(console, lines, board) if lines else nullcontext()


def _fitting(console: Console, lines: list[Line], board: Path | None) -> Shown | Logged:
    shown = _shown(console, lines)
    return shown if board is None else Logged(shown, Board(board, lines))


def _shown(console: Console, lines: list[Line]) -> Shown:
    if console.is_jupyter:
        return Notebook(lines)
    if console.is_terminal and not console.is_dumb_terminal and console.encoding == "utf-8":
        return Live(console, lines)
    return Plain(console, lines)
