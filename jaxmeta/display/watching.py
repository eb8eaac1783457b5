"""What the displays share: the lines of a record as they come, what `report` makes of them, and how
a line is said."""

from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console

from jaxmeta.plain import plain
from jaxmeta.record.journal import Line
from jaxmeta.record.lines import show
from jaxmeta.report.score import Score, read_score
from jaxmeta.report.story import story
from jaxmeta.trial import Result

if TYPE_CHECKING:
    from jaxmeta.engine.utilization import Utilization


class At(NamedTuple):
    """A trial at the end of an epoch."""

    epoch: int
    score: Score
    best: Score


class Watching:
    """The study that the first of `lines` names, as far as the others have come."""

    def __init__(self, lines: list[Line]) -> None:
        self._lines = list(lines)
        self.story = story(self._lines)

    def learn(self, line: Line) -> None:
        """Take a line of the record in."""
        self._lines.append(line)
        self.story = story(self._lines)

    @property
    def epochs(self) -> int:
        """Of each trial, at most."""
        return self.story.training_options["epochs"]

    def at(self, result: Result) -> At:
        kind, of = self.story.kind, self.story.of
        ranks = result.curve[-1], result.score
        return At(result.epochs, *(read_score(show(kind, rank), of) for rank in ranks))

    def programs(self, use: "Utilization") -> str:
        """How many programs were compiled; nothing where one is enough for the whole space."""
        variants = self.story.space.variants
        return f"{use.programs} of at most {variants} compiled" if variants > 1 else ""


def say(console: Console, words: str) -> None:
    """A line for the file of `console`; what its encoding has not is replaced."""
    shown = plain(words).encode(console.encoding, "replace").decode(console.encoding)
    print(shown, file=console.file, flush=True)


def lanes(use: "Utilization") -> str:
    """How well the lanes are used, in one line; nothing where one trial runs after the other."""
    if use.lanes == 1:
        return ""
    words = [f"{use.busy} of {use.lanes} lanes busy"]
    words.append(f"look-ahead: {use.hits} hits, {use.misses} misses")
    if use.trials:
        words.append(f"{use.trials / use.seconds:.3g} trials/s")
        words.append(f"{use.speed_up:.2f} x one at a time")
    return ", ".join(words)
