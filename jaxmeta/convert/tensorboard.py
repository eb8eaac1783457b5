"""TensorBoard: a run a training, with its hyperparameters and its score and loss after each epoch.

tensorboardX writes the log: TensorFlow is not needed. `Board` does so while a study runs.
"""

from pathlib import Path

from jaxmeta.record import lines as record
from jaxmeta.record.journal import Line
from jaxmeta.report.score import Score, read_score
from jaxmeta.space import Space
from jaxmeta.trial import Values

NAME = "tensorboard"


def write(lines: list[Line], path: Path) -> None:
    """A folder for `tensorboard --logdir`."""
    Board(path, lines)


class Board:
    """A log folder that grows with a study.

    Args:
      path: the folder; a run that it has already is left as it is, so a study that goes on adds
        what is new.
      lines: of the study so far, its first at least.
    """

    def __init__(self, path: Path, lines: list[Line]) -> None:
        try:
            import tensorboardX  # noqa: F401
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "TensorBoard's log needs tensorboardX, and it is not installed: "
                "pip install 'jaxmeta[tensorboard]'"
            ) from error
        self._path, self._first = path, lines[0]
        self._space = Space.from_record(self._first["space"])
        for line in record.decisions(lines):
            self.add(line)

    def add(self, line: Line) -> None:
        """Take in a decision: a run for each training that it ran."""
        values = self._space.values(line["position"])
        for entry in line["trainings"]:
            name = f"chain{line['chain']}-i{line['i']:05}-r{entry['r']}"
            if not (self._path / name).exists():
                self._run(name, values, entry)

    def _run(self, name: str, values: Values, entry: Line) -> None:
        """Scores in percent where they are counts out of so many; a training that diverged has
        none."""
        from tensorboardX import SummaryWriter
        from tensorboardX.summary import hparams

        score = self._score(entry["score"])
        best = {} if score.plotted is None else {"best/score": score.plotted}
        with SummaryWriter(logdir=str(self._path / name)) as writer:
            for summary in hparams(dict(values), best):
                writer.file_writer.add_summary(summary)  # pyright: ignore[reportOptionalMemberAccess]
            for tag, height in best.items():
                writer.add_scalar(tag, height, entry["best_epoch"])
            curves = zip(entry["curve"], entry["losses"], strict=True)
            for epoch, (points, loss) in enumerate(curves, 1):
                if (height := self._score(points).plotted) is not None:
                    writer.add_scalar("epoch/score", height, epoch)
                writer.add_scalar("epoch/loss", float.fromhex(loss), epoch)

    def _score(self, shown: int | str) -> Score:
        return read_score(shown, self._first["score"]["of"].get(self._first["scored_on"]))
