"""Optuna's samplers on the same landscapes: one run after another, since they are Python objects.

Every run is the study `Walk(OptunaSearch(sampler, ...), seed)`, but is told step by step instead of
all over again at each step, and draws the same columns as any other tuner under that seed.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxmeta import keys
from jaxmeta.judge.landscape import Landscape
from jaxmeta.judge.runner import Runs, draw_column
from jaxmeta.score import to_float
from jaxmeta.tuning.optuna_search import OptunaSearch, Sequential


def run(
    tuner: OptunaSearch,
    landscape: Landscape,
    slices: np.ndarray,
    seeds: np.ndarray,
    asks: int,
    paired: bool,
) -> Runs:
    """As `runner.run`; positions are those of `OptunaSearch`, and r is 0."""
    columns = landscape.value.shape[-1]
    drawn = _draws(np.uint32(seeds), np.bool_(paired), asks, columns)
    sampler_seeds, drawn = (np.asarray(x) for x in drawn)
    k = np.zeros((len(slices), asks), np.int32)
    score = np.zeros_like(k)
    for j, slice_ in enumerate(slices):
        study = Sequential(tuner.sampler, int(sampler_seeds[j]), tuner.space)
        for i in range(asks):
            (k[j, i],) = study.ask()
            score[j, i] = landscape.score(slice_, to_float(k[j, i]), drawn[j, i])
            study.tell(int(score[j, i]))
    return Runs(k, np.zeros_like(k), score, best_so_far(k, score), np.ones(k.shape, bool))


def best_so_far(k: np.ndarray, score: np.ndarray) -> np.ndarray:
    """int32[n, T]: the position of the best score after each training, the earliest of equals."""
    best = [np.argmax(score[:, : i + 1], 1) for i in range(score.shape[1])]
    return np.take_along_axis(k, np.stack(best, 1), 1)


@partial(jax.jit, static_argnames=("asks", "columns"))
def _draws(seeds: jax.Array, paired: jax.Array, asks: int, columns: int):
    """The sampler's seed, int32[n], and the columns, int32[n, asks]."""

    def one(seed: jax.Array):
        root = jax.random.key(seed, impl=keys.IMPL)
        first = jax.random.bits(keys.derive(root, "adjust", 0), (), jnp.uint32) >> 1
        iterations = jnp.where(paired, 0, jnp.arange(asks, dtype=jnp.uint32))
        column = partial(draw_column, root, r=jnp.int32(0), columns=columns)
        return first.astype(jnp.int32), jax.vmap(column)(iterations)

    return jax.vmap(one)(seeds)
