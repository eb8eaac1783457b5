"""The built-in trainable: a network learns from examples, in shuffled mini-batches."""

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.custom_batching import sequential_vmap

from jaxmeta import keys
from jaxmeta import score as scores
from jaxmeta.arguments import arguments, given
from jaxmeta.arithmetic import times, tree_sum
from jaxmeta.length import Training
from jaxmeta.models.network import Network, Source
from jaxmeta.supervised import numbers, regularizers
from jaxmeta.supervised.dataset import Dataset, Split
from jaxmeta.supervised.evaluation import evaluate
from jaxmeta.supervised.optimizers import OPTIMIZERS
from jaxmeta.trial import Values


class State(NamedTuple):
    """A training between two epochs."""

    params: Any
    rest: Any  # what a network carries beside its weights, batch statistics for example
    optimizer: Any


@dataclass(frozen=True, eq=False)
class Task:
    """Data, a network, a loss, a score and optimisers; a `training.Trainable`.

    A hyperparameter goes, by its name, to whoever has an argument of that name: the network's
    function, the optimiser, the loss, the loop over mini-batches (`batch_size`; `steps_per_epoch`,
    0 for one pass over the data, where what the batch size leaves over sits that epoch out; `l2`).
    `regularizer` and `strength` stand for one of four, see `supervised.regularizers`. Where a
    hyperparameter is absent, its taker's own default holds.

    Attributes:
      name: how the record calls it.
      data: training, validation and test split.
      network: where networks come from, see `models.network.source`.
      loss: outputs [B, ...], targets [B, ...] -> float32[B]; more arguments are hyperparameters.
      points: outputs, targets -> bool or int32[B], counted, or float32[B], added; higher is better.
      kind, meaning: of the score, see `training.Trainable`.
      summary: the score from the sums of the points, see `evaluate`; None: it is the sum.
      optimizers: by name, each from hyperparameters by the names of its arguments to an optax
        transformation; the first is the default.
      fixed_order: with our own optimisers its bits are the same beside whatever it is trained. So
        it is for networks made of `jaxmeta.models` alone that learn classes, unless a product has
        a single input or output; the law of the lanes tests it (tests/laws/test_trainables.py).
    """

    name: str
    data: Dataset
    network: Source
    loss: Callable[..., jax.Array]
    points: Callable[[Any, Any], Any]
    kind: str
    meaning: str
    optimizers: Mapping[str, Callable[..., optax.GradientTransformation]] = field(
        default_factory=lambda: OPTIMIZERS
    )
    axes: Mapping[str, Any] = field(default_factory=dict)
    preset_axes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    defaults: Values = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    fixed_order: bool = False
    training: Training = Training()
    summary: Callable[[Any], jax.Array] | None = None

    def __post_init__(self) -> None:
        named = {**numbers.DEFAULTS, "optimizer": next(iter(self.optimizers)), **self.defaults}
        if not any("learning_rate" in arguments(made) for made in self.optimizers.values()):
            del named["learning_rate"]
        object.__setattr__(self, "defaults", named)
        if self.kind == scores.COUNT:
            for split in ("validation", "test"):
                if self.of(split) >= 2**31:  # pyright: ignore[reportOptionalOperand]
                    raise ValueError(
                        f"a score must stay below 2**31, and the {split} split has "
                        f"{self.of(split)} labels; take fewer"
                    )

    @property
    def promises(self) -> str:
        return "fixed order" if self.fixed_order and self.optimizers == OPTIMIZERS else "plain"

    @property
    def train(self) -> Split:
        return self.data.train

    @property
    def held_out(self) -> dict[str, Split]:
        return {"validation": self.data.validation, "test": self.data.test}

    def of(self, split: str) -> int | None:
        """How many labels there are to be right about."""
        if self.kind != scores.COUNT:
            return None
        y = np.asarray(getattr(self.data, split).y)
        return y.size if self.data.ignored is None else int((y != self.data.ignored).sum())

    def data_record(self) -> dict[str, Any]:
        sizes = {n: getattr(self.data, n).examples for n in ("train", "validation", "test")}
        return {"name": self.data.name, "digest": self.data.digest, **sizes}

    def takers(self, values: Mapping[str, Any]) -> dict[str, dict[str, bool]]:
        """Who takes which hyperparameters, and whether it must have them."""
        chosen = str(values["optimizer"])
        return {
            "the network": dict(self.network.takes),
            f"the optimizer {chosen}": arguments(self.optimizers[chosen]),
            "the loss": arguments(self.loss, skip=2),
            "the loop over mini-batches": dict.fromkeys(numbers.BATCHES, False),
        }

    def takes(self, values: Values) -> frozenset[str]:
        named = frozenset().union(*self.takers(values).values()) | {"optimizer"}
        if "regularizer" in values:
            named |= {"regularizer"}
            named |= {"strength"} if values["regularizer"] != "none" else set()
        return named

    def check(self, values: Values) -> None:
        if values["optimizer"] not in self.optimizers:
            raise ValueError(
                f"optimizer must be one of {', '.join(self.optimizers)}, got "
                f"{values['optimizer']!r}; choose one"
            )
        regularizers.check(values)
        numbers.check(values, self.train.examples)
        takers = self.takers(values)
        resolved = regularizers.resolve(values)
        # A regulariser that is off needs nobody; an axis that another optimiser takes may rest.
        known = {n for made in self.optimizers.values() for n in arguments(made)} | {"optimizer"}
        known |= {n for n in regularizers.STRENGTHS if resolved.get(n) == 0.0}
        for name in resolved.keys() - known.union(*takers.values()):
            close = difflib.get_close_matches(name, known.union(*takers.values()), n=1)
            said = "; ".join(f"{who}: {', '.join(named)}" for who, named in takers.items() if named)
            raise ValueError(
                f"{name} is a hyperparameter that nothing in {self.name} takes "
                f"({said}); " + (f"did you mean {close[0]}?" if close else "leave it out")
            )
        for who, named in takers.items():
            if missing := [n for n, needed in named.items() if needed and n not in resolved]:
                raise ValueError(
                    f"{who} needs {', '.join(missing)}, which is neither tuned nor set; "
                    f"set it, or give the argument a default"
                )

    def begin(self, key: jax.Array, values: Mapping[str, Any], train: Split) -> State:
        values = regularizers.resolve(values)
        first = jax.tree.map(lambda array: array[:1], train.x)
        params, rest = self._network(values).init(keys.derive(key, "weights"), scale(first))
        return State(params, rest, self._optimizer(values).init(params))

    def epoch(
        self, key: jax.Array, n: jax.Array, values: Mapping[str, Any], state: State, train: Split
    ) -> tuple[State, jax.Array]:
        """The loss is the last mini-batch's mean; one that is not finite ends the epoch there."""
        values = regularizers.resolve(values)
        network, optimizer = self._network(values), self._optimizer(values)
        loss_of = partial(self.loss, **given(self.loss, values, skip=2))
        batch, examples = values["batch_size"], len(jax.tree.leaves(train.y)[0])
        steps = values["steps_per_epoch"] or examples // batch
        one_over_batch = np.float32(1 / batch)
        # Lanes in turn: a TPU's compiler takes twice as long for a sort of many lanes.
        shuffled = sequential_vmap(partial(permutation, n=examples))
        order = shuffled(keys.derive(key, "order", n))
        first_step = n * steps

        def loss(params, rest, step_key, x, y):
            outputs, rest = network.apply(params, rest, scale(x), step_key)
            return times(tree_sum(loss_of(outputs, y)), one_over_batch), rest

        def step(carry):
            t, (params, rest, moments), _ = carry
            rows = lax.dynamic_slice(order, (t * batch,), (batch,))
            step_key = keys.derive(key, "dropout", first_step + t)
            x, y = jax.tree.map(lambda array: array[rows], (train.x, train.y))
            (value, rest), gradient = jax.value_and_grad(loss, has_aux=True)(
                params, rest, step_key, x, y
            )
            gradient = regularizers.add_l2(values.get("l2", 0.0), gradient, params)
            updates, moments = optimizer.update(gradient, moments, params)
            return t + 1, State(optax.apply_updates(params, updates), rest, moments), value

        _, state, value = lax.while_loop(
            lambda carry: (carry[0] < steps) & jnp.isfinite(carry[2]),
            step,
            (jnp.int32(0), state, jnp.float32(0)),
        )
        return state, value

    def score(
        self, key: jax.Array, values: Mapping[str, Any], state: State, held_out: Split
    ) -> jax.Array:
        """The sum of the points; diverged where an output is not finite."""
        del key
        traced = {name: value for name, value in values.items() if isinstance(value, jax.Array)}

        # Lanes in turn: one has enough examples to fill a device, and those of all at once would
        # take several times the memory of a training step.
        @sequential_vmap
        def score_of(traced, state, held_out):
            network = self._network(regularizers.resolve({**values, **traced}))

            def outputs_of(x):
                return network.apply(state.params, state.rest, scale(x), None)[0]

            return evaluate(outputs_of, self.points, held_out, self.summary)

        return score_of(traced, state, held_out)

    def weights(self, state: Any) -> Any:
        return state["params"] if isinstance(state, dict) else state.params

    def kept(self, state: State) -> Any:
        """Weights, and what stands beside them: for a Linen module its variables."""
        if isinstance(state.rest, dict):
            return {"params": state.params, **state.rest}
        return {"params": state.params, "rest": state.rest}

    def outputs(self, values: Values, kept: Any, x: Any) -> Any:
        """What the network gives for the examples `x`, as they are in the data, with the weights of
        `kept`; not in training."""
        rest = {name: of for name, of in kept.items() if name != "params"}
        if not isinstance(rest.get("rest", {}), dict):  # an NNX module's
            rest = rest["rest"]
        network = self._network(regularizers.resolve(values))
        return network.apply(kept["params"], rest, scale(x), None)[0]

    def _network(self, values: Mapping[str, Any]) -> Network:
        return self.network.network(values)

    def _optimizer(self, values: Mapping[str, Any]) -> optax.GradientTransformation:
        make = self.optimizers[values["optimizer"]]
        return make(**given(make, values))


def permutation(key: jax.Array, n: int) -> jax.Array:
    """`jax.random.permutation(key, n)`, bit for bit, int32[n].

    The numbers are sorted by random keys of 32 bits, and again by others, since keys can be equal.
    Here the sorts are one in a loop: a TPU's compiler takes long for each."""

    def by_random_keys(_, carry):
        key, order = carry
        key, drawn = jax.random.split(key)
        _, order = lax.sort_key_val(jax.random.bits(drawn, (n,), jnp.uint32), order)
        return key, order

    sorts = math.ceil(3 * math.log(n) / math.log(2**32 - 1))
    return lax.fori_loop(0, sorts, by_random_keys, (key, jnp.arange(n, dtype=jnp.int32)))[1]


def scale(x: Any) -> Any:
    """Images of uint8 to float32 in [0, 1], by one multiplication; anything else as it is."""
    return jax.tree.map(
        lambda a: times(a.astype(jnp.float32), np.float32(1 / 255)) if a.dtype == jnp.uint8 else a,
        x,
    )
