"""Optuna's samplers as tuners, in the same records as all others.

A learning rate is drawn from [lr_min, lr_max] on a logarithmic scale, and a position is the bit
pattern of its float32, which rises with it. Optuna keeps its random state in mutable objects. Here
the state is what was asked and told: `ask` makes a new Optuna study, tells it all of that again,
and asks it once more, so a record can be replayed and resumed like any other (where Optuna's own
floats come out the same, which versions and processors decide).

A training that diverged is told as minus infinity, other scores as they are.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxmeta.score import DIVERGED
from jaxmeta.tuning.lattice import positive

SAMPLERS = {"tpe": "TPESampler", "gp": "GPSampler", "cmaes": "CmaEsSampler"}
NEEDS = {"tpe": ("optuna",), "gp": ("optuna", "scipy", "torch"), "cmaes": ("optuna", "cmaes")}


class Sequential:
    """An Optuna study, asked and told one training at a time."""

    def __init__(self, sampler: str, seed: int, lr_min: float, lr_max: float) -> None:
        _check(sampler)
        import optuna

        self._range = lr_min, lr_max
        with _quiet(optuna):
            made = getattr(optuna.samplers, SAMPLERS[sampler])(seed=seed)
            self._study = optuna.create_study(direction="maximize", sampler=made)

    def ask(self) -> int:
        """The next position."""
        self._trial = self._study.ask()
        return to_position(self._trial.suggest_float("learning_rate", *self._range, log=True))

    def tell(self, score: int) -> None:
        self._study.tell(self._trial, float("-inf") if score == DIVERGED else float(score))


def _check(sampler: str) -> None:
    missing = [name for name in NEEDS[sampler] if find_spec(name) is None]
    if missing:
        more = " ".join(name for name in missing if name in ("scipy", "torch"))
        raise ModuleNotFoundError(
            f"Optuna's sampler {sampler} needs {' and '.join(missing)}, not installed here: "
            + f"pip install 'jaxmeta[judge]' {more}".strip()
        )


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Without Optuna's announcement of each new study."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def to_position(learning_rate: float) -> int:
    return int(np.float32(learning_rate).view(np.int32))


def to_rate(k: np.ndarray | int) -> np.ndarray:
    """The learning rates at positions `k`, float64."""
    return np.asarray(k, np.int32).view(np.float32).astype(np.float64)


class State(NamedTuple):
    i: jax.Array  # trainings told
    seed: jax.Array  # of Optuna's sampler, drawn with the first training
    k: jax.Array  # the position asked for last
    ks: jax.Array  # int32[i_max], positions told
    scores: jax.Array  # int32[i_max], scores told


class Asked(NamedTuple):
    k: jax.Array
    seed: jax.Array


class Told(NamedTuple):
    k_best: jax.Array


@dataclass(frozen=True)
class OptunaSearch:
    """One of Optuna's samplers, with its own defaults.

    Attributes:
      sampler: "tpe", "cmaes", or "gp" (Gaussian process; needs scipy and torch, and unlike the
        others looks at more of the scores than their order).
      lr_min, lr_max: the lowest and the highest learning rate, 0 < lr_min < lr_max.
      i_max: the number of trainings, at least 1.
    """

    name: ClassVar[str] = "optuna"
    version: ClassVar[int] = 1
    keys: ClassVar[str] = "independent"

    sampler: str = "tpe"
    lr_min: float = 1e-5
    lr_max: float = 1.0
    i_max: int = 20

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise ValueError(
                f"sampler must be one of {', '.join(SAMPLERS)}, got {self.sampler!r}; choose one"
            )
        if not positive("lr_min", self.lr_min) < positive("lr_max", self.lr_max):
            raise ValueError(
                f"lr_min must be below lr_max, got {self.lr_min} and {self.lr_max}; swap them"
            )
        if self.i_max < 1:
            raise ValueError(f"i_max must be at least 1, got {self.i_max}; raise it")

    @property
    def trainings(self) -> int:
        return self.i_max

    @property
    def bounds(self) -> tuple[int, int]:
        return to_position(self.lr_min), to_position(self.lr_max)

    def init(self) -> State:
        _check(self.sampler)
        zero, none = jnp.int32(0), jnp.zeros(self.i_max, jnp.int32)
        return State(zero, zero, zero, none, none)

    def ask(self, key: jax.Array, state: State) -> tuple[State, Asked]:
        drawn = (jax.random.bits(key, (), jnp.uint32) >> 1).astype(jnp.int32)
        seed = jnp.where(state.i == 0, drawn, state.seed)
        scalar = jax.ShapeDtypeStruct((), jnp.int32)
        told = (state.i, seed, state.ks, state.scores)
        k = jax.pure_callback(partial(_next, self), scalar, *told, vmap_method="sequential")
        return state._replace(seed=seed, k=k), Asked(k, seed)

    def tell(self, state: State, score: ArrayLike) -> tuple[State, Told]:
        state = state._replace(
            i=state.i + 1,
            ks=state.ks.at[state.i].set(state.k),
            scores=state.scores.at[state.i].set(jnp.asarray(score, jnp.int32)),
        )
        return state, Told(self.recommend(state))

    def done(self, state: State) -> jax.Array:
        return state.i >= self.i_max

    def recommend(self, state: State) -> jax.Array:
        """The position of the best score, the earliest of equals, as Optuna's `best_params`."""
        told = jnp.arange(self.i_max) < state.i
        return state.ks[jnp.argmax(jnp.where(told, state.scores, DIVERGED))]

    def values(self, k: int) -> dict[str, float]:
        return {"learning_rate": float(to_rate(k))}


def _next(tuner: OptunaSearch, i: Any, seed: Any, ks: Any, scores: Any) -> np.int32:
    study = Sequential(tuner.sampler, int(seed), tuner.lr_min, tuner.lr_max)
    for score in np.asarray(scores)[: int(i)]:
        study.ask()
        study.tell(int(score))
    return np.int32(study.ask())
