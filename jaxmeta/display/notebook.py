"""The display of a notebook: one cell output that is written anew as the study goes on."""

import html
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from jaxmeta.display.watching import At, Watching
from jaxmeta.plain import plain
from jaxmeta.record.journal import Line
from jaxmeta.report import notebook
from jaxmeta.report.words import show_values
from jaxmeta.trial import Decision, Result, Trial

if TYPE_CHECKING:
    from jaxmeta.engine.utilization import Utilization

SHOWN = 8  # decisions, the last ones
SECONDS = 0.5  # between two epochs that are shown


class Notebook(Watching):
    """Writes through IPython; `clock` gives seconds."""

    def __init__(self, lines: list[Line], clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(lines)
        self._clock, self._shown_at = clock, clock()
        self._decision: Decision | None = None
        self._at: At | None = None
        self._output: Any = None

    def __enter__(self) -> Self:
        from IPython.display import HTML, display

        self._output = display(HTML(self.html()), display_id=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._decision = None
        self._show()

    def asked(self, decision: Decision, use: "Utilization") -> None:
        self._decision, self._at = decision, None
        self._show()

    def epoch(self, trial: Trial, result: Result) -> None:
        if self._decision is not None and trial in self._decision.trials:
            self._at = self.at(result)
            if self._clock() - self._shown_at > SECONDS:
                self._show()

    def told(self, line: Line) -> None:
        self.learn(line)

    def ended(self, line: Line) -> None:
        self.learn(line)

    def html(self) -> str:
        """The study as it stands."""
        told, done = self.story, len(self.story.rows)
        bar = f'<progress value="{done}" max="{told.at_most}"></progress>'
        parts = [f"<p>{bar} decision {done} of at most {told.at_most}{self._now()}</p>"]
        parts += [notebook.found(told), notebook.table(told, told.rows[-SHOWN:])]
        return "".join(parts)

    def _now(self) -> str:
        """What is trained."""
        if self._decision is None:
            return ""
        values = show_values(self._decision.suggestion.values)
        epoch = ""
        if self._at is not None:
            epoch = f", epoch {self._at.epoch} of at most {self.epochs}: {self._at.score}"
        return html.escape(plain(f"; training {values}{epoch}"))

    def _show(self) -> None:
        from IPython.display import HTML

        self._shown_at = self._clock()
        if self._output is not None:
            self._output.update(HTML(self.html()))
