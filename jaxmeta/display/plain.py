"""The display of logs and pipes: a line for each thing that happens, without control characters."""

from typing import TYPE_CHECKING, Self

from rich.console import Console

from jaxmeta.display.watching import Watching, lanes, say
from jaxmeta.record.journal import Line
from jaxmeta.report.moves import Move, read_moves
from jaxmeta.report.story import Row
from jaxmeta.report.table import show_spread
from jaxmeta.report.words import show_values
from jaxmeta.space import show
from jaxmeta.trial import Decision, Result, Suggestion, Trial

if TYPE_CHECKING:
    from jaxmeta.engine.utilization import Utilization

MOVES = 8  # so many probabilities are written out


class Plain(Watching):
    """Writes to the file of `console`, and replaces what its encoding has not."""

    def __init__(self, console: Console, lines: list[Line]) -> None:
        super().__init__(lines)
        self._console = console
        self._decision: Decision | None = None
        self._use: Utilization | None = None

    def __enter__(self) -> Self:
        if self.story.rows:
            self._say(self.story.ending)
        return self

    def __exit__(self, *_: object) -> None: ...

    def _say(self, words: str) -> None:
        say(self._console, words)

    def asked(self, decision: Decision, use: "Utilization") -> None:
        self._decision, self._use = decision, use
        suggestion, done = decision.suggestion, len(self.story.rows)
        chain = f"chain {decision.chain}, " if self.story.chains > 1 else ""
        number = f"decision {done + 1} of at most {self.story.at_most}: {chain}i = {suggestion.i}"
        self._say(f"{number}, {self._values(suggestion)}")

    def _values(self, suggestion: Suggestion) -> str:
        """The hyperparameters, each with how it came about."""
        moves = read_moves(self.story.space, suggestion.asked) or [None] * self.story.space.d
        return ", ".join(
            f"{name} = {show(value)}{_why(move) if move else ''}"
            for (name, value), move in zip(suggestion.values.items(), moves, strict=True)
        )

    def epoch(self, trial: Trial, result: Result) -> None:
        """Of what the decision waits for; what runs ahead of need is not spoken of."""
        if self._decision is not None and trial in self._decision.trials:
            at, several = self.at(result), len(self._decision.trials) > 1
            which = f"replicate {trial.r}, " if several else ""
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
        best = self.story.recommended
        assert best is not None  # a study that ended has trials
        self._say(self.story.ending)
        if self._use is not None:
            programs = self.programs(self._use)
            for words in (lanes(self._use), f"programs: {programs}" if programs else ""):
                if words:
                    self._say(words)
        test = "" if self.story.test is None else f"; test: {self.story.test}"
        self._say(f"recommended: {show_values(best.values)}; score: {best.score}{test}")


def _why(move: Move) -> str:
    """How a value came about, in parentheses; nothing where nothing was drawn."""
    if move.u is None:
        return ""
    held = ", held at the bound" if move.held else ""
    p = " ".join(f"{mass:.2f}" for mass in move.p[:MOVES])
    more = " …" if len(move.p) > MOVES else ""
    return f" ({move.word}{held}, u = {move.u:.2f}, p = {p}{more})"
