"""Meta-training: the optimiser is trained by gradient descent, as a trainable like any other.

An epoch is so many rounds. In a round several optimisees are drawn and minimised side by side for
STEPS steps, and after every stretch of `unroll` steps the LSTM's weights make one step of Adam,
downhill on the sum of the logarithms of the losses: so late and small losses count as well.
Short stretches teach greedy steps, and whole ones teach little at first: after `truncated` epochs a
stretch is all the STEPS. The meta learning rate is multiplied by `decay` after each epoch, and what
is scored and kept is the mean of the weights over an epoch's rounds, as meta-gradients are noisy.

The score is minus the mean final loss of held-out optimisees.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from jaxmeta import keys
from jaxmeta.learned import lstm
from jaxmeta.learned.gradient import meta_gradient, slopes
from jaxmeta.learned.optimizees import Optimizee, minimize
from jaxmeta.learned.optimizer import optimizer
from jaxmeta.length import Training
from jaxmeta.space import Log, Values
from jaxmeta.training.functions import Functions, trainable

STEPS = 100
AXES = {
    "learning_rate": Log(3e-4, 2e-2, start=5e-3),
    "unroll": Values(10, 20, 50, start=20),
    "output_scale": Log(0.01, 1.0, start=0.1),
}
DEFAULTS = {
    **{"learning_rate": 5e-3, "unroll": 20, "output_scale": 0.1},
    **{"truncated": 5, "decay": 0.85},
}
# A stretch may have ended far off: no meta-gradient is longer than 1.
META_ADAM = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam())


class State(NamedTuple):
    """What an epoch carries on, and in `mean` what it leaves."""

    weights: lstm.Weights
    moments: Any  # of META_ADAM
    mean: lstm.Weights


class Round(NamedTuple):
    """One round of meta-training: what is the same in all of them.

    Attributes:
      rate, scale: the meta learning rate and the output scale.
      data: what the optimisee's losses are of.
      side_by_side, drawn: as for `meta_training`.
    """

    optimizee: Optimizee
    rate: Any
    scale: Any
    data: Any
    side_by_side: int
    drawn: int

    def run(self, unroll: int, state: State, key: jax.Array) -> tuple[State, jax.Array]:
        """The state after a round, `mean` as it was, and the mean final loss; consumes `key`."""
        each = jax.random.split(keys.derive(key, "optimizees"), self.side_by_side)
        what, params = jax.vmap(self.optimizee.begin, (0, None))(each, self.data)

        def seen(params, t):
            batches = jax.vmap(lambda one: keys.derive(one, "batch", t))(each)
            grad = jax.vmap(jax.value_and_grad(self.optimizee.loss, 1), (0, 0, 0, None))
            return grad(what, params, batches, self.data)

        def stretch(carry, s):
            weights, moments, params, before, gradient = carry

            def step(carry, t):
                params, memory, gradient = carry
                memory, said = lstm.step(weights, memory, gradient.reshape(-1))
                params = params + self.scale * said.reshape(params.shape)
                loss, after = seen(params, t)
                return (params, memory, after), (loss, gradient, after)

            (params, memory, gradient), (losses, saw, after) = lax.scan(
                step, (params, before, gradient), s * unroll + 1 + jnp.arange(unroll)
            )
            moved = meta_gradient(
                keys.derive(key, "coordinates", s),
                weights,
                before,
                saw.reshape(unroll, -1),
                slopes(losses, after, self.scale),
                self.drawn,
            )
            updates, moments = META_ADAM.update(moved, moments)
            weights = jax.tree.map(lambda w, u: w - self.rate * u, weights, updates)
            return (weights, moments, params, memory, gradient), losses[-1].mean()

        start = state.weights, state.moments, params, lstm.fresh(params.size), seen(params, 0)[1]
        (weights, moments, *_), final = lax.scan(stretch, start, jnp.arange(STEPS // unroll))
        return state._replace(weights=weights, moments=moments), final[-1]


def meta_training(
    name: str,
    optimizee: Optimizee,
    data: Any = (),
    *,
    side_by_side: int,
    rounds: int,
    held_out: int,
    drawn: int = 2048,
    **more: Any,
) -> Functions:
    """The meta-training of an LSTM on an optimisee.

    Args:
      name: "package.module:function" of the function that makes this trainable again.
      data: what the optimisee's losses are of.
      side_by_side: optimisees in a round.
      rounds: in an epoch.
      held_out: optimisees that the score is the mean of.
      drawn: coordinates at which a stretch is differentiated, at most.
      more: as for `jaxmeta.trainable`.
    """

    def begin(key, values, train):
        del values, train
        weights = lstm.init(keys.derive(key, "weights"))
        return State(weights, META_ADAM.init(weights), weights)

    def epoch(key, n, values, state, train):
        rate = values["learning_rate"] * values["decay"] ** n
        one = Round(optimizee, rate, values["output_scale"], train, side_by_side, drawn)
        # As words: a condition in lanes selects among its operands, and a key must be used once.
        words = jax.random.key_data(jax.random.split(keys.derive(key, "rounds", n), rounds))

        def all_rounds(unroll, state, words):
            def body(state, words):
                key = jax.random.wrap_key_data(words, impl=keys.IMPL)
                state, final = one.run(unroll, state, key)
                mean = jax.tree.map(lambda m, w: m + w / rounds, state.mean, state.weights)
                return state._replace(mean=mean), final

            nothing = jax.tree.map(jnp.zeros_like, state.mean)
            return lax.scan(body, state._replace(mean=nothing), words)

        short, whole = partial(all_rounds, values["unroll"]), partial(all_rounds, STEPS)
        state, finals = lax.cond(n < values["truncated"], short, whole, state, words)
        return state, finals.mean()

    def score(key, values, state, data):
        opt = optimizer(state.mean, values["output_scale"])
        each = jax.random.split(key, held_out)
        return -jax.vmap(lambda one: minimize(optimizee, opt, one, data, STEPS)[-1])(each).mean()

    return trainable(
        name,
        begin,
        epoch,
        score,
        AXES,
        defaults=DEFAULTS,
        train=data,
        held_out={"validation": data},
        meaning=f"minus the mean loss after {STEPS} steps",
        weights=lambda state: state.mean,
        **{"training": Training(20, 20), **more},
    )
