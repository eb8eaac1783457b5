"""What every format writes: a network with its weights, its preprocessing and its origin."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax import export

from jaxmeta.outcome import Restored
from jaxmeta.plain import plain
from jaxmeta.record.journal import Line
from jaxmeta.record.journal import digest as journal_digest
from jaxmeta.supervised import Task
from jaxmeta.version import VERSION

TOLERANCE = 1e-5  # of the largest output
BATCH = 100  # examples that are compared at once, where their number is free


@dataclass(frozen=True)
class Model:
    """A network that is exported.

    Attributes:
      outputs: from a batch of inputs, as they are in the data, to the network's outputs; None where
        the training has no network.
      held_out: the inputs of the validation split, and of the test split.
      kept: the weights, and what stands beside them.
      trace: where they come from, as JSON in one line.
      batch: how many examples a call takes; None: any number.
    """

    outputs: Callable[[Any], Any] | None
    held_out: list[Any]
    kept: Any
    trace: str
    batch: int | None

    @classmethod
    def of(cls, lines: Sequence[Line], restored: Restored, batch: int | None) -> "Model":
        """The network that was `restored` of the finished study whose journal has these `lines`."""
        if batch is not None and batch < 1:
            raise ValueError(f"a batch must have at least one example, got {batch}; raise it")
        task, end = restored.task, lines[-1]
        origin = {
            "study": journal_digest(lines),
            "task": lines[0]["task"],
            "values": restored.values,
            "weights": restored.digest,
            "score": _score(lines[0], "validation", end["recommended"]["score"]),
            "test": end["test"] and _score(lines[0], "test", end["test"]["score"]),
            "jaxmeta": VERSION,
        }
        outputs, held_out = None, []
        if isinstance(task, Task):
            outputs = lambda x: task.outputs(restored.values, restored.kept, x)  # noqa: E731
            held_out = [split.x for split in task.held_out.values()]
        return cls(outputs, held_out, restored.kept, json.dumps(origin), batch)

    def traced(self) -> tuple[Callable[[Any], Any], Any]:
        """The network and the shapes of a batch, for a format that takes a function.

        Raises:
          ValueError: there is no network, or it cannot be traced with this batch.
        """
        if self.outputs is None:
            raise ValueError(
                "this study's training has no network that takes examples; export its weights: "
                "--to orbax"
            )
        size = self.batch or export.symbolic_shape("batch")[0]
        batch = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct((size, *x.shape[1:]), x.dtype), self.held_out[0]
        )
        try:
            jax.eval_shape(self.outputs, batch)
        except Exception as error:
            if self.batch:
                raise
            raise ValueError(
                "the network must take a batch of any size, and does not "
                f"({plain(str(error).partition(chr(10))[0], 300)}); fix the size: --batch 1"
            ) from error
        return self.outputs, batch

    def example(self) -> list[np.ndarray]:
        """The inputs of one call: an example, or a whole batch where its size is fixed."""
        rows = np.arange(self.batch or 1) % len(jax.tree.leaves(self.held_out[0])[0])
        return [np.asarray(leaf)[rows] for leaf in jax.tree.leaves(self.held_out[0])]


def _score(first: Line, split: str, score: Any) -> Any:
    """A score, out of how many."""
    of = first["score"]["of"].get(split)
    return score if of is None else f"{score}/{of}"


def differs(model: Model, run: Callable[[list[np.ndarray]], list[np.ndarray]]) -> tuple[int, float]:
    """Compare `run` with the network itself on every held-out example: how many there are, and the
    largest difference, over the largest output.

    Raises:
      RuntimeError: it is too large.
    """
    assert model.outputs is not None
    own = jax.jit(model.outputs)
    examples, worst, largest = 0, 0.0, 0.0
    for split in model.held_out:
        n = len(jax.tree.leaves(split)[0])
        size = model.batch or min(BATCH, n)
        for start in range(0, n, size):
            # The last batch is filled up, so that one size is all that is compiled.
            rows = np.minimum(np.arange(start, start + size), n - 1)
            x = jax.tree.map(lambda leaf, rows=rows: np.asarray(leaf)[rows], split)
            for mine, theirs in zip(jax.tree.leaves(own(x)), run(jax.tree.leaves(x)), strict=True):
                mine = np.asarray(mine)
                if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
                    raise RuntimeError(
                        f"the exported file must give {mine.dtype}{mine.shape}, and gives "
                        f"{theirs.dtype}{theirs.shape}; it was removed"
                    )
                worst = max(worst, _apart(mine, theirs))
                largest = max(largest, float(np.max(np.abs(mine), initial=0.0)))
        examples += n
    relative = worst / largest if largest else worst
    if not relative <= TOLERANCE:
        raise RuntimeError(
            f"the exported file must give the network's own outputs to {TOLERANCE:g} of the "
            f"largest, and differs by {relative:.1e}; it was removed: use another format"
        )
    return examples, relative


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference; what is not finite must be the same."""
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return np.inf
    finite = np.isfinite(a)
    return float(np.max(np.abs(a[finite].astype(np.float64) - b[finite]), initial=0.0))
