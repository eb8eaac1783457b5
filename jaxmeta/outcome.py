"""What a study found, in the user's hands: `tune` runs one in one call, `load` reads one back."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, overload

import jax
from rich.console import Console

from jaxmeta import display, keys, running, several, study, tasks
from jaxmeta.arithmetic import FAST
from jaxmeta.engine.place import LOCAL, Place
from jaxmeta.engine.scheduler import AUTO
from jaxmeta.prior import Prior
from jaxmeta.prior import tuner as prior_tuner
from jaxmeta.record import lines as record
from jaxmeta.record import weights
from jaxmeta.record.error import JournalError
from jaxmeta.record.journal import read
from jaxmeta.report import notebook
from jaxmeta.report.story import Score, Story, story
from jaxmeta.running import Means
from jaxmeta.space import Axis, Space
from jaxmeta.stopping import Rule
from jaxmeta.stopping import parse as parse_rule
from jaxmeta.study import Study, from_line
from jaxmeta.training import Trainable, Training
from jaxmeta.training.digest import digest, to_hex
from jaxmeta.trial import Values
from jaxmeta.tuning import Tuner

Tuned = Space | Mapping[str, Axis | None] | Iterable[str] | str


class Restored(NamedTuple):
    """What a study kept of its recommended trial, checked against the record.

    Attributes:
      task: of the study.
      values: all hyperparameters of the trial, those that are the same in every trial among them.
      kept: `Trainable.kept` of it, at its best epoch.
      digest: of its weights, as the record names it.
    """

    task: Trainable
    values: Values
    kept: Any
    digest: str


class Outcome:
    """A study's record, read for programs and notebooks; the study may still be running.

    Attributes:
      folder: of the study.
      lines: of its journal, as `record.journal.read` gives them.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.lines = read(self.folder)
        if not record.decisions(self.lines):
            raise JournalError(
                f"{folder} holds no decision yet; wait until the first training is done"
            )

    @cached_property
    def story(self) -> Story:
        """All of it, as `jaxmeta show` has it."""
        return story(self.lines)

    @property
    def finished(self) -> bool:
        return self.lines[-1]["line"] == "end"

    @property
    def best(self) -> Values:
        """The hyperparameters that the tuner recommends, those of the search space."""
        return self.story.recommended.values  # pyright: ignore[reportOptionalMemberAccess]

    @property
    def score(self) -> Score:
        """What they reached on the split that the study was scored on."""
        return self.story.recommended.score  # pyright: ignore[reportOptionalMemberAccess]

    @property
    def test(self) -> Score | None:
        """What their weights reached on the test set; None where there is none, or not yet."""
        return self.story.test

    @property
    def trials(self) -> int:
        """How many trainings were run for the decisions so far."""
        return sum(len(line["trainings"]) for line in record.decisions(self.lines))

    @property
    def decisions(self) -> list[dict[str, Any]]:
        """A row for each decision: chain, iteration, hyperparameters, score, and more."""
        return [
            {
                "chain": row.chain,
                "i": row.i,
                **row.values,
                "score": row.score.value,
                "of": row.score.of,
                "best_epoch": [one.best_epoch for one in row.trainings],
                "epochs": [len(one.curve) for one in row.trainings],
                "stopped": [one.stopped for one in row.trainings],
                "revisits": row.revisits,
            }
            for row in self.story.rows
        ]

    def to_pandas(self) -> Any:
        """`decisions` as a pandas.DataFrame.

        Raises:
          ModuleNotFoundError: pandas is not installed.
        """
        try:
            import pandas  # pyright: ignore[reportMissingImports]
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "a data frame needs pandas, and it is not installed: pip install pandas"
            ) from error
        return pandas.DataFrame(self.decisions)

    def weights(self, task: Trainable | str | None = None) -> Any:
        """What the study kept of its recommended trial (`Trainable.kept`), at its best epoch.

        Args:
          task: where it was made in Python, or "module:function" to trust the record's own.

        Raises:
          JournalError: nothing was kept, or it has not the digest that the record names.
        """
        return self.restored(task).kept

    def restored(
        self, task: Trainable | str | None = None, allow_download: bool = False
    ) -> Restored:
        """`weights`, and whose they are.

        Args:
          task: see `weights`.
          allow_download: whether data that are not on this machine may be downloaded.

        Raises:
          JournalError: see `weights`.
        """
        made = from_line(self.lines[0], task, allow_download)
        space = made.tuner.space
        best = record.recommended(
            record.kind_of(self.lines[0]),
            self.lines,
            [tuple(point["position"]) for point in self._end["chains"]],
        )
        values = {**made.constants, **space.values(tuple(best["position"]))}
        state = jax.eval_shape(
            lambda key, train: made.task.begin(key, values, train), keys.root(0), made.task.train
        )
        kept = weights.load(self.folder / weights.FOLDER, made.task.kept(state))
        found = to_hex(digest(made.task.weights(kept)))
        named = {
            entry["digests"][entry["best_epoch"] - 1]
            for entry in record.trainings_of(self.lines, best)
            if entry["best_epoch"]
        }
        if found not in named:
            raise JournalError(
                f"the weights in {self.folder / weights.FOLDER} have the digest {found}, and the "
                f"record names {' or '.join(sorted(named))}; restore them from a copy"
            )
        return Restored(made.task, values, kept, found)

    @property
    def _end(self) -> dict[str, Any]:
        if not self.finished:
            raise JournalError(
                f"the study in {self.folder} has not ended; jaxmeta resume {self.folder}"
            )
        return self.lines[-1]

    def _repr_html_(self) -> str:
        """What a notebook shows: tables, and the picture where matplotlib is installed."""
        return notebook.study(self.story, self.folder)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.best.items())
        return f"Outcome({str(self.folder)!r}: {values}, score {self.score}, test {self.test})"


def load(folder: Path | str) -> Outcome:
    """The study in `folder`, from its record alone.

    Raises:
      JournalError: there is no record of a study with a decision.
    """
    return Outcome(folder)


@overload
def tune(
    task: Trainable | str, space: Tuned = ..., *, seeds: None = None, **more: Any
) -> Outcome: ...


@overload
def tune(
    task: Trainable | str, space: Tuned = ..., *, seeds: Iterable[int], **more: Any
) -> list[Outcome]: ...


@overload
def tune(
    task: Sequence[Trainable | str],
    space: Tuned = ...,
    *,
    seeds: Iterable[int] | None = ...,
    **more: Any,
) -> list[Outcome]: ...


def tune(
    task: Trainable | str | Sequence[Trainable | str],
    space: Tuned = (),
    *,
    out: Path | str,
    tuner: Tuner | str | None = None,
    preset: str | None = None,
    epochs: int | None = None,
    patience: int | None = None,
    fixed: Mapping[str, Any] | None = None,
    seed: int = 0,
    seeds: Iterable[int] | None = None,
    workers: int = 0,
    lookahead: int | None = AUTO,
    keep_weights: bool = True,
    show: bool = True,
    scored_on: str = "validation",
    chains: int = 1,
    replicates: int = 1,
    trial_keys: str | None = None,
    place: Place = LOCAL,
    tensorboard: Path | str | None = None,
    prior: Prior | bool = True,
    stop_early: Rule | str | None = None,
    arithmetic: str = FAST,
    **options: Any,
) -> Outcome | list[Outcome]:
    """Run a study, and give what it found; with `seeds` a study from each, in a list, and with
    several tasks a study of each.

    Args:
      task: what is trained: a Task or another trainable, or the name of one of jaxmeta's own; or
        several of these, for which all that follows must fit.
      space: what is tuned: a Space; or names of the task's own axes; none for the task's first.
      out: the study's folder, new or empty.
      tuner: by name, or itself, and then `space`, `preset` and `options` are not given.
      preset: of the poster's tuner.
      epochs, patience: of each training; None: the task's own.
      fixed: values of hyperparameters that are not tuned.
      seeds: run a study from each of these instead of `seed`, on the same workers, each in a folder
        `seed-N` in `out`, or with several tasks `task-NAME/seed-N`; those that are there already
        go on.
      show: write what happens to the terminal.
      options: of the tuner, `i_max` for example.
      trial_keys: see `Study.keys`.
      tensorboard: a folder for a log that TensorBoard reads, where `show` is true.
      prior: what `RankGP` learns from; True: what comes with the package; False: nothing.
      stop_early: stop trainings that fall behind: a rule of `stopping`, or its words ("rival",
        "halving:eta=4"); None: every training goes on to its own end.
      seed, workers, lookahead, keep_weights, scored_on, chains, replicates, arithmetic, place: see
        `Study`, `running.Means`.

    Raises:
      ValueError: something of this does not fit.
      JournalError: the folder is not new or empty, or the disk did not take a line.
    """

    def wanted_of(task: Trainable | str) -> Study:
        task = tasks.make(task) if isinstance(task, str) else task
        by = tuner
        if by is None or isinstance(by, str):
            names = [space] if isinstance(space, str) else space
            if not isinstance(names, Space):
                axes = names if isinstance(names, Mapping) else dict.fromkeys(names)
                names = study.space_of(task, axes, preset)
            constants = {**task.defaults, **(fixed or {})}
            by = prior_tuner.make(by, preset, names, prior, constants, options)
        elif space or preset or options:
            raise ValueError("a tuner has its space and options already; leave the others out")
        own = task.training
        return Study(
            task,
            by,
            Training(epochs or own.epochs, patience or own.patience),
            seed,
            scored_on,
            chains,
            replicates,
            trial_keys,
            fixed=fixed or {},
            stop_early=parse_rule(stop_early) if isinstance(stop_early, str) else stop_early,
            arithmetic=arithmetic,
        )

    means = Means(workers, lookahead, keep_weights, place)
    one = isinstance(task, str | Trainable)
    every = [wanted_of(each) for each in ([task] if isinstance(task, str | Trainable) else task)]
    if seeds is not None or not one:
        studies = several.named(every, [seed] if seeds is None else seeds)
        several.run(studies, out, means, display.several(Console()) if show else None)
        return [load(Path(out, name)) for name in studies]
    (wanted,) = every
    if show:
        board = None if tensorboard is None else Path(tensorboard)
        with display.watcher(Console(), wanted, board) as watcher:
            running.run(wanted, out, watcher, **vars(means))
    else:
        running.run(wanted, out, None, **vars(means))
    return load(out)
