"""The branches of look-ahead, all at once: the tuner's own functions under `jit` and `vmap`."""

from functools import partial

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from jaxmeta import keys
from jaxmeta.tuning.protocol import HIGHEST, LOWEST, Foreseeable, State, Tuner, bare


def _ask(tuner: Tuner, root: jax.Array, i: jax.Array, state: State) -> tuple[jax.Array, jax.Array]:
    state, asked = tuner.ask(keys.derive(root, "adjust", i), state)
    r = getattr(asked, "r", jnp.int32(0))
    return ravel_pytree(state)[0], jnp.append(asked.position, r)


@partial(jax.jit, static_argnames="tuner")
def step(tuner: Foreseeable, root: jax.Array, i: jax.Array, *branches: jax.Array):
    """Both outcomes of each branch, whose score is within [least, most], asked for iteration i.

    Whether the outcome is possible; the state; what it asks; the ends of its reference; whether it
    is done.
    """
    unravel = ravel_pytree(bare(tuner, tuner.init()))[1]
    root = jax.random.wrap_key_data(root, impl=keys.IMPL)

    def one(raw, low, high, least, most):
        state = unravel(raw)

        def at(reference):
            return state._replace(**{tuner.reference: jnp.int32(reference)})

        compared = tuner.outcome(at(HIGHEST), LOWEST) != tuner.outcome(at(LOWEST), HIGHEST)

        def better():
            """The score is as good as its reference, which narrows both."""
            ends = jnp.maximum(low, least), most, low, jnp.minimum(high, most)
            return tuner.outcome(at(low), most) == 1, ends

        def worse():
            below = jnp.where((high == HIGHEST) | (high == LOWEST), high, high - 1)
            above = jnp.where(least == LOWEST, least, least + 1)
            ends = least, jnp.minimum(below, most), jnp.maximum(low, above), high
            return tuner.outcome(at(high), least) == 0, ends

        def after(outcome, possible, ends):
            free = least, most, low, high
            least_, most_, low_, high_ = jax.tree.map(partial(jnp.where, compared), ends, free)
            lowest = tuner.refer(at(low_), outcome, least_)
            highest = tuner.refer(at(high_), outcome, most_)
            told = tuner.suppose(state, outcome)
            return possible, *_ask(tuner, root, i, told), lowest, highest, tuner.done(told)

        return jax.tree.map(lambda *x: jnp.stack(x), after(1, *better()), after(0, *worse()))

    return jax.vmap(one)(*branches)
