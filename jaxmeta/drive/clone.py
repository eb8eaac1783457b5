"""A study's network at the wheel."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxmeta.drive.car import HEIGHT, WIDTH
from jaxmeta.drive.laps import Driver
from jaxmeta.outcome import load
from jaxmeta.study import from_line
from jaxmeta.supervised import Task
from jaxmeta.supervised.task import scale


def driver(folder: Path | str, task: Task | str | None = None) -> tuple[Driver, dict[str, float]]:
    """Who drives with the weights that the study in `folder` kept, checked against its record; and
    the RMSE of these weights on the test split, in rad and in degrees.

    Args:
      task: where it was made in Python, or "module:function" to trust the record's own.

    Raises:
      JournalError: there is no such record, it has not ended, or its weights are not there.
      ValueError: its task does not learn angles from frames of this camera.
    """
    found = load(folder)
    made = from_line(found.lines[0], task).task
    shape = np.shape(made.train.x) if isinstance(made, Task) else ()
    if not isinstance(made, Task) or shape[1:] != (HEIGHT, WIDTH, 1) or made.train.y.ndim != 1:
        raise ValueError(
            f"a study that drives must learn an angle from frames uint8[{HEIGHT}, {WIDTH}, 1], and "
            f"the one in {folder} is of {made.name}; tune steering"
        )
    values = {**found.lines[0]["fixed"], **found.best}
    return _of(made, values, found.weights(made))


def _of(task: Task, values: dict[str, Any], kept: Any) -> tuple[Driver, dict[str, float]]:
    rest = dict(kept)
    params = rest.pop("params")
    network = task.network.network(values)

    @jax.jit
    def angles(frames: jax.Array) -> jax.Array:
        return network.apply(params, rest.get("rest", rest), scale(frames), None)[0]

    test = task.data.test
    guesses = [angles(test.x[i : i + 100]) for i in range(0, len(test.x), 100)]
    rmse = float(np.sqrt(np.mean((np.concatenate(guesses) - test.y) ** 2)))
    return partial(_angle, angles), {"rmse": rmse, "rmse_degrees": float(np.rad2deg(rmse))}


def _angle(angles: Any, frame: np.ndarray, info: dict[str, Any]) -> float:
    del info
    return float(angles(frame[None])[0])
