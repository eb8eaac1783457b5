"""The display of logs and pipes: a line for each thing that happens, without control characters."""

from typing import Self

from rich.console import Console

from jaxmeta.display.watching import Watching
from jaxmeta.record.journal import Line
from jaxmeta.report.story import Choice, choice, show_rate
from jaxmeta.training.program import Progress
from jaxmeta.tuning import Wanted


class Plain(Watching):
    """Writes to the file of `console`, and replaces what its encoding has not."""

    def __init__(self, console: Console, lines: list[Line]) -> None:
        super().__init__(lines)
        self._console = console

    def __enter__(self) -> Self:
        if self.story.rows:
            self._say(self.story.ending)
        return self

    def __exit__(self, *_: object) -> None: ...

    def _say(self, words: str) -> None:
        encoding, file = self._console.encoding, self._console.file
        print(words.encode(encoding, "replace").decode(encoding), file=file, flush=True)

    def asked(self, wanted: Wanted) -> None:
        rate = show_rate(wanted.values["learning_rate"])
        number = f"training {wanted.i + 1} of at most {self.story.at_most}"
        self._say(f"{number}: i = {wanted.i}, λ = {rate}{_why(choice(wanted.asked))}")

    def epoch(self, wanted: Wanted, progress: Progress) -> None:
        at = self.at(progress)
        self._say(f"  epoch {at.epoch} of at most {self.epochs}: {at.score}")

    def told(self, line: Line) -> None:
        self.learn(line)
        row = self.story.rows[-1]
        outcome = f", {row.outcome}" if row.outcome else ""
        n = len(row.curve)
        self._say(f"  {row.score} after {n} epoch{'s' if n > 1 else ''}{outcome}")

    def ended(self, line: Line) -> None:
        self.learn(line)
        best = self.story.lambda_best
        assert best is not None  # a study that ended has trainings
        self._say(self.story.ending)
        self._say(f"λ_best = {show_rate(best.learning_rate)}, test: {self.story.test}")


def _why(why: Choice) -> str:
    """How a learning rate came about, in parentheses."""
    if why.p is None or why.u is None:
        return ""
    held = ", held at the bound" if why.held else ""
    p = " ".join(f"{mass:.2f}" for mass in why.p)
    return f" ({why.move}{held}, u = {why.u:.2f}, p = {p})"
