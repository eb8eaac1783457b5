"""What both displays keep: the lines of a record as they come, and what `report` makes of them."""

from typing import NamedTuple

from jaxmeta.engine.supply import Scoreboard
from jaxmeta.record.journal import Line
from jaxmeta.record.lines import show
from jaxmeta.report.story import Score, read_score, story
from jaxmeta.training.progress import Result


class At(NamedTuple):
    """A training at the end of an epoch."""

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
        """N, of each training."""
        return self.story.training_options["epochs"]

    def at(self, result: Result) -> At:
        kind, of = self.story.score, self.story.of
        ranks = result.curve[-1], result.score
        return At(result.epochs, *(read_score(show(kind, rank), of) for rank in ranks))


def lanes(board: Scoreboard) -> str:
    """The scoreboard in one line; nothing where one training runs after the other."""
    if board.lanes == 1:
        return ""
    words = [f"{board.busy} of {board.lanes} lanes busy"]
    words.append(f"look-ahead: {board.hits} hits, {board.misses} misses")
    if board.trainings:
        words.append(f"{board.trainings / board.seconds:.3g} trainings/s")
        words.append(f"{board.speed_up:.2f} x one at a time")
    return ", ".join(words)
