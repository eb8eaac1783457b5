"""The lanes of a program, filled and emptied by the host between two calls of it."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmeta.training.progress import Progress, Result, result

if TYPE_CHECKING:
    from jaxmeta.training.program import Program


class Batch:
    """The lanes of `program` on its device: W trainings, each at its own epoch, or padding."""

    def __init__(self, program: "Program") -> None:
        self._program = program
        self._at: Progress | None = None  # stacked
        self._keys = np.zeros((program.lanes.width, 2), np.uint32)
        self._values: dict[str, np.ndarray] = {}

    def start(self, lane: int, at: Progress, key: jax.Array, values: dict[str, float]) -> None:
        """Put a training at `at`, which stays usable, into `lane`."""
        width = self._program.lanes.width
        if self._at is None:
            self._at = jax.tree.map(lambda x: jnp.zeros((width, *x.shape), x.dtype), at)
            self._values = {name: np.zeros(width, np.float32) for name in values}
        self._at = self._program.put(self._at, jnp.int32(lane), at)
        self._keys[lane] = np.asarray(jax.random.key_data(key))
        for name, value in values.items():
            self._values[name][lane] = value

    def arguments(self, until: dict[int, int]) -> tuple[Any, ...]:
        """What `go_on` is called with; a lane that `until` does not name rests."""
        epochs = np.zeros(self._program.lanes.width, np.int32)
        for lane, epoch in until.items():
            epochs[lane] = epoch
        data = self._program.train_data, self._program.evaluation_data
        # Copies: the device may still read them when a lane is given to the next training.
        values = {name: value.copy() for name, value in self._values.items()}
        return self._at, self._keys.copy(), values, epochs, *data

    def advance(self, until: dict[int, int]) -> None:
        """Train each lane that `until` names until so many of its epochs are done."""
        self._at = self._program.go_on(*self.arguments(until))

    def results(self) -> list[Result]:
        """What the training in each lane has to show so far."""
        assert self._at is not None
        shown = jax.device_get(self._at._replace(params=None, rest=None, optimizer=None))
        return [
            result(jax.tree.map(lambda x: x[lane], shown))  # noqa: B023 called at once
            for lane in range(self._program.lanes.width)
        ]

    def progress(self, lane: int) -> Progress:
        """A copy of the training in `lane`."""
        return self._program.take(self._at, jnp.int32(lane))
