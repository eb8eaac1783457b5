"""`--tensorboard DIR`: a log for TensorBoard while the study runs, beside what is shown."""

from typing import TYPE_CHECKING, Any, Self

from jaxmeta.convert.tensorboard import Board
from jaxmeta.record.journal import Line
from jaxmeta.trial import Decision, Result, Trial

if TYPE_CHECKING:
    from jaxmeta.engine.utilization import Utilization


class Logged:
    """The watcher `shown`, and a `board` that takes in every decision."""

    def __init__(self, shown: Any, board: Board) -> None:
        self._shown, self._board = shown, board

    def __enter__(self) -> Self:
        self._shown.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._shown.__exit__(*error)

    def asked(self, decision: Decision, use: "Utilization") -> None:
        self._shown.asked(decision, use)

    def epoch(self, trial: Trial, result: Result) -> None:
        self._shown.epoch(trial, result)

    def told(self, line: Line) -> None:
        self._shown.told(line)
        self._board.add(line)

    def ended(self, line: Line) -> None:
        self._shown.ended(line)
