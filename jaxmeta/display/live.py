"""The display of a terminal: the study as it stands, drawn anew several times a second."""

import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live as Screen
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from jaxmeta.display.bars import BAR, draw_moves
from jaxmeta.display.watching import At, Watching, lanes
from jaxmeta.record.journal import Line
from jaxmeta.report.moves import read_moves
from jaxmeta.report.story import Story
from jaxmeta.report.table import bests, trajectory
from jaxmeta.report.words import OPTIONS
from jaxmeta.trial import Decision, Result, Trial

if TYPE_CHECKING:
    from jaxmeta.engine.utilization import Utilization

BRIEF = 40  # letters of the best values on a low terminal
SHOWN = 8  # decisions, the last ones; fewer where the terminal is low


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
        self._decision: Decision | None = None
        self._use: Utilization | None = None
        self._at: At | None = None
        self._seconds: list[float] = []  # of each decision that this process has made
        self._began = self._asked_at = clock()

    def __enter__(self) -> Self:
        self._screen.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._screen.stop()

    def asked(self, decision: Decision, use: "Utilization") -> None:
        self._decision, self._use, self._at = decision, use, None
        self._asked_at = self._clock()

    def epoch(self, trial: Trial, result: Result) -> None:
        if self._decision is not None and trial in self._decision.trials:
            self._at = self.at(result)

    def told(self, line: Line) -> None:
        self._seconds.append(self._clock() - self._asked_at)
        self._decision = None
        self.learn(line)

    def ended(self, line: Line) -> None:
        self.learn(line)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As much as the terminal has room for: first fewer decisions are shown, then no draws,
        then the values that are tried in one line."""
        height, options = options.height or console.height, options.update(height=None)
        for detail in (2, 1, 0):
            for shown in (SHOWN, 4, 2, 1):
                lines = console.render_lines(self._all(detail, shown), options, pad=False)
                if len(lines) <= height:
                    yield self._all(detail, shown)
                    return
        yield self._all(0, 1)

    def _all(self, detail: int, shown: int) -> Table:
        decision, told = self._decision, self.story
        head = f"  {told.tuner}, seed {told.seed}, scored on {told.scored_on}"
        parts: list[RenderableType] = [
            Text.assemble((told.task, "bold"), head),
            self._now(detail),
        ]
        if told.rows:
            letters = OPTIONS if detail else BRIEF
            parts += [trajectory(told, told.rows[-shown:]), bests(told, letters)]
        every = Table.grid()
        for part in parts:
            every.add_row(Padding(part, (0, 0, 1, 0)))
        every.add_row(Text(self._times(told, decision is not None)))
        return every

    def _now(self, detail: int) -> Table:
        """Where the study and the decision that it waits for stand."""
        decision, at, told, use = self._decision, self._at, self.story, self._use
        now = Table.grid(padding=(0, 2))
        _progress(now, "decisions", len(told.rows), told.at_most)
        if use is not None and (words := lanes(use)):
            now.add_row("lanes", ProgressBar(use.lanes, use.busy, width=BAR), words)
        if use is not None and (words := self.programs(use)):
            now.add_row("programs", words)
        if decision is not None:
            _progress(now, "epochs", at.epoch if at else 0, self.epochs)
            if at is not None:
                now.add_row("score", str(at.score), f"best {at.best}")
            asked = decision.suggestion
            draw_moves(now, told.space, asked.values, read_moves(told.space, asked.asked), detail)
        return now

    def _times(self, told: Story, training: bool) -> str:
        now = self._clock()
        words = f"time {_clock_face(now - self._began)}"
        if told.finished:
            return f"{words}, {told.ending}"
        if not self._seconds:
            return words
        if not training:
            return f"{words}, the recommended trial is run once more"
        left = (told.at_most - len(told.rows)) * statistics.median(self._seconds)
        left -= now - self._asked_at
        return f"{words}, at most {_clock_face(max(left, 0))} left, by the median so far"


def _progress(grid: Table, name: str, done: int, most: int) -> None:
    grid.add_row(name, ProgressBar(most, done, width=BAR), f"{done} of at most {most}")


def _clock_face(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
