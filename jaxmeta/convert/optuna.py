"""Optuna: a journal storage, for `optuna.load_study` and `optuna-dashboard`."""

from pathlib import Path
from typing import Any

from jaxmeta.convert.optuna_space import contained, distributions
from jaxmeta.record.journal import Line, digest
from jaxmeta.report.score import Score
from jaxmeta.report.story import Row, Story, story

NAME = "optuna.log"


def write(lines: list[Line], path: Path) -> None:
    """A study whose trials are the decisions that trained something, in their order.

    A trial's value is the decision's score, in percent where it is a count out of so many, and its
    intermediate values are the first training's curve; a decision that diverged has failed.
    """
    try:
        import optuna
        from optuna.storages.journal import JournalFileBackend
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "an Optuna storage needs optuna, and it is not installed: pip install 'jaxmeta[optuna]'"
        ) from error
    told = story(lines)
    path.unlink(missing_ok=True)
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # without word of a new study
    try:
        study = optuna.create_study(study_name="jaxmeta", direction="maximize", storage=storage)
    finally:
        optuna.logging.set_verbosity(verbosity)
    for name, said in {
        "task": told.task,
        "tuner": told.tuner,
        "seed": told.seed,
        "score": told.meaning,
        "journal": digest(lines),
    }.items():
        study.set_user_attr(name, said)
    study.add_trials([_trial(optuna, told, row) for row in told.rows if row.revisits is None])


def _trial(optuna: Any, told: Story, row: Row) -> Any:
    spread = distributions(told.space)
    failed = row.score.value is None
    states = optuna.trial.TrialState
    return optuna.trial.create_trial(
        state=states.FAIL if failed else states.COMPLETE,
        value=None if failed else _number(row.score),
        params={name: contained(spread[name], value) for name, value in row.values.items()},
        distributions=spread,
        intermediate_values={
            epoch: _number(points)
            for epoch, points in enumerate(row.trainings[0].curve, 1)
            if points.value is not None
        },
        user_attrs={
            "chain": row.chain,
            "i": row.i,
            "score": str(row.score),
            "recommended": row is told.recommended,
        },
    )


def _number(score: Score) -> float:
    return float(score.plotted or 0.0)
