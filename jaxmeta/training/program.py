"""Train_N: from a key and hyperparameter values to a score, in one compiled program.

Weights come from the key; epochs of shuffled mini-batches are drawn on the device; after each
epoch the whole validation split is evaluated by counting; early stopping waits `patience` epochs
for a better count; a loss that is not finite ends the training there, as data. The score is the
best evaluation (ALGORITHM: "Train_N"). Hyperparameter values are traced: a new one never compiles
again.

The loop stops at the end of any epoch it is told to and goes on from there with the same bits, so a
training can be watched, saved and resumed without being changed. Several trainings run side by side
in its lanes (`training.lanes`), each at its own epoch.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from jaxmeta import keys, score
from jaxmeta.arithmetic import tree_sum
from jaxmeta.training import digest
from jaxmeta.training.batch import Batch
from jaxmeta.training.lanes import Lanes
from jaxmeta.training.progress import Params, Progress, Rest, Result

# Fixed, since the size of a batch can change the last bit of its rows (BITS, section 2).
EVALUATION_BATCH = 500

Arrays = tuple[jax.Array, jax.Array]  # inputs [n, ...], targets [n, ...]


class Problem(Protocol):
    """What a training needs to know of a task; all functions are pure and traced."""

    def init(self, key: jax.Array, x: jax.Array) -> tuple[Params, Rest]:
        """Fresh weights for inputs like `x` [1, ...]."""
        ...

    def apply(
        self, params: Params, rest: Rest, x: jax.Array, key: jax.Array | None
    ) -> tuple[jax.Array, Rest]:
        """Outputs [B, ...] for inputs [B, ...]; `key` is for dropout, None when not training."""
        ...

    def loss(self, outputs: jax.Array, y: jax.Array, /) -> jax.Array:
        """The loss of each example, float32[B]."""
        ...

    def points(self, outputs: jax.Array, y: jax.Array, /) -> jax.Array:
        """What each example adds to the score: bool or int32[B] is counted, float32[B] added."""
        ...

    @property
    def optimizer(self) -> Callable[..., optax.GradientTransformation]:
        """From hyperparameter values, float32 scalars by name, to the optimiser."""
        ...


@dataclass(frozen=True)
class Training:
    """How long and on what batches.

    Attributes:
      epochs: N, at most this many epochs.
      patience: stop when this many epochs in a row brought no better evaluation.
      batch_size: examples in a mini-batch.
      steps_per_epoch: mini-batches between two evaluations; None for one pass over the data (what
        is left over when the batch size does not divide it sits that epoch out, others the next).
    """

    epochs: int = 20
    patience: int = 3
    batch_size: int = 50
    steps_per_epoch: int | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "batch_size", "steps_per_epoch"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}; raise it")

    def steps(self, examples: int) -> int:
        """Mini-batches in an epoch of so many `examples`."""
        available = examples // self.batch_size
        if not available:
            raise ValueError(
                f"batch_size must be at most the {examples} training examples, "
                f"got {self.batch_size}; make it smaller"
            )
        if self.steps_per_epoch is not None and self.steps_per_epoch > available:
            raise ValueError(
                f"steps_per_epoch must be at most {available} ({examples} examples in batches of "
                f"{self.batch_size}), got {self.steps_per_epoch}; make it smaller"
            )
        return self.steps_per_epoch or available

    def ended(self, result: Result) -> bool:
        """Whether a training with this `result` has come to its end: by its epochs, by its patience
        or because it diverged."""
        waited = result.epochs - result.best_epoch
        return result.diverged or result.epochs >= self.epochs or waited >= self.patience


Watch = Callable[[Progress], None] | None


class Program:
    """Train_N for one problem, one set of arrays and one length; compiled once, at the first use.

    `begin` makes the `Progress` of one training. `go_on` trains W of them, stacked: every array of
    a stack has a leading axis of W. `take` and `put` move one out of a stack and into it.

    Args:
      problem: network, loss, score and optimiser.
      train, evaluation: inputs and targets, kept on the device; the score is taken on `evaluation`.
      training: epochs, patience and batches.
      lanes: how many trainings run side by side, and how.
      device: the jax.Device; None for JAX's own choice.
    """

    def __init__(
        self,
        problem: Problem,
        train: Any,
        evaluation: Any,
        training: Training,
        lanes: Lanes = Lanes(),  # noqa: B008 it is frozen
        device: Any = None,
    ) -> None:
        self.problem, self.training, self.lanes, self.device = problem, training, lanes, device
        self.steps = training.steps(len(train[0]))
        self.train_data: Arrays = jax.device_put(tuple(train), device)
        self.evaluation_data: Arrays = jax.device_put(tuple(evaluation), device)
        self.begin = jax.jit(self._begin)
        # `go_on` and `put` take their stack over, weights and moments in place.
        self.go_on = jax.jit(self._go_on, donate_argnums=0)
        self.put = jax.jit(_put, donate_argnums=0)
        self.take = jax.jit(_take)
        self.evaluate = jax.jit(partial(_evaluate, problem))

    def _begin(self, key: jax.Array, values: dict[str, jax.Array], x: jax.Array) -> Progress:
        n = self.training.epochs
        params, rest = self.problem.init(keys.derive(key, "weights"), x)
        return Progress(
            params=params,
            rest=rest,
            optimizer=self.problem.optimizer(**values).init(params),
            epoch=jnp.int32(0),
            finite=jnp.bool_(True),
            best=jnp.int32(score.DIVERGED),
            best_epoch=jnp.int32(0),
            curve=jnp.zeros(n, jnp.int32),
            losses=jnp.zeros(n, jnp.float32),
            digests=jnp.zeros((n, 4), jnp.uint32),
        )

    def _go_on(
        self,
        at: Progress,
        key_data: jax.Array,
        values: dict[str, jax.Array],
        until: jax.Array,
        train: Arrays,
        evaluation: Arrays,
    ) -> Progress:
        """Each lane until `until` (int32[W]) epochs of it are done or no more is wanted."""

        def one(at, key_data, values, until):
            key = jax.random.wrap_key_data(key_data, impl=keys.IMPL)
            return self._epochs(at, key, values, until, train, evaluation)

        return self.lanes.side_by_side(one, at, key_data, values, until)

    def _epochs(
        self,
        at: Progress,
        key: jax.Array,
        values: dict[str, jax.Array],
        until: jax.Array,
        train: Arrays,
        evaluation: Arrays,
    ) -> Progress:
        """One lane of `_go_on`."""
        optimizer = self.problem.optimizer(**values)
        examples, batch = len(train[0]), self.training.batch_size
        one_over_batch = np.float32(1 / batch)

        def loss(params, rest, step_key, x, y):
            outputs, rest = self.problem.apply(params, rest, x, step_key)
            return tree_sum(self.problem.loss(outputs, y)) * one_over_batch, rest

        def step(order, first_step, carry):
            t, (params, rest, moments, _) = carry
            rows = lax.dynamic_slice(order, (t * batch,), (batch,))
            step_key = keys.derive(key, "dropout", first_step + t)
            (value, rest), gradient = jax.value_and_grad(loss, has_aux=True)(
                params, rest, step_key, train[0][rows], train[1][rows]
            )
            updates, moments = optimizer.update(gradient, moments, params)
            return t + 1, (optax.apply_updates(params, updates), rest, moments, value)

        def epoch(at: Progress) -> Progress:
            order = jax.random.permutation(keys.derive(key, "order", at.epoch), examples)
            start = (at.params, at.rest, at.optimizer, jnp.float32(0))
            _, (params, rest, moments, value) = lax.while_loop(
                lambda carry: (carry[0] < self.steps) & jnp.isfinite(carry[1][3]),
                partial(step, order, at.epoch * self.steps),
                (jnp.int32(0), start),
            )
            points, finite = _evaluate(self.problem, params, rest, evaluation)
            finite &= jnp.isfinite(value)
            points = jnp.where(finite, points, score.DIVERGED)
            # A training that diverges has no good epoch, whatever came before.
            better = points > at.best
            return Progress(
                params=params,
                rest=rest,
                optimizer=moments,
                epoch=at.epoch + 1,
                finite=finite,
                best=jnp.where(finite, jnp.maximum(points, at.best), score.DIVERGED),
                best_epoch=jnp.where(better, at.epoch + 1, at.best_epoch) * finite,
                curve=at.curve.at[at.epoch].set(points),
                losses=at.losses.at[at.epoch].set(value),
                digests=at.digests.at[at.epoch].set(digest.digest(params)),
            )

        def more(at: Progress) -> jax.Array:
            """Lines 3 and 7; see `Training.ended`."""
            waiting = at.epoch - at.best_epoch < self.training.patience
            return at.finite & waiting & (at.epoch < jnp.minimum(until, self.training.epochs))

        return lax.while_loop(more, epoch, at)

    def fingerprint(self) -> dict[str, str]:
        """SHA-256 of the program as JAX wrote it (StableHLO) and as XLA compiled it, unlocated."""
        batch = Batch(self)
        batch.start(0, self.fresh(keys.root(0), _ANY), keys.root(0), _ANY)
        programs = [
            self.begin.lower(keys.root(0), _traced(_ANY), self.train_data[0][:1]),
            self.go_on.lower(*batch.arguments({})),
        ]
        texts = {
            "program": "".join(program.as_text() for program in programs),
            "compiled": "".join(
                _unlocated(program.compile().as_text() or "") for program in programs
            ),
        }
        return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}

    def fresh(self, key: jax.Array, values: dict[str, float]) -> Progress:
        """A training at its beginning, with the weights that `key` gives."""
        return self.begin(key, _traced(values), self.train_data[0][:1])

    def train(
        self,
        key: jax.Array,
        values: dict[str, float],
        until: int | None = None,
        watch: Watch = None,
    ) -> tuple[Result, Progress]:
        """Train from fresh weights; see `resume`."""
        return self.resume(self.fresh(key, values), key, values, until, watch)

    def resume(
        self,
        at: Progress,
        key: jax.Array,
        values: dict[str, float],
        until: int | None = None,
        watch: Watch = None,
    ) -> tuple[Result, Progress]:
        """Go on from `at`, alone in the first lane, as if the training had never stopped.

        Args:
          key: the training's own key.
          values: hyperparameters, rounded to float32.
          until: stop after so many epochs; None for all that are wanted.
          watch: sees the end of every epoch; changes nothing.
        """
        last = self.training.epochs if until is None else min(until, self.training.epochs)
        batch = Batch(self)
        batch.start(0, at, key, values)
        now = batch.results()[0]
        while now.epochs < last and not self.training.ended(now):
            batch.advance({0: last if watch is None else now.epochs + 1})
            now = batch.results()[0]
            if watch is not None:
                watch(batch.progress(0))
        return now, batch.progress(0)


_ANY = {"learning_rate": 1.0}  # the values of a program that is compiled and not run


def _put(stack: Progress, lane: jax.Array, at: Progress) -> Progress:
    return jax.tree.map(lambda x, y: lax.dynamic_update_index_in_dim(x, y, lane, 0), stack, at)


def _take(stack: Progress, lane: jax.Array) -> Progress:
    return jax.tree.map(lambda x: lax.dynamic_index_in_dim(x, lane, 0, keepdims=False), stack)


def _unlocated(hlo: str) -> str:
    """The text of a compiled program without what says where in which file it was written."""
    tables = ("FileNames", "FunctionNames", "FileLocations", "StackFrames")
    parts = [part for part in hlo.split("\n\n") if not part.startswith(tables)]
    return re.sub(r", metadata=\{[^}]*\}", "", "\n\n".join(parts))


def _traced(values: dict[str, float]) -> dict[str, jax.Array]:
    return {name: jnp.float32(value) for name, value in values.items()}


def _evaluate(
    problem: Problem, params: Params, rest: Rest, data: Arrays
) -> tuple[jax.Array, jax.Array]:
    """The score (int32) of these weights on the whole of `data`, and whether all outputs are
    finite.

    Batches of one fixed size; the rows that fill up the last one are evaluated and not counted.
    """
    examples = len(data[0])
    batch = min(EVALUATION_BATCH, examples)
    batches = -(-examples // batch)

    def add(b, carry):
        total, finite = carry
        rows = b * batch + jnp.arange(batch)
        x, y = (array[jnp.minimum(rows, examples - 1)] for array in data)
        outputs, _ = problem.apply(params, rest, x, None)
        points = problem.points(outputs, y)
        points = jnp.where(rows < examples, points, jnp.zeros_like(points))
        finite &= jnp.isfinite(outputs).all()
        if jnp.issubdtype(points.dtype, jnp.floating):
            return total + tree_sum(points), finite
        return total + points.sum(dtype=jnp.int32), finite

    x, y = (array[:1] for array in data)
    kind = jax.eval_shape(lambda: problem.points(problem.apply(params, rest, x, None)[0], y)).dtype
    floating = jnp.issubdtype(kind, jnp.floating)
    zero = jnp.float32(0) if floating else jnp.int32(0)
    total, finite = lax.fori_loop(0, batches, add, (zero, jnp.bool_(True)))
    return score.from_float(total) if floating else total, finite
