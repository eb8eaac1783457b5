"""A prior: trainings of earlier tasks, with their values, so that any space can be laid over them.

Of a training it holds the values of all hyperparameters, tuned or not, and the share of its task's
trainings that it did better than: scores of different tasks cannot be compared, ranks can. `on`
gives what a tuner over one space can use of it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

from jaxmeta.prior import lattice
from jaxmeta.record import files, rules, schema
from jaxmeta.record.error import JournalError, shown
from jaxmeta.record.journal import read
from jaxmeta.record.lines import decisions, kind_of, rank
from jaxmeta.space import Space
from jaxmeta.trial import Values
from jaxmeta.tuning.earlier import LETTERS, SHARE, TASKS, TRAININGS, Earlier, Row

FORMAT = 1


class Trained(NamedTuple):
    """A training of an earlier task."""

    values: Values  # by the names of its hyperparameters, tuned or not
    share: int  # of its task's trainings it did better than, 0 to SHARE


class Task(NamedTuple):
    """An earlier task: the first trainings of one study."""

    source: str  # in words
    digest: str  # SHA-256 of what it was read from
    trainings: tuple[Trained, ...]  # 1 to TRAININGS


_trained = rules.record(values=rules.table(rules.plain(0)), share=rules.whole(0, SHARE))
FORM = rules.record(
    format=rules.one_of(FORMAT),
    tasks=rules.many(
        rules.record(
            source=rules.text(LETTERS),
            digest=schema.HASH,
            trainings=rules.many(_trained, 1, TRAININGS),
        ),
        1,
        TASKS,
    ),
)


@dataclass(frozen=True)
class Prior:
    """Earlier tasks, 1 to 64 of them.

    >>> Prior.from_records(["runs/a", "runs/b"]).save("prior.json")  # doctest: +SKIP
    """

    tasks: tuple[Task, ...]

    @classmethod
    def from_records(cls, folders: Iterable[Path | str]) -> Self:
        """What the studies in `folders` have trained, the first 40 trainings of each.

        A record may be a stranger's: only its form is checked, and only numbers and names are
        taken. `jaxmeta replay` says whether it is what it claims to be.

        Raises:
          JournalError: a folder holds no record of a study.
          ValueError: none of them holds two trainings.
        """
        found = map(of_record, map(Path, folders))
        return cls.of([task for task in found if task is not None])

    @classmethod
    def of(cls, tasks: Sequence[Task]) -> Self:
        """The prior of these tasks; a ValueError unless there are 1 to 64."""
        if not 1 <= len(tasks) <= TASKS:
            raise ValueError(
                f"a prior is made of 1 to {TASKS} studies with two trainings or more, got "
                f"{len(tasks)}; name other folders"
            )
        return cls(tuple(tasks))

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """The prior that `save` wrote into the file `path`, which may be a stranger's.

        Raises:
          JournalError: it is no file, or larger than 16 MiB.
          ValueError: it has not the form of a prior.
        """
        try:
            with open(path, "rb", opener=files.regular) as file:
                content = file.read(files.LINE + 1)
        except OSError as error:
            raise JournalError(
                f"{path} could not be read ({error.strerror}); name a file of `jaxmeta prior build`"
            ) from None
        if len(content) > files.LINE:
            raise JournalError(f"{path} has more than {files.LINE} bytes; name another file")
        try:
            return cls.from_text(content)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    @classmethod
    def from_text(cls, text: str | bytes) -> Self:
        """The prior that was written as `text`; a ValueError if none was."""
        try:
            given = json.loads(text, object_pairs_hook=_once)
            FORM(given, "")
        except rules.Unfit as unfit:
            raise ValueError(
                f"a prior must have {unfit.at or 'its fields'} = {unfit.expected}, and has "
                f"{shown(unfit.value)}; make it again with `jaxmeta prior build`"
            ) from None
        except (ValueError, RecursionError):
            raise ValueError(
                "a prior is JSON in which no name stands twice, and this is none; make one with "
                "`jaxmeta prior build`"
            ) from None
        return cls(
            tuple(
                Task(
                    one["source"], one["digest"], tuple(Trained(**row) for row in one["trainings"])
                )
                for one in given["tasks"]
            )
        )

    @cached_property
    def text(self) -> str:
        """As JSON, a task a line; the same prior gives the same text."""
        lines = [
            json.dumps({**task._asdict(), "trainings": [row._asdict() for row in task.trainings]})
            for task in self.tasks
        ]
        return f'{{"format": {FORMAT}, "tasks": [\n' + ",\n".join(lines) + "\n]}\n"

    @property
    def digest(self) -> str:
        """SHA-256 of `text`."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def save(self, path: Path | str) -> None:
        """Write `text` into the file `path`."""
        Path(path).write_text(self.text)

    def on(self, space: Space, constants: Mapping[str, Any] | None = None) -> Earlier | None:
        """What a tuner over `space` can use of it; None: nothing.

        Axes are met by name. A value becomes the nearest position; a training with a value that is
        beyond the axis is left out, and so is one that differs from `constants`, the values that
        are not tuned, in a word, such as the optimiser. Of an axis that the earlier study says
        nothing of, it is taken to tell nothing.

        Args:
          space: its ranges have positions.
          constants: of all hyperparameters; those that the space tunes are passed over.
        """
        places = {
            name: lattice.Places(axis) for name, axis in zip(space.names, space.axes, strict=True)
        }
        fixed = {n: value for n, value in (constants or {}).items() if n not in places}
        tasks, sources, left_out = [], [], []
        for task in self.tasks:
            rows = [_row(places, fixed, trained) for trained in task.trainings]
            kept = tuple(row for row in rows if isinstance(row, Row))
            why = sorted({row for row in rows if isinstance(row, str)})
            if why:
                words = f"{len(rows) - len(kept)} of {len(rows)} of {task.source}: {', '.join(why)}"
                left_out.append(words[:LETTERS])
            if len(kept) >= 2:
                tasks.append(kept)
                sources.append(f"{task.source[: LETTERS - 20]} {task.digest[:16]}")
        if not tasks:
            return None
        return Earlier(self.digest, tuple(sources), tuple(left_out), tuple(tasks))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; a ValueError if a name stands in it twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _row(
    places: Mapping[str, "lattice.Places"], constants: Mapping[str, Any], trained: Trained
) -> Row | str:
    """The training on the new lattice, or why it is left out."""
    for name, value in constants.items():
        other = trained.values.get(name, value)
        if isinstance(other, str) and isinstance(value, str) and other != value:
            return f"another {name}"
    position: list[int | None] = []
    for name, axis in places.items():
        there = trained.values.get(name)
        k = None if there is None else axis.nearest(there)
        if there is not None and k is None:
            return f"{name} out of range"
        position.append(k)
    if all(k is None for k in position):
        return "no axis in common"
    return Row(tuple(position), trained.share)


def of_record(folder: Path) -> Task | None:
    """The first trainings of the study in `folder`; None if it has fewer than two."""
    lines = read(folder)
    if not lines:
        return None
    first, space = lines[0], schema.space_of(lines[0])
    own = [line for line in decisions(lines) if line["trainings"]][:TRAININGS]
    if len(own) < 2:
        return None
    kind = kind_of(first)
    beaten = shares([rank(kind, line["score"]) for line in own])
    trainings = tuple(
        Trained({**first["fixed"], **space.values(line["position"])}, share)
        for line, share in zip(own, beaten, strict=True)
    )
    words = " ".join(str(value) for value in first["task"].values() if isinstance(value, str))
    told = json.dumps([first["task"], first["space"], [row._asdict() for row in trainings]])
    return Task(words[:LETTERS], hashlib.sha256(told.encode()).hexdigest(), trainings)


def shares(scores: Sequence[int]) -> list[int]:
    """Which share of `scores` each of them is better than, ties half, in units of 1 / SHARE."""
    n = len(scores)
    twice = [sum((a > b) + (a >= b) for b in scores) for a in scores]
    return [SHARE * beaten // (2 * n) for beaten in twice]
