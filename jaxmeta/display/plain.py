"""The display of logs and pipes: a line for each thing that happens, without control characters."""

from typing import Self

from rich.console import Console

from jaxmeta.display.watching import Watching, lanes
from jaxmeta.engine.supply import Scoreboard
from jaxmeta.plain import plain
from jaxmeta.record.journal import Line
from jaxmeta.report.story import Choice, Row, choice, show_rate
from jaxmeta.report.table import show_spread
from jaxmeta.training.progress import Result
from jaxmeta.tuning import Name, Turn


class Plain(Watching):
    """Writes to the file of `console`, and replaces what its encoding has not."""

    def __init__(self, console: Console, lines: list[Line]) -> None:
        super().__init__(lines)
        self._console = console
        self._turn: Turn | None = None
        self._board: Scoreboard | None = None

    def __enter__(self) -> Self:
        if self.story.rows:
            self._say(self.story.ending)
        return self

    def __exit__(self, *_: object) -> None: ...

    def _say(self, words: str) -> None:
        encoding, file = self._console.encoding, self._console.file
        print(plain(words).encode(encoding, "replace").decode(encoding), file=file, flush=True)

    def asked(self, turn: Turn, board: Scoreboard) -> None:
        self._turn, self._board = turn, board
        wanted, done = turn.wanted, len(self.story.rows)
        rate = show_rate(wanted.values["learning_rate"])
        chain = f"chain {turn.chain}, " if self.story.chains > 1 else ""
        number = f"training {done + 1} of at most {self.story.at_most}"
        self._say(f"{number}: {chain}i = {wanted.i}, λ = {rate}{_why(choice(wanted.asked))}")

    def epoch(self, name: Name, result: Result) -> None:
        """Of what the decision waits for; what runs ahead of need is not spoken of."""
        if self._turn is not None and name in self._turn.trainings:
            at, several = self.at(result), len(self._turn.trainings) > 1
            which = f"replicate {name.r}, " if several else ""
            self._say(f"  {which}epoch {at.epoch} of at most {self.epochs}: {at.score}")

    def told(self, line: Line) -> None:
        self.learn(line)
        row = self.story.rows[-1]
        outcome = f", {row.outcome}" if row.outcome else ""
        self._say(f"  {row.score} {self._trained(row)}{outcome}")

    def _trained(self, row: Row) -> str:
        if row.revisits is not None:
            return f"as in iteration {row.revisits}"
        n = max(len(one.curve) for one in row.trainings)
        epochs = f"{n} epoch{'s' if n > 1 else ''}"
        if row.spread is None:
            return f"after {epochs}"
        return f"after {epochs}, ± {show_spread(self.story, row)} among {len(row.trainings)}"

    def ended(self, line: Line) -> None:
        self.learn(line)
        best = self.story.lambda_best
        assert best is not None  # a study that ended has trainings
        self._say(self.story.ending)
        if self._board is not None and (words := lanes(self._board)):
            self._say(words)
        self._say(f"λ_best = {show_rate(best.learning_rate)}, test: {self.story.test}")


def _why(why: Choice) -> str:
    """How a learning rate came about, in parentheses."""
    if why.p is None or why.u is None:
        return ""
    held = ", held at the bound" if why.held else ""
    p = " ".join(f"{mass:.2f}" for mass in why.p)
    return f" ({why.move}{held}, u = {why.u:.2f}, p = {p})"
