"""Searches that others wrote, asked and told one training at a time, each with its own defaults.

All see the same space: an ordered axis by position, a choice as a category.
"""

from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np

from jaxmeta.judge.landscape import UNIT
from jaxmeta.score import DIVERGED
from jaxmeta.space import Space
from jaxmeta.tuning.optuna_search import Sequential

Position = tuple[int, ...]


class Rival(Protocol):
    """Asked and told in turn."""

    def ask(self) -> Position: ...

    def tell(self, score: int) -> None: ...


class Optuna(Sequential):
    """One of Optuna's samplers, begun with the configurations `first`."""

    def __init__(
        self, sampler: str, seed: int, space: Space, first: Sequence[Position], trainings: int
    ) -> None:
        super().__init__(sampler, seed, space)
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)  # CMA-ES on a choice: a line a trial
        for position in first:
            self._study.enqueue_trial(dict(zip(space.names, position, strict=True)))


class Smac:
    """SMAC3's hyperparameter facade: a random forest, expected improvement, its own first design.

    Source: Lindauer et al., "SMAC3: A Versatile Bayesian Optimization Package for Hyperparameter
    Optimization", JMLR 23 (2022).
    """

    def __init__(
        self, _: str, seed: int, space: Space, first: Sequence[Position], trainings: int
    ) -> None:
        import logging
        import tempfile
        import warnings

        logging.disable(logging.WARNING)
        warnings.filterwarnings("ignore", module="smac|ConfigSpace|sklearn")
        from ConfigSpace import CategoricalHyperparameter as Categories  # pyright: ignore[reportMissingImports]
        from ConfigSpace import Configuration, ConfigurationSpace, UniformIntegerHyperparameter  # pyright: ignore[reportMissingImports]
        from smac import HyperparameterOptimizationFacade as Facade  # pyright: ignore[reportMissingImports]
        from smac import Scenario  # pyright: ignore[reportMissingImports]

        self._space = space
        where = ConfigurationSpace(seed=seed)
        for name, axis in zip(space.names, space.axes, strict=True):
            low, high = axis.bounds
            kind = (
                UniformIntegerHyperparameter(name, low, high)
                if axis.ordered
                else Categories(name, list(range(low, high + 1)))
            )
            where.add(kind)
        self._folder = tempfile.TemporaryDirectory()
        scenario = Scenario(
            where,
            name="judged",
            output_directory=self._folder.name,  # pyright: ignore[reportArgumentType]
            deterministic=True,
            n_trials=trainings,
            seed=seed,
        )
        begun = [
            Configuration(where, values=dict(zip(space.names, position, strict=True)))
            for position in first
        ]
        design = Facade.get_initial_design(scenario, additional_configs=begun)
        if begun:
            design = Facade.get_initial_design(scenario, n_configs=0, additional_configs=begun)
        self._smac = Facade(
            scenario,
            lambda config, seed=0: 0.0,
            initial_design=design,
            overwrite=True,
            logging_level=False,
        )

    def ask(self) -> Position:
        self._info = self._smac.ask()
        return tuple(int(self._info.config[name]) for name in self._space.names)

    def tell(self, score: int) -> None:
        from smac.runhistory import TrialValue  # pyright: ignore[reportMissingImports]

        cost = 1e9 if score == DIVERGED else -float(score)
        self._smac.tell(self._info, TrialValue(cost=cost))


class Hyperoptax:
    """hyperoptax's Bayesian search: a Gaussian process in JAX; it knows no axis without an order.

    A position is where its point of the unit cube lies.
    """

    def __init__(
        self, _: str, seed: int, space: Space, first: Sequence[Position], trainings: int
    ) -> None:
        import jax
        from hyperoptax.bayesian import BayesianSearch  # pyright: ignore[reportMissingImports]
        from hyperoptax.spaces import LinearSpace  # pyright: ignore[reportMissingImports]

        low, high = (np.array(bound) for bound in space.bounds)
        self._low, self._count = low, high - low + 1
        cube = {f"x{a:02d}": LinearSpace(0.0, 1.0) for a in range(space.d)}
        self._state, search = BayesianSearch.init(cube, n_max=trainings, n_parallel=1)
        name = space.d, trainings
        if name not in _compiled:
            _compiled[name] = jax.jit(search.get_next_params), jax.jit(search.update_state)
        self._next, self._update = _compiled[name]
        self._keys = iter(jax.random.split(jax.random.key(seed), 2 * trainings))
        self._first, self._worst = list(first), 0.0

    def ask(self) -> Position:
        key = next(self._keys)
        if self._first:
            position = np.array(self._first.pop(0))
            self._at = ((position - self._low + 0.5) / self._count)[None].astype(np.float32)
        else:
            found = self._next(self._state, key)
            self._at = np.stack([np.asarray(found[name]) for name in sorted(found)], -1)
            self._at = self._at.reshape(1, -1).astype(np.float32)
        inside = np.clip((self._at[0] * self._count).astype(int), 0, self._count - 1)
        return tuple((self._low + inside).tolist())

    def tell(self, score: int) -> None:
        value = self._worst if score == DIVERGED else score * UNIT
        self._worst = min(self._worst, value)
        value = np.array([value], np.float32)
        self._state = self._update(self._state, next(self._keys), value, self._at)


_compiled: dict[tuple[int, int], tuple[Any, Any]] = {}  # by axes and trainings


RIVALS: dict[str, tuple[Any, str, tuple[str, ...]]] = {
    "Optuna TPE": (Optuna, "tpe", ("optuna",)),
    "Optuna CMA-ES": (Optuna, "cmaes", ("optuna", "cmaes")),
    "Optuna GP": (Optuna, "gp", ("optuna", "scipy", "torch")),
    "SMAC": (Smac, "", ("smac",)),
    "hyperoptax": (Hyperoptax, "", ("hyperoptax",)),
}


QUICK = ("Optuna TPE", "Optuna CMA-ES")  # milliseconds a decision


ALONE = ("hyperoptax",)  # not begun with a prior's configurations too


def version(name: str) -> str:
    """The packages that stand behind a rival, with their versions."""
    return ", ".join(f"{package} {metadata.version(package)}" for package in RIVALS[name][2])


def missing(name: str) -> list[str]:
    """The packages that it needs and that are not installed."""
    return [package for package in RIVALS[name][2] if find_spec(package) is None]


def make(name: str, space: Space, seed: int, first: Sequence[Position], trainings: int) -> Rival:
    """A search of the rival called `name`.

    Args:
      seed: of all that it draws.
      first: what it is begun with.
      trainings: how many it will be asked for.
    """
    kind, which, _ = RIVALS[name]
    return kind(which, int(np.uint32(seed) >> 1), space, first, trainings)
