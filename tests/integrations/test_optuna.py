"""Our tuners as Optuna's sampler: the decisions of our own study."""

import math

import optuna
import pytest

import jaxmeta
from jaxmeta.integrations.optuna import Sampler
from jaxmeta.score import DIVERGED

SPACE = jaxmeta.Space(
    a=jaxmeta.Linear(-2.0, 2.0, 0.25),
    b=jaxmeta.Log(0.01, 10.0, 0.5),
    c=jaxmeta.Values(1, 2, 4, 8),
    d=jaxmeta.Choice("x", "y"),
)
TUNERS = {
    "three_way": {"i_max": 14},
    "rank_gp": {"i_max": 14},
    "poster": {"i_max": 14, "noprog_max": 14},
    "random": {"i_max": 14},
}


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def suggested(trial):
    return {
        "a": trial.suggest_float("a", -2.0, 2.0),
        "b": trial.suggest_float("b", 0.01, 10.0, log=True),
        "c": trial.suggest_categorical("c", [1, 2, 4, 8]),
        "d": trial.suggest_categorical("d", ["x", "y"]),
    }


def score(values) -> float:
    """Below c = 8 a float32, and there nothing."""
    if values["c"] == 8:
        return math.nan
    best = -abs(values["a"] - 1) - abs(math.log2(values["b"])) + (values["d"] == "y")
    return round(best * 64) / 64


def made(tuner, **options) -> optuna.Study:
    return optuna.create_study(
        direction="maximize", sampler=Sampler(SPACE, tuner, seed=5, **TUNERS[tuner], **options)
    )


def own(tuner, keys=None):
    """The values that our own study trains, in their order, from the same scores."""
    made = jaxmeta.tuning.make(tuner, None, SPACE, **TUNERS[tuner])
    paired = (keys or made.keys) == "paired"
    chains = jaxmeta.tuning.Chains(made, 5, paired=paired, exact=True)
    found = []
    while (decision := chains.next()) is not None:
        for trial in chains.missing(decision):
            values = decision.suggestion.values
            points = score(values)
            chains.learn(trial, DIVERGED if math.isnan(points) else jaxmeta.score.to_rank(points))
            found.append(values)
        chains.tell(decision)
    return found, SPACE.values(chains.recommended[0])


@pytest.mark.parametrize("tuner", TUNERS)
@pytest.mark.parametrize("keys", ["paired", "independent"])
@pytest.mark.filterwarnings("ignore:.*nan:UserWarning")
def test_it_makes_the_decisions_of_our_own_study(tuner, keys):
    study = made(tuner, keys=keys)
    study.optimize(lambda trial: score(suggested(trial)), n_trials=100)
    values, best = own(tuner, keys)
    assert [trial.params for trial in study.trials] == values
    assert study.sampler.recommended(study) == best


def test_a_study_of_jaxmeta_itself_makes_the_same(tmp_path):
    """Through a real training and its record: the words in the documentation."""
    space = jaxmeta.Space(a=jaxmeta.Linear(-2.0, 2.0, 0.25), b=jaxmeta.Log(0.01, 10.0, 0.5))
    valley = jaxmeta.objective(
        lambda key, values: -((values["a"] - 1) ** 2) - (values["b"] - 1) ** 2, space
    )
    found = jaxmeta.tune(valley, space, i_max=10, seed=3, out=tmp_path / "a", show=False)
    trained = {row["i"]: row for row in found.decisions if row["revisits"] is None}
    scores = iter([row["score"] for row in trained.values()])
    study = optuna.create_study(direction="maximize", sampler=Sampler(space, seed=3, i_max=10))

    def objective(trial):
        trial.suggest_float("a", -2.0, 2.0)
        trial.suggest_float("b", 0.01, 10.0, log=True)
        return next(scores)

    study.optimize(objective)
    assert [trial.params for trial in study.trials] == [
        {"a": row["a"], "b": row["b"]} for row in trained.values()
    ]
    assert study.sampler.recommended(study) == found.best


def test_a_study_goes_on_in_another_process_from_what_optuna_stores(tmp_path):
    whole = made("three_way")
    whole.optimize(lambda trial: score(suggested(trial)), n_trials=6)
    for part in range(3):  # each with a sampler that was told nothing
        sampler = Sampler(SPACE, "three_way", 5, **TUNERS["three_way"])
        storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path}/a.db")
        study = optuna.create_study(
            study_name="a",
            storage=storage,
            direction="maximize",
            sampler=sampler,
            load_if_exists=True,
        )
        study.optimize(lambda trial: score(suggested(trial)), n_trials=2)
        assert len(study.trials) == 2 * part + 2
        params = [trial.params for trial in study.trials]
        storage.engine.dispose()
    assert params == [trial.params for trial in whole.trials]


def test_minimizing_is_maximizing_the_other_way():
    up, down = (
        made("poster"),
        optuna.create_study(sampler=Sampler(SPACE, "poster", 5, **TUNERS["poster"])),
    )
    up.optimize(lambda trial: suggested(trial)["a"] + 3, n_trials=8)
    down.optimize(lambda trial: -suggested(trial)["a"] - 3, n_trials=8)
    assert [t.params for t in up.trials] == [t.params for t in down.trials]


def test_it_says_what_does_not_fit():
    study = made("random")
    with pytest.raises(ValueError, match="suggest what the space has"):
        study.optimize(lambda trial: trial.suggest_float("z", 0.0, 1.0), n_trials=1)
    study = made("random")
    study.ask()
    with pytest.raises(RuntimeError, match="n_jobs=1"):
        suggested(study.ask())
    study = made("random")
    study.enqueue_trial({"a": 0.123})
    with pytest.raises(ValueError, match="leave enqueue_trial"):
        study.optimize(lambda trial: score(suggested(trial)), n_trials=2)
    several = optuna.create_study(directions=["maximize"] * 2, sampler=Sampler(SPACE, "random"))
    with pytest.raises(ValueError, match="has 2; create it with one direction"):
        several.optimize(lambda trial: (suggested(trial)["a"], 1.0), n_trials=1)
    with pytest.raises(ValueError, match="keys must be one of"):
        Sampler(SPACE, keys="none")
