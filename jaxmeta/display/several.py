"""What a person sees while several studies run: a line a decision, and a table at the end."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from jaxmeta.plain import plain
from jaxmeta.record.journal import Line, read
from jaxmeta.report.score import read_score
from jaxmeta.report.seeds import table
from jaxmeta.report.words import show_values
from jaxmeta.trial import Decision, Result, Trial

if TYPE_CHECKING:
    from jaxmeta.engine.scheduler import Utilization
    from jaxmeta.study import Study


class Seed:
    """Looks on at the study of one seed."""

    def __init__(self, say: Callable[[str], None], seed: int, study: "Study") -> None:
        self._say, self._seed = say, seed
        self._of = study.configuration()["score"]["of"].get(study.scored_on)
        self._decision: Decision | None = None

    def asked(self, decision: Decision, use: "Utilization") -> None:
        self._decision = decision

    def epoch(self, trial: Trial, result: Result) -> None: ...

    def told(self, line: Line) -> None:
        assert self._decision is not None
        asked, score = self._decision.suggestion, read_score(line["score"], self._of)
        chain = f"chain {line['chain']}, " if line["chain"] else ""
        self._say(f"seed {self._seed}: {chain}i = {asked.i}, {show_values(asked.values)}: {score}")

    def ended(self, line: Line) -> None:
        self._say(f"seed {self._seed}: finished")


def seeds(console: Console) -> "Callable[[int, Study], Seed]":
    """Who looks on, by seed and study."""

    def say(words: str) -> None:
        file = console.file
        print(plain(words).encode(console.encoding, "replace").decode(console.encoding), file=file)
        file.flush()

    return lambda seed, study: Seed(say, seed, study)


def summary(console: Console, folders: Mapping[int, Path]) -> None:
    """Print what came of the studies in those folders, by seed."""
    console.print(table({seed: read(folder) for seed, folder in folders.items()}))
