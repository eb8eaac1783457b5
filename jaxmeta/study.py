"""A study: the one place where tuner, training program and record meet.

Ask the tuner, run the program, append to the record, tell the tuner. The journal's first line is
the study's identity, then comes a line for each training and decision, then the end. Everything in
it is a function of that identity.
"""

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import jax

from jaxmeta import keys, tasks
from jaxmeta.record import environment, lines
from jaxmeta.record.checkpoint import Checkpoint
from jaxmeta.record.journal import FORMAT, Journal, JournalError, Line
from jaxmeta.replay import compare, replay
from jaxmeta.tasks import Task
from jaxmeta.training.digest import digest, to_hex
from jaxmeta.training.program import Program, Progress, Result, Training
from jaxmeta.tuning import TuneLearningRate, Tuner, Walk, Wanted, from_record, to_record

SCORED_ON = ("validation", "test")


class Watcher(Protocol):
    """Who looks on while a study runs; nothing that it does reaches the study."""

    def asked(self, wanted: Wanted) -> None: ...

    def epoch(self, wanted: Wanted, progress: Progress) -> None: ...

    def told(self, line: Line) -> None: ...

    def ended(self, line: Line) -> None: ...


class Nobody:
    """The watcher of a silent study."""

    def asked(self, wanted: Wanted) -> None: ...

    def epoch(self, wanted: Wanted, progress: Progress) -> None: ...

    def told(self, line: Line) -> None: ...

    def ended(self, line: Line) -> None: ...


@dataclass(frozen=True)
class Study:
    """What is tuned, by whom, how long each training lasts, and from which seed.

    Attributes:
      task: what is trained.
      tuner: who chooses the next training.
      training: epochs, patience and batches of each training.
      seed: an integer in [0, 2**32); all that is random in the study comes from it.
      scored_on: the split that the tuner's scores are taken on: "validation", or "test", the
        poster's own choice (the test set is then no longer unseen, and the record says so).
    """

    task: Task
    tuner: Tuner = field(default_factory=TuneLearningRate)
    training: Training = field(default_factory=Training)
    seed: int = 0
    scored_on: str = "validation"

    def __post_init__(self) -> None:
        if self.scored_on not in SCORED_ON:
            raise ValueError(
                f"scored_on must be one of {', '.join(SCORED_ON)}, got {self.scored_on!r}; "
                "choose one"
            )
        self.training.steps(len(self.task.data.train.x))
        keys.root(self.seed)  # says what is wrong with it

    def program(self) -> Program:
        """Train_N of this study."""
        data = self.task.data
        return Program(self.task, data.train, getattr(data, self.scored_on), self.training)

    def configuration(self) -> dict[str, Any]:
        """What was asked for, as JSON."""
        data = self.task.data
        return {
            "task": {"name": self.task.name, **self.task.options},
            "tuner": to_record(self.tuner),
            "training": asdict(self.training),
            "seed": self.seed,
            "scored_on": self.scored_on,
            "score": self.task.score,
            "data": {
                "name": data.name,
                "digest": data.digest,
                "train": len(data.train.x),
                "validation": len(data.validation.x),
                "test": len(data.test.x),
            },
        }

    def identity(self, program: Program) -> Line:
        """The journal's first line."""
        return {
            "line": "study",
            "format": FORMAT,
            **self.configuration(),
            "environment": surroundings(program),
        }


def surroundings(program: Program) -> dict[str, Any]:
    """The environment's fingerprint, with that of the program in it."""
    return {**environment.fingerprint(), **program.fingerprint()}


def from_line(first: Line, task: Task | None = None) -> Study:
    """The study that a journal's first line names; `task` where it was made in Python.

    Raises:
      JournalError: the task cannot be made here, or comes out otherwise than the record says.
    """
    if task is None:
        options = dict(first["task"])
        name = options.pop("name")
        try:
            task = tasks.make(name, **options)
        except ValueError as error:
            raise JournalError(
                f"the record's task must be made again to train it, and cannot ({error}); where it "
                "was made in Python, go on there: jaxmeta.resume(folder, task)"
            ) from error
    study = Study(
        task,
        from_record(first["tuner"]),
        Training(**first["training"]),
        first["seed"],
        first["scored_on"],
    )
    rest = {name: first.get(name) for name in ("line", "format", "environment")}
    compare(1, first, {**rest, **study.configuration()})
    return study


def run(study: Study, folder: Path | str, watcher: Watcher | None = None) -> Line:
    """Run `study` into the new folder `folder`; the journal's last line.

    Raises:
      JournalError: the folder is not new or empty, or the disk did not take a line.
    """
    with Journal.create(Path(folder)) as journal:
        program = study.program()
        journal.append(study.identity(program))
        return _go_on(study, program, journal, watcher or Nobody())


def resume(
    folder: Path | str,
    task: Task | None = None,
    watcher: Watcher | None = None,
    accept_environment: bool = False,
) -> Line:
    """Go on with the study in `folder`, to the journal that it would have had uninterrupted.

    Args:
      folder: of a study that `run` began.
      task: the task, where it was made in Python; None: by the name in the record.
      accept_environment: go on although versions, flags or device are not those of the record; a
        line of the journal says so.

    Raises:
      JournalError: the journal does not fit, is in use, or was written in another environment.
    """
    with Journal.open(Path(folder)) as journal:
        if not journal.lines:
            raise JournalError(
                f"{folder} must hold a study that began, and its first line was never written; "
                "start it again: jaxmeta tune"
            )
        study = from_line(journal.lines[0], task)
        replay(journal.lines)
        if journal.lines[-1]["line"] == "end":
            return journal.lines[-1]
        program = study.program()
        here = surroundings(program)
        changes = environment.differences(environment_of(journal.lines), here)
        if changes and not accept_environment:
            raise JournalError(
                "the environment must be that of the record, and differs ("
                + "; ".join(changes)
                + "); restore it, or go on with --accept-environment, which the record will show"
            )
        if changes:
            _checkpoint(journal).clear()  # no training in two environments
            journal.append({"line": "environment", "environment": here})
        return _go_on(study, program, journal, watcher or Nobody())


def environment_of(journal: list[Line]) -> dict[str, Any]:
    """The environment in force after the last of these lines."""
    return [line["environment"] for line in journal if "environment" in line][-1]


def _go_on(study: Study, program: Program, journal: Journal, watcher: Watcher) -> Line:
    """From an open journal to its end."""
    walk = replay(journal.lines)
    checkpoint = _checkpoint(journal)
    while not walk.done:
        wanted = walk.ask()
        watcher.asked(wanted)
        started = time.monotonic()
        trained = _train(program, walk, wanted, checkpoint, watcher)
        told = walk.tell(trained.score)
        line = lines.training_line(journal.lines[0], wanted, trained, told)
        watcher.told(journal.append(line))
        checkpoint.clear()
        journal.note_time(i=wanted.i, seconds=round(time.monotonic() - started, 3))
    checkpoint.clear()
    k_best = int(study.tuner.recommend(walk.state))
    test = test_of(study, program, walk, journal.lines)
    end = journal.append(lines.end_line(journal.lines[0], journal.lines, k_best, test))
    watcher.ended(end)
    return end


def _checkpoint(journal: Journal) -> Checkpoint:
    compiled = jax.jit(digest)  # operation by operation it would take seconds
    return Checkpoint(journal.folder, lambda progress: to_hex(compiled(progress)))


def _train(
    program: Program, walk: Walk, wanted: Wanted, checkpoint: Checkpoint, watcher: Watcher
) -> Result:
    """Train what is wanted, from its checkpoint if it has one."""

    def watch(progress: Progress) -> None:
        checkpoint.save(wanted.i, int(progress.epoch), progress)
        watcher.epoch(wanted, progress)

    key = walk.training_key(wanted.i)
    at = program.fresh(key, wanted.values)
    at = checkpoint.load(wanted.i, at) or at
    return program.resume(at, key, wanted.values, watch=watch)[0]


def test_of(study: Study, program: Program, walk: Walk, journal: list[Line]) -> dict[str, Any]:
    """The only look at the test set: by the weights of λ_best at their best epoch.

    That training is run once more and must give the weights that the record names.
    """
    kind, test = study.task.score, study.task.data.test
    best = lines.at_best(kind, journal, int(study.tuner.recommend(walk.state)))
    epochs = best["best_epoch"]
    if not epochs:
        return {"score": "diverged", "of": len(test.x)}
    values = {name: float.fromhex(value) for name, value in best["values"].items()}
    result, at = program.train(walk.training_key(best["i"]), values, until=epochs)
    if result.digests != best["digests"][:epochs]:
        raise JournalError(
            f"training {best['i']} must give the weights of its line in the journal when it is run "
            "again, and gives others; this machine does not repeat its own arithmetic: look at its "
            "memory and its flags"
        )
    score, _ = program.evaluate(at.params, at.rest, tuple(test))
    return {
        "score": lines.show(kind, int(score)),
        "of": len(test.x),
        "weights": result.digests[-1],
    }
