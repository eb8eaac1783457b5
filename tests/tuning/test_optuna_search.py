"""Optuna's samplers as tuners: the study that is kept between two asks changes no decision."""

import numpy as np
import pytest

from jaxmeta.space import Choice, Log, Space
from jaxmeta.tuning import OptunaSearch, Walk, optuna_search

pytest.importorskip("optuna")

SPACE = Space(rate=Log(1e-4, 1e-1), kind=Choice("a", "b", "c"))
SCORES = np.random.default_rng(0).integers(0, 1000, 14).tolist()


def positions(forget: bool, seeds: tuple[int, ...] = (3, 4)) -> list[list[tuple[int, ...]]]:
    """What studies of two seeds, asked in turn, try; the second meets other scores."""
    walks = [Walk(OptunaSearch(SPACE, "tpe", i_max=14), seed) for seed in seeds]
    found: list[list[tuple[int, ...]]] = [[] for _ in seeds]
    for i in range(13):
        for n, walk in enumerate(walks):
            if forget:
                optuna_search._kept.clear()
            found[n].append(walk.ask().position)
            walk.tell(SCORES[(i + n) % 14])
    return found


def test_a_kept_study_decides_as_a_new_one() -> None:
    anew = positions(forget=True)
    optuna_search._kept.clear()
    assert positions(forget=False) == anew
    assert positions(forget=False) == anew  # asked again from the beginning
    others = positions(forget=False, seeds=(4, 3))  # the same seeds meet other scores
    assert others == positions(forget=True, seeds=(4, 3)) != anew[::-1]


def test_a_study_asks_optuna_once_a_trial(monkeypatch) -> None:
    asks = []
    ask = optuna_search.Sequential.ask
    monkeypatch.setattr(
        optuna_search.Sequential, "ask", lambda self: asks.append(self) or ask(self)
    )
    optuna_search._kept.clear()
    positions(forget=False)
    assert len(asks) == 2 * 13
    assert len(optuna_search._kept) == 2
    asks.clear()
    positions(forget=True, seeds=(3,))
    assert len(asks) == 13 * 14 / 2  # the control
