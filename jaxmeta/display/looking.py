"""`jaxmeta watch`: a study as its record grows, seen from any other process, which only reads."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live as Screen
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from jaxmeta.display.bars import BAR
from jaxmeta.display.watching import say
from jaxmeta.plain import plain
from jaxmeta.record.journal import NAME, TIMES, Line, read
from jaxmeta.record.verdicts import NAME as VERDICTS
from jaxmeta.report.pace import pace
from jaxmeta.report.story import Row, Story, story
from jaxmeta.report.table import bests, trajectory
from jaxmeta.report.words import show_values

SECONDS = 1.0  # between two looks
AROUND = 16  # lines of a terminal that stand around the decisions


def state(folder: Path) -> str:
    """Another text whenever the record in `folder`, or a note beside it, is another."""
    found = []
    for name in (NAME, TIMES, VERDICTS):
        try:
            of = os.stat(folder / name)
            found.append(f"{of.st_ino}.{of.st_size}.{of.st_mtime_ns}")
        except OSError:
            found.append("none")
    return " ".join(found)


def grown(folder: Path, sleep: Callable[[float], object] = time.sleep) -> Iterator[list[Line]]:
    """The lines of the journal in `folder`, again whenever there are more of them, up to the end.

    Raises:
      JournalError: there is no journal, or it is not what it should be.
    """
    seen, shown = "", 0
    while True:
        if (now := state(folder)) == seen:
            sleep(SECONDS)
            continue
        seen, lines = now, read(folder)
        if len(lines) > shown:
            shown = len(lines)
            yield lines
            if lines[-1]["line"] == "end":
                return


def watch(folder: Path, console: Console, sleep: Callable[[float], object] = time.sleep) -> None:
    """Show the study in `folder` until it has ended: as a view that is drawn anew on a terminal,
    and elsewhere as a line for each decision."""
    if not console.is_terminal or console.is_dumb_terminal:
        told = None
        for lines in grown(folder, sleep):
            told = _say(console, story(lines), 0 if told is None else len(told.rows))
        return
    with Screen(console=console, auto_refresh=False) as screen:
        for lines in grown(folder, sleep):
            screen.update(View(story(lines), pace(folder)), refresh=True)


class View:
    """A study as it stands: its last decisions, as many as the terminal has room for."""

    def __init__(self, told: Story, pace: str) -> None:
        self._told, self._pace = told, pace

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        told = self._told
        yield Text.assemble((told.task, "bold"), f"  {told.tuner}, seed {told.seed}")
        bar = Table.grid(padding=(0, 2))
        done = len(told.rows)
        bar.add_row("decisions", ProgressBar(told.at_most, done, width=BAR), f"{done}")
        yield Padding(bar, (1, 0))
        if told.rows:
            room = max((options.height or console.height) - AROUND, 1)
            yield trajectory(told, told.rows[-room:])
            yield Padding(bests(told), (1, 0))
        yield from (Text(plain(words)) for words in (self._pace, told.ending) if words)
        if not told.finished:
            yield Text("waiting for more; Ctrl-C leaves the study alone", "dim")


def _say(console: Console, told: Story, already: int) -> Story:
    """Write what is new after so many decisions."""
    best = told.recommended
    lines = [_line(told, row) for row in told.rows[already:]]
    lines += [told.ending] if told.finished or not told.rows else []
    if told.finished and best is not None:
        test = "" if told.test is None else f"; test: {told.test}"
        lines.append(f"recommended: {show_values(best.values)}; score: {best.score}{test}")
    for line in lines:
        say(console, line)
    return told


def _line(told: Story, row: Row) -> str:
    chain = f"chain {row.chain}, " if told.chains > 1 else ""
    outcome = f", {row.outcome}" if row.outcome else ""
    return f"{chain}i = {row.i}, {show_values(row.values)}: {row.score}{outcome}"
