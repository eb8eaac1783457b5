"""Journals to show and to draw: real decisions in a real journal, over made-up scores."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

import jaxmeta
from jaxmeta import Choice, Linear, Log, Space, Study, Training, Values
from jaxmeta.record.journal import FORMAT, Journal, Line, read
from jaxmeta.record.lines import decision_line, end_line, kind_of, recorded, show
from jaxmeta.score import COUNT, FLOAT
from jaxmeta.trial import Decision, Suggestion
from jaxmeta.tuning import Chains, Tuner

VALIDATION, TEST = 5000, 10000
EPOCHS, PATIENCE = 20, 3

# Spaces of one, four and eight axes.
STEPS = Space(learning_rate=Linear(1e-4, 0.1, 1e-4, start=5e-4))
LOG = Space(learning_rate=Log(1e-5, 1.0, 0.1, start=1e-3))
OPTIMIZER = Space(optimizer=Choice("adam", "sgd", "momentum", "nesterov", "lion"))
BATCHES = Space(batch_size=Values(16, 32, 50, 64, 128, 256))
DROPOUT = Space(dropout=Linear(0.0, 0.8, 0.1))


def joined(*spaces: Space) -> Space:
    named = {}
    for space in spaces:
        named |= dict(zip(space.names, space.axes, strict=True))
    return Space(**named)


FOUR = joined(LOG, BATCHES, OPTIMIZER, DROPOUT)
EIGHT = joined(
    FOUR,
    Space(
        weight_decay=Log(1e-5, 1.0, 0.1),
        width=Values(8, 16, 32, 64, 128),
        regularizer=Choice("none", "l2", "dropout", "label_smoothing"),
        label_smoothing=Linear(0.0, 0.4, 0.05),
    ),
)


def never(*_) -> None:
    raise AssertionError("nobody trains this task")


def study_of(
    tuner: Tuner,
    seed: int = 0,
    numbers: bool = False,
    scored_on: str = "validation",
    test: bool = True,
    counted: bool = True,
    **design,
) -> Study:
    """A study of a task that nobody trains.

    Args:
      numbers: scores are floats, or else counts.
      test: there is a test set.
      counted: the record says what a count is out of.
    """
    splits = {"validation": VALIDATION} | ({"test": TEST} if test else {})
    task = jaxmeta.trainable(
        "toy",
        *(never, never, never),
        axes=dict(zip(tuner.space.names, tuner.space.axes, strict=True)),
        kind=FLOAT if numbers else COUNT,
        meaning="minus the error" if numbers else "correct predictions",
        held_out={split: np.zeros(1, np.float32) for split in splits},
        examples={} if numbers or not counted else splits,
    )
    training = Training(epochs=EPOCHS, patience=PATIENCE)
    return Study(task, tuner, training, seed, scored_on, **design)


def chains_of(study: Study) -> Chains:
    """Its decisions, before the first."""
    paired, exact = study.keys == "paired", study.task.kind == FLOAT
    design = study.chains, study.replicates, paired, exact
    return Chains(study.tuner, study.seed, *design, study.stop_early, study.training.epochs)


def write(
    folder: Path,
    study: Study,
    train: Callable[[Suggestion], list[int]],
    test: int = 9876,
    stop: int | None = None,
) -> list[Line]:
    """The journal of `study` in `folder`, broken off after `stop` decisions.

    Args:
      train: the score after each epoch; a last one of DIVERGED is a trial that diverged.
      test: the score on the test set.
    """
    chains = chains_of(study)
    with Journal.create(folder) as journal:
        first = {"line": "study", "format": FORMAT, **study.configuration(), "environment": {}}
        journal.append(first)
        while (decision := chains.next()) is not None:
            if chains.decided == stop:
                return read(folder)
            curves = [train(decision.suggestion) for _ in chains.missing(decision)]
            journal.append(line_of(first, decision, curves, chains))
        journal.append(end_line(first, journal.lines, chains.recommended, the_test(first, test)))
    return read(folder)


def the_test(first: Line, test: int) -> Line | None:
    """The test as the last line has it."""
    of = first["score"]["of"]
    if "test" not in of:
        return None
    of = None if of["test"] is None else of["test"] * first["replicates"]
    return {"score": show(kind_of(first), test), "of": of, "trainings": []}


def line_of(first: Line, decision: Decision, curves: list[list[int]], chains: Chains) -> Line:
    """The line of a decision on trials with these `curves`, as far as early stopping lets them
    run."""
    results = []
    for trial, curve in zip(chains.missing(decision), curves, strict=True):
        shown = [show(kind_of(first), points) for points in curve]
        digests, losses = ["0" * 32] * len(curve), ["0x1.0000000000000p-1"] * len(curve)
        entry = {"curve": shown, "losses": losses, "digests": digests, "compiled": "0" * 32}
        results.append(chains.cut(trial, recorded(first, entry), ended=True))
    chains.take(decision, results)
    return decision_line(first, decision, results, *chains.tell(decision))
