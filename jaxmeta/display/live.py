"""The display of a terminal: the study as it stands, drawn anew several times a second."""

import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Self

from rich.bar import Bar
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live as Screen
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from jaxmeta.display.watching import At, Watching, lanes
from jaxmeta.engine.supply import Scoreboard
from jaxmeta.record.journal import Line
from jaxmeta.report.story import ARROWS, MOVES, Choice, Story, choice, show_rate
from jaxmeta.report.table import bests, trajectory
from jaxmeta.training.progress import Result
from jaxmeta.tuning import Name, Turn

SHOWN = 8  # trainings, those that were done last; fewer where the terminal is low
REST = 19  # lines beside them
BAR = 40  # characters
COLOURS = {"up": "#56B4E9", "keep": "#AAAAAA", "down": "#E69F00"}  # Okabe and Ito's


class Live(Watching):
    """Draws to `console`, and is what it draws; `clock` gives seconds, for what is shown alone."""

    def __init__(
        self,
        console: Console,
        lines: list[Line],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(lines)
        self._clock = clock
        self._screen = Screen(self, console=console)
        self._turn: Turn | None = None
        self._board: Scoreboard | None = None
        self._at: At | None = None
        self._seconds: list[float] = []  # of each training that this process has done
        self._began = self._asked_at = clock()

    def __enter__(self) -> Self:
        self._screen.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._screen.stop()

    def asked(self, turn: Turn, board: Scoreboard) -> None:
        self._turn, self._board, self._at = turn, board, None
        self._asked_at = self._clock()

    def epoch(self, name: Name, result: Result) -> None:
        if self._turn is not None and name in self._turn.trainings:
            self._at = self.at(result)

    def told(self, line: Line) -> None:
        self._seconds.append(self._clock() - self._asked_at)
        self._turn = None
        self.learn(line)

    def ended(self, line: Line) -> None:
        self.learn(line)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        turn, at, told = self._turn, self._at, self.story
        head = f"  {told.tuner}, seed {told.seed}, scored on {told.scored_on}"
        now = Table.grid(padding=(0, 2))
        _progress(now, "trainings", len(told.rows), told.at_most)
        if self._board is not None and (words := lanes(self._board)):
            now.add_row("lanes", ProgressBar(self._board.lanes, self._board.busy, width=BAR), words)
        if turn is not None:
            _progress(now, "epochs", at.epoch if at else 0, self.epochs)
            if at is not None:
                now.add_row("score", str(at.score), f"best {at.best}")
            wanted = turn.wanted
            _choice(now, show_rate(wanted.values["learning_rate"]), choice(wanted.asked))
        parts: list[RenderableType] = [Text.assemble((told.task, "bold"), head), now]
        if told.rows:
            shown = min(SHOWN, max(1, console.height - REST))
            parts += [trajectory(told, told.rows[-shown:]), bests(told)]
        for part in parts:
            yield Padding(part, (0, 0, 1, 0))
        yield Text(self._times(told, turn is not None))

    def _times(self, told: Story, training: bool) -> str:
        now = self._clock()
        words = f"time {_clock_face(now - self._began)}"
        if told.test is not None:
            return f"{words}, {told.ending}"
        if not self._seconds:
            return words
        if not training:
            return f"{words}, λ_best is trained once more and meets the test set"
        left = (told.at_most - len(told.rows)) * statistics.median(self._seconds)
        left -= now - self._asked_at
        return f"{words}, left at most {_clock_face(max(left, 0))}, going by the median training"


def _progress(grid: Table, name: str, done: int, most: int) -> None:
    grid.add_row(name, ProgressBar(most, done, width=BAR), f"{done} of at most {most}")


def _choice(grid: Table, rate: str, why: Choice) -> None:
    """λ, then [0, 1) cut into p1, p2 and p3, and under it the draw that fell into one of them."""
    held = ", held at the bound" if why.held else ""
    grid.add_row(
        "λ", Text.assemble((rate, "bold"), f"  {ARROWS[why.move]}{held}" if why.move else "")
    )
    if why.p is None:
        return
    start = 0.0
    for move, mass in zip(MOVES.values(), why.p, strict=True):
        bar = Bar(1, start, start + mass, width=BAR, color=COLOURS[move])
        grid.add_row(f"  {ARROWS[move]}", bar, f"{mass:.2f}")
        start += mass
    if why.u is not None:
        grid.add_row("  u", Bar(1, why.u, why.u + 1 / BAR, width=BAR), f"{why.u:.2f}")


def _clock_face(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
