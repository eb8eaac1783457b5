"""A journal's lines as the plain numbers that the table, the picture and the live display share.

Scores keep what the record has: a count of correct predictions is an int, minus a sum of squared
errors a float. Probabilities are recorded in units whose sum is certainty (`tuning.moves`), and are
fractions here. Its words are made fit to be shown (`plain`).
"""

import statistics
from typing import Any, NamedTuple

from jaxmeta.plain import plain
from jaxmeta.record.journal import JournalError, Line
from jaxmeta.record.lines import COUNT, best, decisions

NAME, OPTIONS = 100, 500  # characters that are shown
MOVES = {1: "up", 2: "keep", 3: "down"}  # the poster's c
ARROWS = {"up": "↑ up", "keep": "= keep", "down": "↓ down", "": "–"}


class Score(NamedTuple):
    """What a training reached on some examples.

    Attributes:
      value: a count (int), minus a sum of squared errors (float), or None: it diverged.
      of: how many examples it was taken on.
    """

    value: int | float | None
    of: int

    def __str__(self) -> str:
        if self.value is None:
            return "diverged"
        if isinstance(self.value, float):
            return f"{self.value:.6g}"
        return f"{self.value}/{self.of} = {100 * self.value / self.of:.2f} %"


class Choice(NamedTuple):
    """Why a training has the learning rate that it has.

    Attributes:
      move: "up", "keep" or "down"; "" for the first training and for a tuner that makes no moves.
      held: the move would have left the bounds of λ, and was not taken.
      u: the draw in [0, 1) that picked the move; None where there is none.
      p: (p1, p2, p3) that the draw met; None for a tuner without probabilities.
    """

    move: str
    held: bool
    u: float | None
    p: tuple[float, float, float] | None


class Trained(NamedTuple):
    """One training of a decision."""

    score: Score
    best_epoch: int  # from 1; 0 where it diverged
    curve: tuple[Score, ...]  # after each epoch


class Row(NamedTuple):
    """One decision: what was asked, what came of it, and what the tuner made of it."""

    chain: int
    i: int
    k: int
    learning_rate: float
    choice: Choice
    score: Score
    trainings: tuple[Trained, ...]  # a replicate each
    revisits: int | None  # the iteration that these trainings were run in; None: this one
    better: bool | None  # not worse than the decision before; None for the first, or if nobody asks
    outcome: str  # "better", "equal" or "worse" than the decision before; "" where `better` is None
    line: Line  # as it was recorded

    @property
    def spread(self) -> float | None:
        """The standard deviation of the replicates' scores; None for one, or where one diverged.

        In percent for counts, else as the scores are.
        """
        values = [one.score.value for one in self.trainings]
        if len(values) < 2 or None in values:
            return None
        counts = isinstance(values[0], int)
        return statistics.stdev(
            100 * v / one.score.of if counts else v  # pyright: ignore
            for v, one in zip(values, self.trainings, strict=True)
        )


class Story(NamedTuple):
    """A study, finished or not."""

    task: str
    tuner: str
    tuner_options: dict[str, Any]
    training_options: dict[str, Any]
    seed: int
    chains: int
    replicates: int  # trainings a decision
    paired: bool  # one key for all trainings
    scored_on: str
    score: str  # what a score is, in words
    of: int  # examples that a training is scored on
    at_most: int  # decisions
    logarithmic: bool  # whether neighbouring learning rates have equal ratios
    rows: list[Row]
    lambda_best: Row | None  # what the tuner stands for (its best training); None before the first
    best_score: Row | None  # the earliest of the best
    test: Score | None  # None while the study is not finished
    ending: str  # how it ended, or how far it came

    @property
    def counts(self) -> bool:
        """Scores are counts, so that there is an accuracy."""
        return self.score == COUNT


def story(lines: list[Line]) -> Story:
    """The study that these `lines` of a journal tell of; the end may be missing.

    Raises:
      JournalError: there is no line.
    """
    if not lines:
        raise JournalError("the journal must have a first line, and is empty; run `jaxmeta tune`")
    first = lines[0]
    options = {name: value for name, value in first["tuner"].items() if name != "version"}
    options |= options.pop("lattice", {})
    options.pop("one", None)  # `choice` has it from p
    kind, of = first["score"], first["data"][first["scored_on"]]
    rows: list[Row] = []
    last: dict[int, Row] = {}  # of each chain
    where: dict[tuple[int, int], Row] = {}
    for line in decisions(lines):
        entries = line["trainings"]
        if line["revisits"] is not None:
            entries = where[line["chain"], line["revisits"]].line["trainings"]
        here = row(line, entries, of, last.get(line["chain"]))
        rows.append(here)
        last[here.chain] = where[here.chain, here.i] = here
    end = next((line for line in lines if line["line"] == "end"), None)
    at_most = options["i_max"] * first["chains"]
    k_best = {chain: latest.line["told"]["k_best"] for chain, latest in last.items()}
    at_best = [row.line for row in rows if row.line["k"] == k_best[row.chain]]

    def row_of(line: Line) -> Row:
        return where[line["chain"], line["i"]]

    return Story(
        task=_task(first["task"]),
        tuner=plain(options.pop("name"), NAME),
        tuner_options=options,
        training_options=first["training"],
        seed=first["seed"],
        chains=first["chains"],
        replicates=first["replicates"],
        paired=first["keys"] == "paired",
        scored_on=plain(first["scored_on"], NAME),
        score=plain(kind, NAME),
        of=of,
        at_most=at_most,
        logarithmic=options.get("geometry") != "additive",
        rows=rows,
        lambda_best=row_of(best(kind, at_best)) if rows else None,
        best_score=row_of(best(kind, decisions(lines))) if rows else None,
        test=read_score(end["test"]["score"], end["test"]["of"]) if end else None,
        ending=_ending(first, rows, at_most, finished=end is not None),
    )


def row(line: Line, entries: list[Line], of: int, before: Row | None) -> Row:
    """The decision that `line` records on the trainings `entries`, each scored on `of` examples,
    after the decision `before` of its chain."""
    better = None if before is None else line["told"].get("better")
    words = {None: "", False: "worse", True: "better"}
    equal = better and before is not None and line["score"] == before.line["score"]
    return Row(
        chain=line["chain"],
        i=line["i"],
        k=line["k"],
        learning_rate=float.fromhex(line["values"]["learning_rate"]),
        choice=choice(line["asked"]),
        score=read_score(line["score"], of * len(entries)),
        trainings=tuple(
            Trained(
                score=read_score(entry["score"], of),
                best_epoch=entry["best_epoch"],
                curve=tuple(read_score(points, of) for points in entry["curve"]),
            )
            for entry in entries
        ),
        revisits=line["revisits"],
        better=better,
        outcome="equal" if equal else words[better],
        line=line,
    )


def choice(asked: dict[str, Any]) -> Choice:
    """What a tuner said of the training that it asked for."""
    move = MOVES.get(asked.get("c", 0), "")
    if "p" not in asked:
        return Choice(move, asked.get("held", False), None, None)
    one = sum(asked["p"])
    p1, p2, p3 = (units / one for units in asked["p"])
    return Choice(move, asked["held"], asked["u"] / one if move else None, (p1, p2, p3))


def read_score(recorded: int | str, of: int) -> Score:
    """A score from the record's form: a count, a hexadecimal float, or the word "diverged"."""
    if recorded == "diverged":
        return Score(None, of)
    return Score(float.fromhex(recorded) if isinstance(recorded, str) else recorded, of)


def show_rate(learning_rate: float) -> str:
    """A learning rate for people: six digits tell float32 values of a lattice apart."""
    return f"{learning_rate:.6g}"


def show_options(options: dict[str, Any]) -> str:
    """Those of the `options` that were set, as on the command line."""
    words = (f"{name}={value}" for name, value in options.items() if value is not None)
    return plain("  ".join(words), OPTIONS)


def _task(task: dict[str, Any]) -> str:
    options = show_options({name: value for name, value in task.items() if name != "name"})
    name = plain(task["name"], NAME)
    return f"{name} ({options})" if options else name


def _ending(first: Line, rows: list[Row], at_most: int, finished: bool) -> str:
    done = len(rows)
    what = "trainings" if first["replicates"] == 1 and first["keys"] != "paired" else "decisions"
    if not finished:
        return f"not finished: {done} of at most {at_most} {what} so far"
    if done == at_most:
        return f"finished: all {done} {what}"
    if first["chains"] > 1:
        return f"finished: {done} of at most {at_most} {what} in {first['chains']} chains"
    noprog = rows[-1].line["told"].get("noprog", 0)
    why = f", since {noprog} in a row got worse" if noprog else ""
    return f"finished: {done} of at most {at_most} {what}{why}"
