"""What a person sees while several studies run: a line a decision, and a table at the end."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from jaxmeta.display.watching import say
from jaxmeta.record.journal import Line, read
from jaxmeta.report.score import read_score
from jaxmeta.report.several import table
from jaxmeta.report.words import show_values
from jaxmeta.trial import Decision, Result, Trial

if TYPE_CHECKING:
    from jaxmeta.engine.utilization import Utilization
    from jaxmeta.study import Study


class One:
    """Looks on at one of the studies, called `name`."""

    def __init__(self, console: Console, name: str, study: "Study") -> None:
        self._console, self._name = console, shown(name)
        self._of = study.configuration()["score"]["of"].get(study.scored_on)
        self._decision: Decision | None = None

    def asked(self, decision: Decision, use: "Utilization") -> None:
        self._decision = decision

    def epoch(self, trial: Trial, result: Result) -> None: ...

    def told(self, line: Line) -> None:
        assert self._decision is not None
        asked, score = self._decision.suggestion, read_score(line["score"], self._of)
        chain = f"chain {line['chain']}, " if line["chain"] else ""
        where = f"{self._name}: {chain}i = {asked.i}"
        say(self._console, f"{where}, {show_values(asked.values)}: {score}")

    def ended(self, line: Line) -> None:
        say(self._console, f"{self._name}: finished")


def several(console: Console) -> "Callable[[str, Study], One]":
    """Who looks on, by name and study."""
    return lambda name, study: One(console, name, study)


def summary(console: Console, folders: Mapping[str, Path]) -> None:
    """Print what came of the studies in those folders, by name."""
    console.print(table({name: read(folder) for name, folder in folders.items()}))


def shown(name: str) -> str:
    """`task-mnist/seed-3` as "mnist, seed 3"."""
    return name.removeprefix("task-").replace("/seed-", ", seed ").replace("seed-", "seed ")
