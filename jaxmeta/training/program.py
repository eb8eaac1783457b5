"""Train_N: from a key and hyperparameter values to a score, in one compiled program.

Weights come from the key; epochs of shuffled mini-batches are drawn on the device; after each
epoch the whole validation split is evaluated by counting; early stopping waits `patience` epochs
for a better count; a loss that is not finite ends the training there, as data. The score is the
best evaluation (ALGORITHM: "Train_N"). Hyperparameter values are traced: a new one never compiles
again.

The loop stops at the end of any epoch it is told to and goes on from there with the same bits, so a
training can be watched, saved and resumed without being changed.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from jaxmeta import keys, score
from jaxmeta.arithmetic import tree_sum
from jaxmeta.training import digest

# Fixed, since the size of a batch can change the last bit of its rows (BITS, section 2).
EVALUATION_BATCH = 500

Arrays = tuple[jax.Array, jax.Array]  # inputs [n, ...], targets [n, ...]
Params = Any
Rest = Any  # what a network carries beside its weights, batch statistics for example


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


Watch = Callable[[Progress], None] | None


class Program:
    """Train_N for one problem, one set of arrays and one length; compiled once, at the first use.

    Args:
      problem: network, loss, score and optimiser.
      train, evaluation: inputs and targets, kept on the device; the score is taken on `evaluation`.
      training: epochs, patience and batches.
    """

    def __init__(self, problem: Problem, train: Any, evaluation: Any, training: Training) -> None:
        self.problem, self.training = problem, training
        self.steps = training.steps(len(train[0]))
        self.train_data: Arrays = jax.device_put(tuple(train))
        self.evaluation_data: Arrays = jax.device_put(tuple(evaluation))
        self.begin = jax.jit(self._begin)
        # `go_on` takes its progress over, weights and moments in place.
        self.go_on = jax.jit(self._go_on, donate_argnums=0)
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

    def _wanted(self, at: Progress) -> jax.Array:
        """Line 3 and 7: go on until N epochs, until patience ends or until it diverges."""
        waiting = at.epoch - at.best_epoch < self.training.patience
        return at.finite & waiting & (at.epoch < self.training.epochs)

    def _go_on(
        self,
        at: Progress,
        key: jax.Array,
        values: dict[str, jax.Array],
        train: Arrays,
        evaluation: Arrays,
        until: jax.Array,
    ) -> Progress:
        """Epochs until `until` (int32) of them are done or no more is wanted."""
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

        return lax.while_loop(lambda at: self._wanted(at) & (at.epoch < until), epoch, at)

    def fingerprint(self) -> dict[str, str]:
        """SHA-256 of the program as JAX wrote it (StableHLO) and as XLA compiled it, unlocated."""
        key, values = keys.root(0), {"learning_rate": jnp.float32(1)}
        first = self.train_data[0][:1]
        at = jax.eval_shape(self._begin, key, values, first)
        programs = [
            self.begin.lower(key, values, first),
            self.go_on.lower(at, key, values, self.train_data, self.evaluation_data, jnp.int32(1)),
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
        """Go on from `at`, which is taken over, as if the training had never stopped.

        Args:
          key: the training's own key.
          values: hyperparameters, rounded to float32.
          until: stop after so many epochs; None for all that are wanted.
          watch: sees the end of every epoch; changes nothing.
        """
        last = self.training.epochs if until is None else min(until, self.training.epochs)
        while int(at.epoch) < last and bool(self._wanted(at)):
            stop = last if watch is None else int(at.epoch) + 1
            at = self.go_on(
                at, key, _traced(values), self.train_data, self.evaluation_data, jnp.int32(stop)
            )
            if watch is not None:
                watch(at)
        return result(at), at


def _unlocated(hlo: str) -> str:
    """The text of a compiled program without what says where in which file it was written."""
    tables = ("FileNames", "FunctionNames", "FileLocations", "StackFrames")
    parts = [part for part in hlo.split("\n\n") if not part.startswith(tables)]
    return re.sub(r", metadata=\{[^}]*\}", "", "\n\n".join(parts))


def _traced(values: dict[str, float]) -> dict[str, jax.Array]:
    return {name: jnp.float32(value) for name, value in values.items()}


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
