"""Journals to show and to draw: real decisions in a real journal, over made-up scores."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxmeta import Study, Training, arrays, classification, regression
from jaxmeta.record.journal import FORMAT, Journal, Line, read
from jaxmeta.record.lines import EXACT, decision_line, end_line, recorded, show
from jaxmeta.tasks.small import Perceptron
from jaxmeta.tuning import Chains, Tuner, Turn, Wanted

VALIDATION, TEST = 5000, 10000
EPOCHS, PATIENCE = 20, 3


def study_of(
    tuner: Tuner, seed: int = 0, numbers: bool = False, scored_on: str = "validation", **design
) -> Study:
    """A study of a task that nobody trains: of numbers, or of three classes."""
    x, x_test = (np.zeros((n, 1), np.float32) for n in (VALIDATION + 50, TEST))
    if numbers:
        data = arrays("toy", x, x, test=(x_test, x_test), validation=VALIDATION)
        task = regression("toy", Perceptron(2, 1), data)
    else:
        y, y_test = np.arange(len(x)) % 3, np.arange(TEST) % 3
        data = arrays("toy", x, y, test=(x_test, y_test), validation=VALIDATION)
        task = classification("toy", Perceptron(2, 3), data)
    training = Training(epochs=EPOCHS, patience=PATIENCE)
    return Study(task, tuner, training, seed, scored_on, **design)


def chains_of(study: Study) -> Chains:
    """Its decisions, before the first."""
    paired, exact = study.keys == "paired", study.task.score == EXACT
    return Chains(study.tuner, study.seed, study.chains, study.replicates, paired, exact)


def write(
    folder: Path,
    study: Study,
    train: Callable[[Wanted], list[int]],
    test: int = 9876,
    stop: int | None = None,
) -> list[Line]:
    """The journal of `study` in `folder`, broken off after `stop` trainings.

    Args:
      train: the score after each epoch; a last one of DIVERGED is a training that diverged.
      test: the score on the test set.
    """
    chains = chains_of(study)
    with Journal.create(folder) as journal:
        first = {"line": "study", "format": FORMAT, **study.configuration(), "environment": {}}
        journal.append(first)
        while (turn := chains.turn()) is not None:
            if chains.decided == stop:
                return read(folder)
            curves = [train(turn.wanted) for _ in chains.missing(turn)]
            journal.append(line_of(first, turn, curves, chains))
        shown = {"score": show(study.task.score, test), "of": TEST, "trainings": []}
        journal.append(end_line(first, journal.lines, chains.recommended, shown))
    return read(folder)


def line_of(first: Line, turn: Turn, curves: list[list[int]], chains: Chains) -> Line:
    """The line of a decision on trainings with these `curves`, as far as early stopping lets them
    run."""
    trained = []
    for name, curve in zip(chains.missing(turn), curves, strict=True):
        shown = [show(first["score"], points) for points in curve]
        digests, losses = ["0" * 32] * len(curve), ["0x1p-1"] * len(curve)
        entry = {"curve": shown, "losses": losses, "digests": digests}
        trained.append(recorded(first, entry))
        chains.learn(name, trained[-1].score)
    return decision_line(first, turn, trained, *chains.tell(turn))
