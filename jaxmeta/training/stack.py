"""Trainings held side by side: the lanes of a program, filled and emptied by the host."""

from collections.abc import Callable, Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxmeta.training.program import Program
from jaxmeta.training.progress import Progress, result
from jaxmeta.trial import Result, Value


class Stack:
    """The lanes of `program` on its device: W trainings, each at its own epoch, or padding.

    Every array of a stack has a leading axis of W.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._at: Progress | None = None  # stacked
        width = program.lanes.width
        self._keys = np.zeros((width, 2), np.uint32)
        self._values = {name: np.zeros(width, np.float32) for name in program.traced}

    def start(self, lane: int, at: Progress, key: jax.Array, values: Mapping[str, Value]) -> None:
        """Put a training at `at`, which stays usable, into `lane`.

        Args:
          key: the training's own.
          values: its hyperparameters; those that the program traces count, rounded to float32.
        """
        if self._at is None:
            self._at = _spread(self.program.lanes.width, at)  # padding has a form, and rests
        self._at = _put(self._at, jnp.int32(lane), at)
        self._keys[lane] = np.asarray(jax.random.key_data(key))
        for name, value in self.program.floats(values).items():
            self._values[name][lane] = value

    def advance(self, until: dict[int, int]) -> None:
        """Train each lane that `until` names until so many of its epochs are done, or it ends; the
        others rest."""
        epochs = np.zeros(self.program.lanes.width, np.int32)
        for lane, epoch in until.items():
            epochs[lane] = epoch
        data = self.program.data
        # Copies: the device may still read them when a lane is given to the next training.
        values = {name: value.copy() for name, value in self._values.items()}
        self._at = self.program.go_on(
            self._at,
            self._keys.copy(),
            values,
            epochs,
            data["train"],
            data[self.program.scored_on],
        )

    def results(self) -> list[Result]:
        """What the training in each lane has to show so far."""
        assert self._at is not None
        shown = jax.device_get(self._at._replace(state=None))
        return [
            result(jax.tree.map(lambda x: x[lane], shown), self.program.compiled)  # noqa: B023 called at once
            for lane in range(self.program.lanes.width)
        ]

    def progress(self, lane: int) -> Progress:
        """A copy of the training in `lane`."""
        assert self._at is not None
        return _take(self._at, jnp.int32(lane))


def train(
    program: Program,
    key: jax.Array,
    values: Mapping[str, Value],
    at: Progress | None = None,
    until: int | None = None,
    watch: Callable[[Progress], None] | None = None,
) -> tuple[Result, Progress]:
    """One training alone, in the first lane of `program`.

    Args:
      key: the training's own.
      values: its hyperparameters.
      at: go on from there, as if it had never stopped; None: from the beginning.
      until: stop after so many epochs; None for all that are wanted.
      watch: sees the end of every epoch; changes nothing.
    """
    stack, training = Stack(program), program.training
    stack.start(0, program.fresh(key, values) if at is None else at, key, values)
    now = stack.results()[0]
    last = training.epochs if until is None else min(until, training.epochs)
    while now.epochs < last and not training.ended(now.epochs, now.best_epoch, now.diverged):
        stack.advance({0: last if watch is None else now.epochs + 1})
        now = stack.results()[0]
        if watch is not None:
            watch(stack.progress(0))
    return now, stack.progress(0)


@partial(jax.jit, static_argnums=0)
def _spread(width: int, at: Progress) -> Progress:
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (width, *x.shape)), at)


@partial(jax.jit, donate_argnums=0)
def _put(stack: Progress, lane: jax.Array, at: Progress) -> Progress:
    return jax.tree.map(lambda x, y: lax.dynamic_update_index_in_dim(x, y, lane, 0), stack, at)


@jax.jit
def _take(stack: Progress, lane: jax.Array) -> Progress:
    return jax.tree.map(lambda x: lax.dynamic_index_in_dim(x, lane, 0, keepdims=False), stack)
