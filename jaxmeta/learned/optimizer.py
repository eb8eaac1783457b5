"""The learned optimiser as an optax transformation.

Of each coordinate the LSTM sees the gradient and nothing else, and what it says, times an output
scale, is the step (Andrychowicz et al., 2016). The output scale stands where other optimisers have
their learning rate, and is part of what was learned: 0.1 in the paper, 0.01 in the authors' code,
here what a study found (`shipped`).
"""

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.custom_batching import sequential_vmap
from jax.flatten_util import ravel_pytree

from jaxmeta.learned import lstm

Scalar = float | jax.Array
FILE = Path(__file__).with_name("shipped.npz")
# So many coordinates at once: what lies between the products stays near a processor, and memory
# is needed for the state alone.
BLOCK = 2**14


class Shipped(NamedTuple):
    """A trained optimiser that comes with the package, made by `make learning-to-learn`.

    Attributes:
      weights: of the LSTM.
      scale: of its outputs.
      tuning, training: SHA-256 of the journals of the study that found its hyperparameters, and of
        the study of one trial that trained it; both are in experiments/results/learned.
    """

    weights: lstm.Weights
    scale: float
    tuning: str
    training: str


@cache
def shipped(name: str) -> Shipped:
    """The optimiser trained on `name`, "mnist" or "quadratics"."""
    with np.load(FILE, allow_pickle=False) as file:
        weights = lstm.Weights(*(file[f"{name}_{field}"] for field in lstm.Weights._fields))
        tuning, training = (str(file[f"{name}_{of}"]) for of in ("tuning", "training"))
        return Shipped(weights, float(file[f"{name}_scale"]), tuning, training)


def learned(update_scale: Scalar = 1.0, weight_decay: Scalar = 0.0) -> optax.GradientTransformation:
    """The optimiser that comes with the package, trained on small networks that learn MNIST.

    It needs no learning rate, and takes none. Its state is 80 floats for each weight, and a step
    costs about 10,000 operations a weight.

    Args:
      update_scale: each step times this.
      weight_decay: each step also takes the output scale times this of every weight away.
    """
    of = shipped("mnist")
    return optimizer(of.weights, update_scale * of.scale, weight_decay)


def optimizer(
    weights: lstm.Weights, scale: Scalar, weight_decay: Scalar = 0.0
) -> optax.GradientTransformation:
    """The optimiser of an LSTM with these weights and this output scale."""

    def init(params: Any) -> lstm.State:
        """As `lstm.fresh`, with an axis of blocks first: float32[blocks, UNITS, coordinates]."""
        blocks, size = _blocks(ravel_pytree(params)[0].size)
        fresh = lstm.fresh(size)
        return jax.tree.map(lambda x: jnp.zeros((blocks, *x.shape), x.dtype), fresh)

    # Lanes in turn: a product of several lanes at once has another order.
    @sequential_vmap
    def step(weights: lstm.Weights, *blocks: Any) -> tuple[lstm.State, jax.Array]:
        return lax.map(lambda block: lstm.step(weights, *block), blocks)

    def update(updates: Any, state: lstm.State, params: Any = None) -> tuple[Any, lstm.State]:
        flat, unravel = ravel_pytree(updates)
        blocks, size = _blocks(flat.size)
        padded = jnp.pad(flat, (0, blocks * size - flat.size)).reshape(blocks, size)
        with jax.named_scope("learned"):
            state, said = step(weights, state, padded)
        steps = unravel(said.reshape(-1)[: flat.size])
        if not (isinstance(weight_decay, int | float) and weight_decay == 0):
            if params is None:
                raise ValueError(
                    "weight_decay needs the params, and update was called without them; "
                    "pass them third"
                )
            steps = jax.tree.map(lambda u, p: u - weight_decay * p, steps, params)
        return jax.tree.map(lambda u: u * scale, steps), state

    return optax.GradientTransformation(init, update)  # pyright: ignore[reportArgumentType]


def _blocks(n: int) -> tuple[int, int]:
    """How many blocks n coordinates make, and the size of each."""
    return max(1, -(-n // BLOCK)), max(1, min(n, BLOCK))
