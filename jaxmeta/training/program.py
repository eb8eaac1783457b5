"""Train_N: from a key and hyperparameter values to a score, in one compiled program.

A trainable's epochs, one after another. After each the score is taken; early stopping waits
`patience` epochs for a better one; a loss or score that is not a number ends the training there, as
data. The score of the training is its best evaluation. Values that are traced never compile again.

The loop stops at the end of any epoch it is told to and goes on from there with the same bits, so a
training can be watched, saved and resumed without being changed. Several trainings run side by side
in its lanes (`training.lanes`), each at its own epoch.
"""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxmeta import keys, score
from jaxmeta.arithmetic import FAST, PORTABLE, VERSION, computing_in
from jaxmeta.length import Training
from jaxmeta.training import digest
from jaxmeta.training.data import Data
from jaxmeta.training.executable import Executable, trace
from jaxmeta.training.form import same_form
from jaxmeta.training.lanes import Lanes
from jaxmeta.training.progress import Progress
from jaxmeta.training.protocol import Trainable
from jaxmeta.trial import Value, Values


class Program:
    """Train_N for one variant of a trainable: one combination of static values.

    Compiled once, ahead of time, at its first use; the same executables run and are digested.
    `training.stack.Stack` holds the trainings in its lanes.

    Args:
      trainable: what is trained.
      training: epochs and patience.
      constants: hyperparameters that are Python constants here; what is not named has the
        trainable's default.
      traced: the names of those that are traced float32 scalars.
      scored_on: the split that the score is taken on.
      lanes: how many trainings run side by side, and how.
      device: the jax.Device; None for JAX's own choice.
      data: the trainable's arrays on that device, shared with other variants; None: its own.
      arithmetic: "fast" or "portable", see `jaxmeta.arithmetic`.

    Raises:
      ValueError: the trainable has no such split; or, once it is compiled, an operation of it is
        not portable and was to be.
    """

    def __init__(
        self,
        trainable: Trainable,
        training: Training,
        constants: Mapping[str, Value] | None = None,
        traced: Iterable[str] = (),
        scored_on: str = "validation",
        lanes: Lanes = Lanes(),  # noqa: B008 it is frozen
        device: Any = None,
        data: Data | None = None,
        arithmetic: str = FAST,
    ) -> None:
        self.trainable, self.training, self.scored_on = trainable, training, scored_on
        self.traced = tuple(sorted(traced))
        self.constants: Values = {
            name: value
            for name, value in {**trainable.defaults, **(constants or {})}.items()
            if name not in self.traced
        }
        self.lanes, self.device, self.arithmetic = lanes, device, arithmetic
        self.data = data or Data(trainable, device)
        self._scores: dict[str, Executable] = {}  # compiled, for each split
        _ = self.data[scored_on]  # says so if there is none

    def fresh(self, key: jax.Array, values: Mapping[str, Value]) -> Progress:
        """A training at its beginning; of `values` those that are traced count."""
        key_data = np.asarray(jax.random.key_data(key))
        return self.begin(key_data, self.floats(values), self._train)

    def score(self, split: str, key: jax.Array, values: Mapping[str, Value], at: Progress) -> int:
        """The score of `at` on `split` as an integer, see `jaxmeta.score`."""
        arguments = (
            np.asarray(jax.random.key_data(key)),
            self.floats(values),
            at.state,
            self.data[split],
        )
        if split not in self._scores:
            self._scores[split] = self._compile(jax.jit(partial(self._score, split)), *arguments)
        return int(self._scores[split](*arguments)[0])

    def floats(self, values: Mapping[str, Value]) -> dict[str, np.ndarray]:
        """The traced ones of `values`, rounded to float32."""
        return {name: np.float32(values[name]) for name in self.traced}  # pyright: ignore[reportReturnType]

    def check(self) -> None:
        """Trace it, and compile nothing.

        Raises:
          ValueError: the trainable cannot be traced; or an operation of it is not portable and was
            to be.
        """
        trace(jax.jit(self._begin), *self._one, self._train, arithmetic=self.arithmetic)
        trace(jax.jit(self._go_on), *self._stacked, arithmetic=self.arithmetic)

    @cached_property
    def begin(self) -> Executable:
        """The executable from a key's data, traced values and the data to a `Progress`."""
        return self._compile(jax.jit(self._begin), *self._one, self._train)

    @cached_property
    def go_on(self) -> Executable:
        """The executable that trains a stack, whose memory it takes over; see `Stack.advance`."""
        return self._compile(jax.jit(self._go_on, donate_argnums=0), *self._stacked)

    def abstract_stack(self) -> tuple[Any, ...]:
        """Shapes and dtypes of a stack, its keys, traced values and epochs: W of each."""
        key_data, values = self._one
        with computing_in(self.arithmetic):
            at = jax.eval_shape(self._begin, key_data, values, self._train)
        until = jax.ShapeDtypeStruct((), jnp.int32)
        return jax.tree.map(
            lambda x: jax.ShapeDtypeStruct((self.lanes.width, *x.shape), x.dtype),
            (at, key_data, values, until),
        )

    def digests(self) -> dict[str, str]:
        """128 bits of the SHA-256 of the program as JAX wrote it (StableHLO) and as XLA compiled
        it, in hexadecimal; and `threads`, the size of XLA's thread pool or "any" where that changes
        no bit, which is a part of the second digest. Compiles it, if it is not yet.

        In portable arithmetic no text can change a bit, and each is the arithmetic's version."""
        executables = self.begin, self.go_on
        threads = max((executable.threads for executable in executables), key="any".__ne__)
        if self.arithmetic == PORTABLE:
            version = hashlib.sha256(VERSION.encode()).hexdigest()[:32]
            return {"program": version, "compiled": version, "threads": threads}
        texts = {
            "program": "".join(executable.written for executable in executables),
            "compiled": "".join(executable.compiled for executable in executables) + threads,
        }
        digests = {n: hashlib.sha256(text.encode()).hexdigest()[:32] for n, text in texts.items()}
        return {**digests, "threads": threads}

    @cached_property
    def compiled(self) -> str:
        """The digest of what runs; a part of every `Result`."""
        return self.digests()["compiled"]

    @property
    def _train(self) -> Any:
        return self.data["train"]

    @property
    def _stacked(self) -> tuple[Any, ...]:
        """The arguments of `_go_on`."""
        return *self.abstract_stack(), self._train, self.data[self.scored_on]

    @property
    def _one(self) -> tuple[Any, Any]:
        """A key's data and traced values, as shapes and dtypes."""
        scalar = jax.ShapeDtypeStruct((), jnp.float32)
        return jax.ShapeDtypeStruct((2,), jnp.uint32), {name: scalar for name in self.traced}

    def _compile(self, function: Any, *arguments: Any) -> Executable:
        return Executable(function, self.device, *arguments, arithmetic=self.arithmetic)

    def _begin(self, key_data: jax.Array, traced: dict[str, jax.Array], train: Any) -> Progress:
        n = self.training.epochs
        state = self.trainable.begin(_key(key_data), self._values(traced), train)
        return Progress(
            state=jax.tree.map(_strong, state),
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
        traced: dict[str, jax.Array],
        until: jax.Array,
        train: Any,
        held_out: Any,
    ) -> Progress:
        """Each lane until `until` (int32[W]) epochs of it are done or no more is wanted."""

        def one(at, key_data, traced, until):
            return self._epochs(at, key_data, traced, until, train, held_out)

        return self.lanes.side_by_side(one, at, key_data, traced, until)

    def _epochs(
        self,
        at: Progress,
        key_data: jax.Array,
        traced: dict[str, jax.Array],
        until: jax.Array,
        train: Any,
        held_out: Any,
    ) -> Progress:
        """One lane of `_go_on`."""
        key, values = _key(key_data), self._values(traced)

        def epoch(at: Progress) -> Progress:
            state, loss = self.trainable.epoch(key, at.epoch, values, at.state, train)
            state = same_form(at.state, jax.tree.map(_strong, state))
            loss = _scalar("the loss of an epoch", loss, jnp.floating)
            points, finite = self._score(self.scored_on, key_data, traced, state, held_out)
            finite &= jnp.isfinite(loss)
            points = jnp.where(finite, points, score.DIVERGED)
            # A training that diverges has no good epoch, whatever came before.
            better = points > at.best
            return Progress(
                state=state,
                epoch=at.epoch + 1,
                finite=finite,
                best=jnp.where(finite, jnp.maximum(points, at.best), score.DIVERGED),
                best_epoch=jnp.where(better, at.epoch + 1, at.best_epoch) * finite,
                curve=at.curve.at[at.epoch].set(points),
                losses=at.losses.at[at.epoch].set(loss),
                digests=at.digests.at[at.epoch].set(digest.digest(self.trainable.weights(state))),
            )

        def more(at: Progress) -> jax.Array:
            return ~self.training.ended(at.epoch, at.best_epoch, ~at.finite) & (at.epoch < until)

        return lax.while_loop(more, epoch, at)

    def _score(
        self,
        split: str,
        key_data: jax.Array,
        traced: dict[str, jax.Array],
        state: Any,
        held_out: Any,
    ) -> tuple[jax.Array, jax.Array]:
        """The score as int32, and whether it is one."""
        key = keys.derive(_key(key_data), split)
        points = self.trainable.score(key, self._values(traced), state, held_out)
        if self.trainable.kind == score.COUNT:
            points = _scalar("a score that is a count", points, jnp.integer).astype(jnp.int32)
            return points, points != score.DIVERGED
        points = _scalar("a score that is a float", points, jnp.floating).astype(jnp.float32)
        finite = ~jnp.isnan(points)
        return jnp.where(finite, score.from_float(points), score.DIVERGED), finite

    def _values(self, traced: Mapping[str, jax.Array]) -> dict[str, Any]:
        return {**self.constants, **traced}


def _key(key_data: jax.Array) -> jax.Array:
    return jax.random.wrap_key_data(key_data, impl=keys.IMPL)


def _strong(x: Any) -> jax.Array:
    """An array of the dtype that it has now; Python's numbers would follow their neighbours'."""
    dtype = jnp.result_type(x)
    if jnp.issubdtype(dtype, jax.dtypes.extended):  # a random key
        return x
    return lax.convert_element_type(x, dtype)


def _scalar(what: str, x: Any, kind: Any) -> jax.Array:
    x = jnp.asarray(x)
    if x.shape != () or not jnp.issubdtype(x.dtype, kind):
        raise ValueError(
            f"{what} must be one {kind.__name__} number, got {x.dtype}{list(x.shape)}; "
            "sum it up, or convert it"
        )
    return x
