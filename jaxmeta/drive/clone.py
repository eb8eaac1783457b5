"""A study's network at the wheel."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxmeta.drive.car import HEIGHT, WIDTH
from jaxmeta.drive.laps import Driver
from jaxmeta.outcome import load
from jaxmeta.supervised import Task


def driver(folder: Path | str, task: Task | str | None = None) -> tuple[Driver, dict[str, float]]:
    """Who drives with the weights that the study in `folder` kept, checked against its record; and
    the RMSE of these weights on the test split, in rad and in degrees.

    Args:
      task: where it was made in Python, or "module:function" to trust the record's own.

    Raises:
      JournalError: there is no such record, it has not ended, or its weights are not there.
      ValueError: its task does not learn angles from frames of this camera.
    """
    made = load(folder).restored(task)
    of = made.task
    shape = np.shape(of.train.x) if isinstance(of, Task) else ()
    if not isinstance(of, Task) or shape[1:] != (HEIGHT, WIDTH, 1) or of.train.y.ndim != 1:
        raise ValueError(
            f"a study that drives must learn an angle from frames uint8[{HEIGHT}, {WIDTH}, 1], and "
            f"the one in {folder} is of {of.name}; tune steering"
        )
    angles = jax.jit(lambda frames: of.outputs(made.values, made.kept, frames))
    test = of.data.test
    guesses = [angles(test.x[i : i + 100]) for i in range(0, len(test.x), 100)]
    rmse = float(np.sqrt(np.mean((np.concatenate(guesses) - test.y) ** 2)))
    return partial(_angle, angles), {"rmse": rmse, "rmse_degrees": float(np.rad2deg(rmse))}


def _angle(angles: Any, frame: np.ndarray, info: dict[str, Any]) -> float:
    del info
    return float(angles(frame[None])[0])
