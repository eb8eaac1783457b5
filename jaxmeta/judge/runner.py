"""Thousands of studies at once: the tuner's own `ask` and `tell`, and a training that is a look-up.

Every run is the study that `Walk(tuner, seed)` would walk, draw for draw. Where a study would train
with the key `derive(root, "train", i, r)`, this key draws the slice's column; with paired keys it
is `derive(root, "train", 0, r)`, so that a learning rate tried again with the same r is the same
training, and is not counted again. The tables have one hyperparameter, so spaces have one axis.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmeta import keys
from jaxmeta.score import DIVERGED
from jaxmeta.tuning import Tuner


class Runs(NamedTuple):
    """What happened in n runs over T asks; after its end a run repeats its last line."""

    k: np.ndarray  # int32[n, T], the positions asked for
    r: np.ndarray  # int32[n, T], the replicates that the tuner asked for
    score: np.ndarray  # int32[n, T]
    recommended: np.ndarray  # int32[n, T], the position that the tuner stood for after each
    live: np.ndarray  # bool[n, T], there was such a training


def rates(tuner: Tuner) -> np.ndarray:
    """float64[positions], the learning rates from the lowest position to the highest."""
    (axis,) = tuner.space.axes
    low, high = axis.bounds
    return np.array([axis.value(k) for k in range(low, high + 1)])


def run(
    tuner: Tuner,
    scores: np.ndarray,
    slices: np.ndarray,
    seeds: np.ndarray,
    asks: int,
    paired: bool,
    replicates: int = 1,
) -> Runs:
    """Run `tuner` on slice slices[j] with seed seeds[j], for all j side by side.

    Args:
      scores: int32[slices, positions, columns], a landscape's at `rates(tuner)`.
      slices: int[n].
      seeds: uint32[n].
      asks: the most decisions of a run.
      paired: whether keys are.
      replicates: trainings a decision, whose scores are added.
    """
    found = _run(tuner, asks, replicates, scores, slices, np.uint32(seeds), np.bool_(paired))
    return Runs(*map(np.asarray, found))


@partial(jax.jit, static_argnames=("tuner", "asks", "replicates"))
def _run(
    tuner: Tuner,
    asks: int,
    replicates: int,
    scores: jax.Array,
    slices: jax.Array,
    seeds: jax.Array,
    paired: jax.Array,
) -> tuple[jax.Array, ...]:
    (low,), _ = tuner.space.bounds

    def one(slice_: jax.Array, seed: jax.Array):
        root = jax.random.key(seed, impl=keys.IMPL)

        def training(state, i):
            live = ~tuner.done(state)
            after, asked = tuner.ask(keys.derive(root, "adjust", i), state)
            r = getattr(asked, "r", jnp.int32(0))
            all_r = r * replicates + jnp.arange(replicates)
            draw = partial(draw_column, root, jnp.where(paired, 0, i), columns=scores.shape[-1])
            each = scores[slice_, asked.position[0] - low, jax.vmap(draw)(all_r)]
            score = jnp.where((each == DIVERGED).any(), DIVERGED, each.sum())  # `score.total`
            after, _ = tuner.tell(after, score)
            state = jax.tree.map(partial(jnp.where, live), after, state)
            return state, (asked.position[0], r, score, tuner.recommend(state)[0], live)

        return jax.lax.scan(training, tuner.init(), jnp.arange(asks, dtype=jnp.uint32))[1]

    return jax.vmap(one)(slices, seeds)


def draw_column(root: jax.Array, i: jax.Array, r: jax.Array, columns: int) -> jax.Array:
    """The column that the training with the key of (i, r) is, int32 below `columns`."""
    return jax.random.randint(keys.derive(root, "train", i, r), (), 0, columns)


def spent(runs: Runs, paired: bool) -> np.ndarray:
    """int64[n, asks]: trainings that had run after each ask, with one replicate.

    With paired keys the same (k, r) asked again costs nothing.
    """
    new = runs.live.copy()
    if paired:
        name = runs.k.astype(np.int64) << 32 | runs.r
        for t in range(1, name.shape[1]):
            new[:, t] &= (name[:, :t] != name[:, t : t + 1]).all(1)
    return np.cumsum(new, 1)


def after(runs: Runs, trainings: int, paired: bool, of: np.ndarray) -> np.ndarray:
    """[n, trainings]: what `of` [n, asks] was after 1, 2, ... trainings; at its end it stays."""
    last = (spent(runs, paired)[:, :, None] <= np.arange(1, trainings + 1)).sum(1) - 1
    return np.take_along_axis(of, last, 1)
