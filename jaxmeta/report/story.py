"""A journal's lines as the plain numbers that the table, the picture and the live display share."""

import statistics
from functools import lru_cache
from typing import Any, NamedTuple

from jaxmeta.plain import plain
from jaxmeta.record import lines as record
from jaxmeta.record.error import JournalError
from jaxmeta.record.journal import Line
from jaxmeta.report.moves import Move, read_moves
from jaxmeta.report.score import Score, read_score
from jaxmeta.report.words import NAME, ending, show_task
from jaxmeta.score import COUNT
from jaxmeta.space import Axis, Space
from jaxmeta.trial import Position, Value, Values


class Trained(NamedTuple):
    """One trial of a decision."""

    score: Score
    best_epoch: int  # from 1; 0 where it diverged
    curve: tuple[Score, ...]  # after each epoch
    stopped: bool  # before its own end, by the study's rule


class Row(NamedTuple):
    """One decision: what was asked, what came of it, and what the tuner made of it."""

    chain: int
    i: int
    position: Position
    values: Values  # those of the search space, by name
    moves: tuple[Move, ...]  # one an axis; none for a tuner that makes no moves
    score: Score  # of all replicates together
    trainings: tuple[Trained, ...]  # a replicate each
    revisits: int | None  # the iteration that these trials were run in; None: this one
    better: bool | None  # not worse than the decision before; None for the first, or if nobody asks
    outcome: str  # "better", "equal" or "worse" than the decision before; "" where `better` is None
    line: Line  # as it was recorded

    @property
    def spread(self) -> float | None:
        """The standard deviation of the replicates' scores; None for one, or where one diverged.

        In percent for counts out of so many, else as the scores are.
        """
        values = [one.score.plotted for one in self.trainings]
        found = [value for value in values if value is not None]
        return statistics.stdev(found) if len(found) == len(values) > 1 else None

    @property
    def epochs(self) -> str:
        """The best epoch of each replicate, and of how many."""
        return " ".join(f"{one.best_epoch}/{len(one.curve)}" for one in self.trainings)


class Story(NamedTuple):
    """A study, finished or not."""

    task: str
    space: Space
    fixed: dict[str, Any]  # values of the hyperparameters that are not tuned
    tuner: str
    tuner_options: dict[str, Any]
    training_options: dict[str, Any]
    stop_early: dict[str, Any] | None  # by which rule trainings are stopped, see `stopping`
    promises: str  # which bits
    seed: int
    chains: int
    replicates: int  # trials a decision
    paired: bool  # one key for all trials
    scored_on: str
    kind: str  # of the scores, "count" or "float"
    meaning: str  # what a score is, in words
    of: int | None  # what the count of one trial is out of
    at_most: int  # decisions
    rows: list[Row]
    recommended: Row | None  # the best decision where the tuner stands; None before the first
    best_score: Row | None  # the earliest of the best
    test: Score | None  # None while the study is not finished, and where there is no test set
    finished: bool
    ending: str  # how it ended, or how far it came

    @property
    def epochs(self) -> tuple[int, int, int]:
        """Epochs that were run, trainings that the study's rule stopped, and trainings."""
        fresh = [one for row in self.rows if row.revisits is None for one in row.trainings]
        run = sum(len(one.curve) for one in fresh)
        return run, sum(one.stopped for one in fresh), len(fresh)

    @property
    def percent(self) -> bool:
        """Scores are counts out of so many, so that there is a percentage."""
        return self.kind == COUNT and self.of is not None


def story(lines: list[Line]) -> Story:
    """The study that these `lines` of a journal tell of; the end may be missing.

    Raises:
      JournalError: there is no line, or what a decision says does not fit the search space.
    """
    if not lines:
        raise JournalError("the journal must have a first line, and is empty; run `jaxmeta tune`")
    first, kind = lines[0], record.kind_of(lines[0])
    space, of = Space.from_record(first["space"]), first["score"]["of"].get(first["scored_on"])
    rows: list[Row] = []
    last: dict[int, Row] = {}  # of each chain
    where: dict[tuple[int, int], Row] = {}
    for line in record.decisions(lines):
        entries = line["trainings"]
        if line["revisits"] is not None:
            entries = where[line["chain"], line["revisits"]].line["trainings"]
        here = _row(space, line, entries, of, last.get(line["chain"]))
        rows.append(here)
        last[here.chain] = where[here.chain, here.i] = here
    end = next((line for line in lines if line["line"] == "end"), None)
    test = end and end["test"]
    at_most = first["tuner"]["decisions"] * first["chains"]
    noprog = rows[-1].line["told"].get("noprog", 0) if rows else 0

    def row_of(line: Line) -> Row:
        return where[line["chain"], line["i"]]

    return Story(
        task=show_task(first["task"]),
        space=space,
        fixed=first["fixed"],
        tuner=plain(first["tuner"]["name"], NAME),
        tuner_options={n: v for n, v in first["tuner"].items() if n not in _SAID},
        training_options=first["training"],
        stop_early=first.get("stop_early"),
        promises=plain(first["promises"], NAME),
        seed=first["seed"],
        chains=first["chains"],
        replicates=first["replicates"],
        paired=first["keys"] == "paired",
        scored_on=plain(first["scored_on"], NAME),
        kind=kind,
        meaning=plain(first["score"]["meaning"], NAME),
        of=of,
        at_most=at_most,
        rows=rows,
        recommended=row_of(_recommended(kind, lines, last)) if rows else None,
        best_score=row_of(record.best(kind, record.decisions(lines))) if rows else None,
        test=read_score(test["score"], test["of"]) if test else None,
        finished=end is not None,
        ending=ending(len(rows), at_most, first["chains"], noprog, end is not None),
    )


_SAID = ("name", "version", "one", "decisions")  # of a tuner; the rest are its options


def _row(space: Space, line: Line, entries: list[Line], of: int | None, before: Row | None) -> Row:
    """The decision of `line` on the trials `entries`, each scored on `of` examples, after the
    decision `before` of its chain."""
    better = None if before is None else line["told"].get("better")
    words = {None: "", False: "worse", True: "better"}
    equal = better and before is not None and line["score"] == before.line["score"]
    position = tuple(line["position"])
    return Row(
        chain=line["chain"],
        i=line["i"],
        position=position,
        values={
            name: _value(axis, k)
            for name, axis, k in zip(space.names, space.axes, position, strict=True)
        },
        moves=read_moves(space, line["asked"]),
        score=read_score(line["score"], None if of is None else of * len(entries)),
        trainings=tuple(
            Trained(
                score=read_score(entry["score"], of),
                best_epoch=entry["best_epoch"],
                curve=tuple(read_score(points, of) for points in entry["curve"]),
                stopped=entry.get("stopped", False),
            )
            for entry in entries
        ),
        revisits=line["revisits"],
        better=better,
        outcome="equal" if equal else words[better],
        line=line,
    )


@lru_cache(2**16)  # exact values take a while, and the live view asks for them again and again
def _value(axis: Axis, k: int) -> Value:
    return axis.value(k)


def _recommended(kind: str, lines: list[Line], last: dict[int, Row]) -> Line:
    """The decision that the study stands for so far; `last` has the latest of each chain."""
    try:
        best = {chain: tuple(row.line["told"]["best"]) for chain, row in last.items()}
        positions = [best.get(chain, ()) for chain in range(lines[0]["chains"])]
        return record.recommended(kind, lines, positions)
    except (KeyError, TypeError):
        raise JournalError(
            "the last decision recommends no position; the record was changed "
            "after it was made, restore it from a copy"
        ) from None
