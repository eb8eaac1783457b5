"""Tasks of a user's own: a network, data, and what the targets are."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jaxmeta import score
from jaxmeta.arguments import arguments
from jaxmeta.models.network import source
from jaxmeta.space import Choice, Linear, Log, Values
from jaxmeta.supervised.dataset import Dataset
from jaxmeta.supervised.losses import (
    CORRECT,
    SQUARED_ERROR,
    Classes,
    minus_squared_error,
    squared_error,
)
from jaxmeta.supervised.numbers import BATCHES
from jaxmeta.supervised.optimizers import HAND_DESIGNED, OPTIMIZERS
from jaxmeta.supervised.regularizers import REGULARIZERS
from jaxmeta.supervised.task import Task

# The axis of each hyperparameter that its name alone tunes, where something takes it.
AXES = {
    "learning_rate": Log(1e-5, 1.0),
    "beta1": Values(0.0, 0.5, 0.8, 0.9, 0.95, 0.99, start=0.9),
    "beta2": Values(0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9995, start=0.999),
    "momentum": Values(0.0, 0.5, 0.8, 0.9, 0.95, 0.99, start=0.9),
    "dropout": Linear(0.0, 0.8, 0.1),
    "l2": Log(1e-6, 1e-1),
    "weight_decay": Log(1e-5, 1.0),
    "label_smoothing": Linear(0.0, 0.4, 0.05),
    "strength": Log(1e-4, 0.8),
}
BATCH_SIZES = (16, 32, 50, 64, 128, 256)
# As far as the poster tells, its learning rates stand at equal distances.
PRESET_AXES = {
    "poster": {"learning_rate": Linear(1e-6, 1.0, 5e-5, start=1e-4)},
    "logarithmic": {"learning_rate": Log(1e-6, 1.0, 1.0, start=1e-3)},
}


def classification(name: str, net: Any, data: Dataset, **more: Any) -> Task:
    """A task of classes: outputs are logits [B, ..., classes], targets int32[B, ...]; score: a
    count of right labels.

    Args:
      net: a network, see `models.network.source`: a Linen module; a function or class with an
        argument `rngs` that makes an NNX module; any other, that makes a Linen module. The other
        arguments are hyperparameters.
      more: what else there is to say:

        - optimizer: instead of ours, a function from hyperparameters, the names of its arguments,
          to an optax transformation, `optax.adam` for example; or a dict of several by name.
        - axes, preset_axes, defaults: added to those that tasks have.
        - options: as JSON, the arguments with which the function called `name` makes it again.
        - fixed_order: see `Task`.
        - training: how long a training lasts where nobody says otherwise.

    Raises:
      ValueError: a target is no label, or a label is no class.
    """
    for part in ("train", "validation", "test"):
        _check_labels(part, np.asarray(getattr(data, part).y), data)
    classes = Classes(data.classes, data.ignored)
    return made_of(name, net, data, classes.loss, classes.points, score.COUNT, CORRECT, **more)


def _check_labels(part: str, y: np.ndarray, data: Dataset) -> None:
    if y.dtype.kind not in "iu":
        raise ValueError(
            f"a task of classes must have integer labels, got {y.dtype} in the {part} split; "
            "numbers are for regression"
        )
    labels = y if data.ignored is None else y[y != data.ignored]
    if labels.size and not 0 <= labels.min() <= labels.max() < data.classes:
        raise ValueError(
            f"labels must be from 0 to below {data.classes}, the number of classes, got "
            f"{labels.min()} to {labels.max()} in the {part} split; number them from 0"
        )


def regression(name: str, net: Any, data: Dataset, **more: Any) -> Task:
    """A task of numbers: outputs and targets float32[B, ...] of one shape; score: an exact float.

    Args:
      net, more: as for `classification`.
    """
    functions = squared_error, minus_squared_error
    return made_of(name, net, data, *functions, score.FLOAT, SQUARED_ERROR, **more)


def made_of(
    name: str,
    net: Any,
    data: Dataset,
    loss: Callable[..., Any],
    points: Callable[..., Any],
    kind: str,
    meaning: str,
    *,
    optimizer: Any = None,
    axes: Mapping[str, Any] | None = None,
    preset_axes: Mapping[str, Mapping[str, Any]] | None = None,
    **more: Any,
) -> Task:
    """A task of a loss and of points of one's own, see `Task`; the rest as for `classification`."""
    optimizers, networks = _optimizers(optimizer), source(net)
    taken = {*networks.takes, *BATCHES, *arguments(loss, skip=2), "regularizer", "strength"}
    taken.update(*map(arguments, optimizers.values()))
    named = {n: axis for n, axis in AXES.items() if n in taken}
    named["regularizer"] = Choice(*(n for n in REGULARIZERS if n in taken or n == "none"))
    sizes = [n for n in BATCH_SIZES if n <= data.train.examples]
    if len(sizes) > 1:
        own = more.get("defaults", {}).get("batch_size", 50)
        start = own if own in sizes else None
        named["batch_size"] = Values(*sizes, start=start)
    if len(optimizers) > 1:
        chosen = HAND_DESIGNED if optimizers is OPTIMIZERS else optimizers
        named["optimizer"] = Choice(*chosen)
    return Task(
        name,
        data,
        networks,
        loss,
        points,
        kind,
        meaning,
        optimizers,
        axes={**named, **(axes or {})},
        preset_axes={**PRESET_AXES, **(preset_axes or {})},
        **more,
    )


def _optimizers(given: Any) -> Mapping[str, Callable[..., Any]]:
    if given is None:
        return OPTIMIZERS
    named = given if isinstance(given, Mapping) else {getattr(given, "__name__", "custom"): given}
    if not named or not all(callable(made) for made in named.values()):
        raise ValueError(
            "optimizer must be a function that makes an optax transformation, or a dict of them by "
            f"name, got {given!r:.100}; pass optax.adam, not optax.adam(1e-3)"
        )
    return dict(named)
