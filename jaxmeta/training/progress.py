"""How far a training has come: on the device all that it needs to go on, on the host its result."""

from typing import Any, NamedTuple

import jax
import numpy as np

from jaxmeta.training import digest
from jaxmeta.trial import Result


class Progress(NamedTuple):
    """A training at the end of an epoch: all that is needed to go on."""

    state: Any  # the trainable's
    epoch: jax.Array  # int32, epochs done
    finite: jax.Array  # bool, no loss and no score was NaN, and no loss infinite, so far
    best: jax.Array  # int32, the best evaluation
    best_epoch: jax.Array  # int32, the epoch (from 1) after which it was seen first
    curve: jax.Array  # int32[N], the evaluation after each epoch
    losses: jax.Array  # float32[N], the loss of each epoch, as the trainable gave it
    digests: jax.Array  # uint32[N, 4], of the weights after each epoch


def result(at: Progress, compiled: str) -> Result:
    """What a training at `at` has to show; `compiled` names the program that ran it."""
    n = int(at.epoch)
    return Result(
        score=int(at.best),
        best_epoch=int(at.best_epoch),
        epochs=n,
        curve=np.asarray(at.curve)[:n].tolist(),
        losses=np.asarray(at.losses)[:n].tolist(),
        digests=[digest.to_hex(words) for words in np.asarray(at.digests)[:n]],
        diverged=not bool(at.finite),
        compiled=compiled,
    )
