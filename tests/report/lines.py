"""Journals to show and to draw: real decisions in a real journal, over made-up scores."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxmeta import Study, Training, arrays, classification, regression
from jaxmeta.record.journal import FORMAT, Journal, Line, read
from jaxmeta.record.lines import end_line, recorded, show, training_line
from jaxmeta.tasks.small import Perceptron
from jaxmeta.tuning import Tuner, Walk, Wanted

VALIDATION, TEST = 5000, 10000
EPOCHS, PATIENCE = 20, 3


def study_of(
    tuner: Tuner, seed: int = 0, numbers: bool = False, scored_on: str = "validation"
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
    return Study(task, tuner, Training(epochs=EPOCHS, patience=PATIENCE), seed, scored_on)


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
    walk = Walk(study.tuner, study.seed)
    with Journal.create(folder) as journal:
        first = {"line": "study", "format": FORMAT, **study.configuration(), "environment": {}}
        journal.append(first)
        while not walk.done:
            if walk.i == stop:
                return read(folder)
            wanted = walk.ask()
            journal.append(line_of(first, wanted, train(wanted), walk))
        shown = {"score": show(study.task.score, test), "of": TEST, "weights": "0" * 32}
        k_best = int(study.tuner.recommend(walk.state))
        journal.append(end_line(first, journal.lines, k_best, shown))
    return read(folder)


def line_of(first: Line, wanted: Wanted, curve: list[int], walk: Walk) -> Line:
    """The line of a training with this `curve`, as far as early stopping lets it run."""
    shown = [show(first["score"], points) for points in curve]
    measured = {"curve": shown, "losses": ["0x1p-1"] * len(curve), "digests": ["0"] * len(curve)}
    trained = recorded(first, measured)
    return training_line(first, wanted, trained, walk.tell(trained.score))
