"""Run a study, or go on with one: ask the tuner, run the program, append to the record, tell the
tuner.

The journal's first line is the study's identity, then comes a line for each decision with its
trainings, then the end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from jaxmeta import engine, testing
from jaxmeta.engine import Engine, Place
from jaxmeta.engine.local import programs_of
from jaxmeta.engine.place import LOCAL
from jaxmeta.engine.scheduler import AUTO, Scheduler
from jaxmeta.engine.together import Course, together
from jaxmeta.engine.utilization import Utilization
from jaxmeta.record import checkpoint, environment, lines, schema, weights
from jaxmeta.record.cache import Cache
from jaxmeta.record.journal import FIRST_PREV, FORMAT, Journal, JournalError, Line
from jaxmeta.replay import replay
from jaxmeta.study import Study, from_line, recipes_of
from jaxmeta.training import Trainable
from jaxmeta.trial import Decision, Result, Trial
from jaxmeta.tuning import Chains, Tuner


class Watcher(Protocol):
    """Who looks on while a study runs; nothing that it does reaches the study."""

    def asked(self, decision: Decision, use: Utilization) -> None: ...

    def epoch(self, trial: Trial, result: Result) -> None: ...

    def told(self, line: Line) -> None: ...

    def ended(self, line: Line) -> None: ...


class Nobody:
    """The watcher of a silent study."""

    def asked(self, decision: Decision, use: Utilization) -> None: ...

    def epoch(self, trial: Trial, result: Result) -> None: ...

    def told(self, line: Line) -> None: ...

    def ended(self, line: Line) -> None: ...


@dataclass(frozen=True)
class Means:
    """How studies are run; none of it changes a journal.

    Attributes:
      workers: train in so many processes; 0: in this one, on all its devices.
      lookahead: run trials that may be needed at most so many iterations ahead, in lanes that
        would idle; 0: none, AUTO: as far as it takes to fill them.
      keep_weights: keep those of the recommended trial in the folder, as an Orbax checkpoint.
      place: the machines; on a cluster 0 workers are as many as it has room for.

    Raises:
      ValueError: a number is negative.
    """

    workers: int = 0
    lookahead: int | None = AUTO
    keep_weights: bool = True
    place: Place = LOCAL

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise ValueError(
                f"workers must be 0 or more, got {self.workers}; 0 trains in this process"
            )
        if self.lookahead is not None and self.lookahead < 0:
            raise ValueError(
                f"lookahead must be auto, 0 or more, got {self.lookahead}; 0 looks at nothing"
            )


@dataclass
class Open:
    """A study and its journal, which is open; of a study that begins it is empty."""

    study: Study
    journal: Journal
    watcher: Watcher

    def __post_init__(self) -> None:
        self.chains = replay(self.journal.lines, checked=True) if self.journal.lines else None

    @property
    def ended(self) -> bool:
        return bool(self.journal.lines) and self.journal.lines[-1]["line"] == "end"

    def begin(self, runner: Engine, recipe: int, saves: Path, accept_environment: bool) -> Chains:
        """Write the first line; or look whether the environment is still that of the record.

        Args:
          recipe: the number of its own among the engine's.
          saves: where trainings in progress may be that another environment has begun.

        Raises:
          JournalError: it is not.
        """
        here = surroundings(runner, self.study.tuner, recipe)
        if self.chains is None:
            spoken = {**self.study.configuration(), "environment": here}
            first = {"prev": FIRST_PREV, "line": "study", "format": FORMAT, **spoken}
            schema.check([first])
            self.journal.append(first)
            return replay(self.journal.lines, checked=True)
        changes = environment.differences(lines.environments(self.journal.lines)[-1], here)
        if changes and not accept_environment:
            raise JournalError(
                "the environment must be that of the record, and differs ("
                + "; ".join(changes)
                + "); restore it, or go on with --accept-environment, which the record will show"
            )
        if changes:
            checkpoint.forget(saves)  # no training in two environments
            self.journal.append({"line": "environment", "environment": here})
        return self.chains


def run(
    study: Study,
    folder: Path | str,
    watcher: Watcher | None = None,
    workers: int = 0,
    lookahead: int | None = AUTO,
    keep_weights: bool = True,
    place: Place = LOCAL,
) -> Line:
    """Run `study` into the new folder `folder`; the journal's last line.

    Args:
      watcher: who looks on.
      workers, lookahead, keep_weights, place: see `Means`.

    Raises:
      JournalError: the folder is not new or empty, or the disk did not take a line.
      ValueError: in portable arithmetic, and the task is not portable at all values of the space.
    """
    means = Means(workers, lookahead, keep_weights, place)
    with Journal.create(Path(folder)) as journal:
        one = Open(study, journal, watcher or Nobody())
        return go_on({"": one}, folder, means)[""]


def resume(
    folder: Path | str,
    task: Trainable | str | None = None,
    watcher: Watcher | None = None,
    accept_environment: bool = False,
    workers: int = 0,
    lookahead: int | None = AUTO,
    allow_download: bool = False,
    keep_weights: bool = True,
    place: Place = LOCAL,
) -> Line:
    """Go on with the study in `folder`, to the journal that it would have had uninterrupted.

    Args:
      folder: of a study that `run` began.
      task: the task, where it was made in Python; "module:function" to trust the record's own;
        None: by the name in the record, which must be one of this package's.
      accept_environment: go on although versions, flags or device are not those of the record; a
        line of the journal says so.
      watcher, workers, lookahead, keep_weights, place: as for `run`, and free to be others than
        before.
      allow_download: whether data that are not on this machine may be downloaded.

    Raises:
      JournalError: the journal does not fit, is in use, or was written in another environment.
    """
    means = Means(workers, lookahead, keep_weights, place)
    with Journal.open(Path(folder)) as journal:
        study = study_in(journal, task, allow_download)
        one = Open(study, journal, watcher or Nobody())
        return go_on({"": one}, folder, means, accept_environment)[""]


def study_in(journal: Journal, task: Trainable | str | None, allow_download: bool) -> Study:
    """The study that an open journal is of; its form is checked.

    Raises:
      JournalError: there is none.
    """
    if not journal.lines:
        raise JournalError(
            f"{journal.folder} must hold a study that began, and its first line was never written; "
            "start it again: jaxmeta tune"
        )
    schema.check(journal.lines)
    return from_line(journal.lines[0], task, allow_download)


def go_on(
    studies: Mapping[str, Open], folder: Path | str, means: Means, accept_environment: bool = False
) -> dict[str, Line]:
    """Run studies to their ends, which share an engine; the last lines, by name.

    Args:
      folder: of them all.
    """
    ends = {name: one.journal.lines[-1] for name, one in studies.items() if one.ended}
    going = {name: one for name, one in studies.items() if name not in ends}
    if not going:
        return ends
    saves = means.place.saves(folder)
    recipes, which = recipes_of({name: one.study for name, one in going.items()}, saves)
    begun = [name for name, one in going.items() if one.chains is None]
    for number, space in {(which[name], going[name].study.tuner.space) for name in begun}:
        programs_of(recipes[number]).admit(space)
    with engine.start(recipes, means.workers, means.place) as runner:
        courses: dict[str, tuple[Scheduler, Course]] = {}
        for name, one in going.items():
            chains = one.begin(runner, which[name], saves or Path(folder), accept_environment)
            cache = Cache(one.journal.folder, one.journal.lines, Result)
            scheduler = Scheduler(
                runner.lanes,
                chains,
                cache,
                saves,
                means.lookahead,
                one.watcher.epoch,
                name.replace("/", "."),  # a part of a file's name
                which[name],
            )
            courses[name] = scheduler, _course(one, chains, scheduler, means)
        ends |= together(runner, courses)
    if saves:
        checkpoint.forget(saves)  # by now nobody saves any more
    return ends


def surroundings(runner: Engine, tuner: Tuner, recipe: int = 0) -> dict[str, Any]:
    """The fingerprint of the environment that trials run in and that decisions are made in."""
    return {**runner.surroundings(recipe), **environment.versions(getattr(tuner, "packages", ()))}


def _course(one: Open, chains: Chains, scheduler: Scheduler, means: Means) -> Course:
    """A study from where it is to its end."""
    journal, watcher = one.journal, one.watcher
    first = journal.lines[0]
    programs = lines.programs(journal.lines)
    while (decision := chains.next()) is not None:
        watcher.asked(decision, scheduler.use)
        results = yield from scheduler.fetch(decision)
        _same_program(programs, decision, results)
        line = lines.decision_line(first, decision, results, *chains.tell(decision))
        watcher.told(journal.append(line))
        seconds = scheduler.used(decision)
        journal.note_time(
            chain=decision.chain,
            i=decision.suggestion.i,
            seconds=round(seconds, 3),
            **scheduler.use.totals(),
        )
    keep = journal.folder / weights.FOLDER if means.keep_weights else None
    events = yield from scheduler.run(testing.jobs(chains, journal.lines, keep))
    test = testing.outcome(chains, journal.lines, events)
    end = journal.append(lines.end_line(first, journal.lines, chains.recommended, test))
    watcher.ended(end)
    return end


def _same_program(programs: dict[str, str], decision: Decision, results: list[Result]) -> None:
    """In one environment a variant is one compiled program, whichever process compiled it."""
    variant = lines.variant_of(lines.show_values(decision.suggestion.values))
    for result in results:
        if programs.setdefault(variant, result.compiled) != result.compiled:
            raise JournalError(
                f"the program at {variant or 'these values'} compiled to {result.compiled} here, "
                f"and is {programs[variant]} in the record; the task's own code has changed: "
                "restore it, or begin a new study"
            )
