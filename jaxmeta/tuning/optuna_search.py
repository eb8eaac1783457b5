"""Optuna's samplers as tuners, in the same records as all others.

A range without positions is drawn from as a float, on its own scale, and its position is the rank
of the float32; any other axis is drawn from by position. Optuna keeps its random state in mutable
objects. Here the state is what was asked and told: `ask` makes a new Optuna study, tells it all of
that again, and asks it once more, so a record can be replayed and resumed like any other (where
Optuna's own floats come out the same, which versions and processors decide). The study of the ask
before is kept, and where its history goes on it is told the last score alone.

A trial that diverged is told as minus infinity, other scores as they are.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, ClassVar, NamedTuple

import numpy as np

from jaxmeta import keys as streams
from jaxmeta.score import DIVERGED, to_rank
from jaxmeta.space import Axis, Log, Space
from jaxmeta.space.axis import whole
from jaxmeta.space.ranges import EVERY, Range
from jaxmeta.tuning import both
from jaxmeta.tuning.best_seen import BestSeen, Told
from jaxmeta.tuning.both import Array, ArrayLike, xp
from jaxmeta.tuning.options import put

SAMPLERS = {"tpe": "TPESampler", "gp": "GPSampler", "cmaes": "CmaEsSampler"}
NEEDS = {"tpe": ("optuna",), "gp": ("optuna", "scipy", "torch"), "cmaes": ("optuna", "cmaes")}


MOST = 10_000  # trials
KEPT = 64  # Optuna studies: more than there are chains, as a rule


class Sequential:
    """An Optuna study, asked and told one trial at a time."""

    def __init__(self, sampler: str, seed: int, space: Space) -> None:
        _check(sampler)
        import optuna

        self._space = space
        with _quiet(optuna):
            made = getattr(optuna.samplers, SAMPLERS[sampler])(seed=seed)
            self._study = optuna.create_study(direction="maximize", sampler=made)

    def ask(self) -> tuple[int, ...]:
        """The next position."""
        self._trial = self._study.ask()
        named = zip(self._space.names, self._space.axes, strict=True)
        return tuple(_suggest(self._trial, name, axis) for name, axis in named)

    def tell(self, score: int) -> None:
        self._study.tell(self._trial, float("-inf") if score == DIVERGED else float(score))


def _suggest(trial: Any, name: str, axis: Axis) -> int:
    if isinstance(axis, Range) and axis.points == EVERY:
        log = isinstance(axis, Log)
        return to_rank(trial.suggest_float(name, axis.low, axis.high, log=log))
    low, high = axis.bounds
    if axis.ordered:
        return trial.suggest_int(name, low, high)
    return trial.suggest_categorical(name, range(low, high + 1))


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


class State(NamedTuple):
    i: Array  # trials told
    seed: Array  # of Optuna's sampler, drawn with the first trial
    position: Array  # int32[d], asked for last
    score: Array  # the best one so far
    best: Array  # int32[d], where it was seen first
    scores: Array  # int32[i_max], scores told


class Asked(NamedTuple):
    position: Array
    seed: Array


@dataclass(frozen=True)
class OptunaSearch(BestSeen):
    """One of Optuna's samplers, with its own defaults.

    Attributes:
      space: what is tuned; of ranges without positions every float32 is one.
      sampler: "tpe", "cmaes" (which takes no unordered axis), or "gp" (Gaussian process; needs
        scipy and torch, and unlike the others looks at more of the scores than their order).
      i_max: the number of trials, from 1 to 10,000.
    """

    name: ClassVar[str] = "optuna"
    version: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ("optuna", "cmaes")  # whose versions decide
    keys: ClassVar[str] = "independent"

    space: Space
    sampler: str = "tpe"
    i_max: int = 20

    def __post_init__(self) -> None:
        put(self, "space", self.space.resolve(Range.every))
        put(self, "i_max", whole("i_max", self.i_max, 1, MOST))
        if self.sampler not in SAMPLERS:
            raise ValueError(
                f"sampler must be one of {', '.join(SAMPLERS)}, got {self.sampler!r:.100}; "
                "choose one"
            )
        for name, axis in zip(self.space.names, self.space.axes, strict=True):
            if self.sampler == "cmaes" and not axis.ordered:
                raise ValueError(
                    f"Optuna's sampler cmaes takes ordered axes alone, and {name} is a choice; "
                    "take tpe"
                )

    def init(self) -> State:
        _check(self.sampler)
        start = super().init()
        scores = np.zeros(self.i_max, np.int32)
        return State(start.i, start.i, start.position, start.score, start.best, scores)

    def ask(self, key: Array, state: State) -> tuple[State, Asked]:
        drawn = (streams.bits(key) >> 1).astype(np.int32)
        seed = xp.where(state.i == 0, drawn, state.seed)
        position = self._next(state.i, seed, state.scores)
        return state._replace(seed=seed, position=position), Asked(position, seed)

    def _next(self, *told: Array) -> Array:
        if both.on_host(*told):
            return _next(self, *told)
        import jax

        shape = jax.ShapeDtypeStruct((self.space.d,), np.int32)
        return jax.pure_callback(partial(_next, self), shape, *told, vmap_method="sequential")

    def tell(self, state: State, score: ArrayLike) -> tuple[State, Told]:
        scores = both.put(state.scores, state.i, xp.asarray(score, np.int32))
        return super().tell(state._replace(scores=scores), score)


# By sampler, seed, space and scores told: an Optuna study that was asked, and its answer.
_kept: dict[tuple[Any, ...], tuple[Sequential, tuple[int, ...]]] = {}


def _next(tuner: OptunaSearch, i: Any, seed: Any, scores: Any) -> np.ndarray:
    """The position after the first `i` scores, a function of its arguments alone."""
    of = tuner.sampler, int(seed), tuner.space
    told = tuple(np.asarray(scores)[: int(i)].tolist())
    if (*of, told) not in _kept:
        if found := _kept.pop((*of, told[:-1]), None) if told else None:
            study, new = found[0], told[-1:]
        else:
            study, new = Sequential(*of), told
            answer = study.ask()
        for score in new:
            study.tell(score)
            answer = study.ask()
        while len(_kept) >= KEPT:
            del _kept[next(iter(_kept))]  # the oldest
        _kept[(*of, told)] = study, answer
    return np.array(_kept[(*of, told)][1], np.int32)
