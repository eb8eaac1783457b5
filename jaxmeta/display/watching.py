"""What both displays keep: the lines of a record as they come, and what `report` makes of them."""

from typing import NamedTuple

from jaxmeta.record.journal import Line
from jaxmeta.record.lines import show
from jaxmeta.report.story import Score, read_score, story
from jaxmeta.training.program import Progress


class At(NamedTuple):
    """A training at the end of an epoch, in plain numbers: its arrays are gone with the next."""

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

    def at(self, progress: Progress) -> At:
        epoch = int(progress.epoch)
        ranks = int(progress.curve[epoch - 1]), int(progress.best)
        kind, of = self.story.score, self.story.of
        return At(epoch, *(read_score(show(kind, rank), of) for rank in ranks))
