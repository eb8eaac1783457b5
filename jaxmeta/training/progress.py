"""How far a training has come: on the device all that it needs to go on, on the host its result."""

from typing import Any, NamedTuple

import jax
import numpy as np

from jaxmeta.training import digest

Params = Any
Rest = Any  # what a network carries beside its weights, batch statistics for example


class Progress(NamedTuple):
    """A training at the end of an epoch: all that is needed to go on."""

    params: Params
    rest: Rest
    optimizer: Any
    epoch: jax.Array  # int32, epochs done
    finite: jax.Array  # bool, no loss and no output was NaN or infinite so far
    best: jax.Array  # int32, the best evaluation
    best_epoch: jax.Array  # int32, the epoch (from 1) after which it was seen first
    curve: jax.Array  # int32[N], the evaluation after each epoch
    losses: jax.Array  # float32[N], the mean training loss of each epoch's last mini-batch
    digests: jax.Array  # uint32[N, 4], of the weights after each epoch


class Result(NamedTuple):
    """What a training hands back, on the host."""

    score: int  # the best evaluation, or DIVERGED
    best_epoch: int  # the epoch (from 1) after which it was seen first; 0 if none was
    epochs: int  # epochs done
    curve: list[int]  # the evaluation after each of them
    losses: list[float]  # the mean loss of each epoch's last mini-batch
    digests: list[str]  # of the weights, 32 hexadecimal digits an epoch
    diverged: bool


def result(at: Progress) -> Result:
    """What a training at `at` has to show."""
    n = int(at.epoch)
    return Result(
        score=int(at.best),
        best_epoch=int(at.best_epoch),
        epochs=n,
        curve=np.asarray(at.curve)[:n].tolist(),
        losses=np.asarray(at.losses)[:n].tolist(),
        digests=[digest.to_hex(words) for words in np.asarray(at.digests)[:n]],
        diverged=not bool(at.finite),
    )
