"""What a person sees while several studies run: a line a decision, and a table at the end."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from jaxmeta.display.watching import say
from jaxmeta.record.journal import Line, read
from jaxmeta.report.score import read_score
from jaxmeta.report.seeds import table
from jaxmeta.report.words import show_values
from jaxmeta.trial import Decision, Result, Trial

if TYPE_CHECKING:
    from jaxmeta.engine.utilization import Utilization
    from jaxmeta.study import Study


class Seed:
    """Looks on at the study of one seed."""

    def __init__(self, console: Console, seed: int, study: "Study") -> None:
        self._console, self._seed = console, seed
        self._of = study.configuration()["score"]["of"].get(study.scored_on)
        self._decision: Decision | None = None

    def asked(self, decision: Decision, use: "Utilization") -> None:
        self._decision = decision

    def epoch(self, trial: Trial, result: Result) -> None: ...

    def told(self, line: Line) -> None:
        assert self._decision is not None
        asked, score = self._decision.suggestion, read_score(line["score"], self._of)
        chain = f"chain {line['chain']}, " if line["chain"] else ""
        where = f"seed {self._seed}: {chain}i = {asked.i}"
        say(self._console, f"{where}, {show_values(asked.values)}: {score}")

    def ended(self, line: Line) -> None:
        say(self._console, f"seed {self._seed}: finished")


def seeds(console: Console) -> "Callable[[int, Study], Seed]":
    """Who looks on, by seed and study."""
    return lambda seed, study: Seed(console, seed, study)


def summary(console: Console, folders: Mapping[int, Path]) -> None:
    """Print what came of the studies in those folders, by seed."""
    console.print(table({seed: read(folder) for seed, folder in folders.items()}))
