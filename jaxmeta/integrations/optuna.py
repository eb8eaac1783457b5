"""jaxmeta's tuners as a sampler of Optuna.

    study = optuna.create_study(direction="maximize", sampler=Sampler(space, seed=0))
    study.optimize(objective, n_trials=20)

Its trials are those that jaxmeta's own study would train, in the same order, where the objective
gives the same float32 scores. The sampler keeps nothing between trials but a cache: whatever Optuna
stores, a study goes on from there.
"""

import contextlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from jaxmeta import tuning
from jaxmeta.convert.optuna_space import contained, distributions
from jaxmeta.score import DIVERGED, to_rank
from jaxmeta.space import Space
from jaxmeta.trial import Decision, Values
from jaxmeta.tuning import KEYS, Chains, Tuner


class _Told(NamedTuple):
    """A trial that has ended."""

    number: int
    score: int  # its rank, see `jaxmeta.score`
    params: dict[str, Any]


class Sampler(BaseSampler):
    """A tuner that chooses Optuna's trials, one after another.

    The objective suggests the hyperparameters of `space` by their names: a Linear or Log one with
    `suggest_float(name, low, high)`, with `log=True` for Log, and a Values or Choice one with
    `suggest_categorical(name, values)`. A trial that failed or was pruned counts as diverged, below
    every score. When the tuner has made all its decisions, `optimize` ends.

    Args:
      space: what is tuned, or a tuner, which has its space and options already.
      tuner: by name; None: three_way for one axis, rank_gp for several.
      seed: of all draws.
      preset: of the poster's tuner.
      keys: "paired", a position is tried once, or "independent"; None: as the tuner has it.
      options: of the tuner, `i_max` for example.

    Raises:
      ValueError: something of this does not fit.
    """

    def __init__(
        self,
        space: Space | Tuner,
        tuner: str | None = None,
        seed: int = 0,
        *,
        preset: str | None = None,
        keys: str | None = None,
        **options: Any,
    ) -> None:
        if isinstance(space, Space):
            self.tuner: Tuner = tuning.make(tuner, preset, space, **options)
        elif tuner or preset or options:
            raise ValueError("a tuner has its name and options already; leave the others out")
        else:
            self.tuner = space
        self.seed, self.keys = seed, keys or self.tuner.keys
        if self.keys not in KEYS:
            raise ValueError(f"keys must be one of {', '.join(KEYS)}, got {keys!r}; choose one")
        self._space = distributions(self.tuner.space)
        self._told: list[_Told] = []
        self._chains = self._begin()

    def recommended(self, study: Study) -> Values:
        """The hyperparameters that the tuner stands for after the trials of `study`."""
        chains = self._after(self._finished(study))
        return self.tuner.space.values(chains.recommended[0])

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._space

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        before = study.get_trials(deepcopy=False)[: trial.number]
        waiting = [one.number for one in before if not one.state.is_finished()]
        if waiting:
            raise RuntimeError(
                f"each trial follows from the scores before it, and trial {waiting[0]} has none "
                "yet; run one trial at a time (n_jobs=1), or in parallel in jaxmeta's own study"
            )
        decision = _next(self._after(self._finished(study)))
        if decision is None:
            raise RuntimeError(
                "the tuner has made all its decisions; begin a new study, or take a larger i_max"
            )
        return self._params(decision)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        raise ValueError(
            f"the objective suggests {param_name} from {param_distribution}, and the sampler's "
            f"space has {self._space.get(param_name, 'nothing of that name')}; suggest what the "
            "space has"
        )

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        told = _Told(trial.number, self._score(study, state, values), dict(trial.params))
        if _next(self._after([*self._finished(study), told])) is None:
            with contextlib.suppress(RuntimeError):  # asked and told by hand: nothing to stop
                study.stop()

    def _begin(self) -> Chains:
        return Chains(self.tuner, self.seed, paired=self.keys == "paired", exact=True)

    def _after(self, told: list[_Told]) -> Chains:
        """The tuner after these trials: after those that it was told already, and then the rest."""
        if self._told != told[: len(self._told)]:
            self._told, self._chains = [], self._begin()
        for one in told[len(self._told) :]:
            decision = _next(self._chains)
            wanted = {} if decision is None else self._params(decision)
            if decision is None or any(wanted.get(n) != v for n, v in one.params.items()):
                raise ValueError(
                    f"trial {one.number} must have the hyperparameters that the tuner asked for, "
                    f"{wanted or 'none any more'}, and has {one.params}; leave enqueue_trial and "
                    "add_trial out, and keep the seed"
                )
            self._chains.learn(decision.trials[0], one.score)
            self._chains.tell(decision)
            self._told.append(one)
        return self._chains

    def _params(self, decision: Decision) -> dict[str, Any]:
        values = decision.suggestion.values
        return {name: contained(self._space[name], value) for name, value in values.items()}

    def _finished(self, study: Study) -> list[_Told]:
        return [
            _Told(one.number, self._score(study, one.state, one.values), one.params)
            for one in study.get_trials(deepcopy=False)
            if one.state.is_finished()
        ]

    def _score(self, study: Study, state: TrialState, values: Sequence[float] | None) -> int:
        if len(study.directions) != 1:
            raise ValueError(
                f"jaxmeta's tuners follow one score, and this study has {len(study.directions)}; "
                "create it with one direction"
            )
        if state != TrialState.COMPLETE or not values:
            return DIVERGED
        sign = 1 if study.direction == StudyDirection.MAXIMIZE else -1
        return to_rank(sign * values[0])


def _next(chains: Chains) -> Decision | None:
    """The next decision that wants a trial: one that revisits a trial is made at once."""
    while (decision := chains.next()) is not None and not chains.missing(decision):
        chains.tell(decision)
    return decision
