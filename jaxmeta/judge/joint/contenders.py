"""Who is judged on several axes: our tuners, searches that others wrote, and no search.

Ours draw the seeds of their trainings with the keys that they like best; a rival's trainings are
all independent, and what it recommends is the best score it saw.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, Protocol

from jaxmeta import keys
from jaxmeta.judge.joint import records, rivals
from jaxmeta.judge.joint.table import Table
from jaxmeta.tuning import PosterRule, Random, RankGP, ThreeWay, Tuner, Walk

BUDGETS = (2, 5, 10, 20, 40, 100)
TRAININGS = BUDGETS[-1]
BEGUN = 5  # configurations of a prior that a rival is begun with
Position = tuple[int, ...]


class Search(Protocol):
    """A study that is walked from outside."""

    def ask(self) -> tuple[Position, keys.Words]:
        """The next training: where, and with which key."""
        ...

    def tell(self, score: int) -> None: ...

    @property
    def recommended(self) -> Position: ...


@dataclass(frozen=True)
class Contender:
    """Who is judged: `begin(table, seed, trainings)` gives a search.

    Attributes:
      slow: it is a slow one, and gets fewer studies.
      trainings: of a study.
    """

    name: str
    begin: Callable[[Table, int, int], Search]
    slow: bool = False
    trainings: int = TRAININGS


class Ours:
    """A tuner of jaxmeta's. One that asks for a training that it had gets it again for nothing."""

    def __init__(self, make: Callable[[Table, int, int], Tuner], table: Table, seed: int, n: int):
        tuner = make(table, seed, n)
        self._walk, self._paired = Walk(tuner, seed), tuner.keys == "paired"
        self._known: dict[tuple[Position, int], int] = {}

    def ask(self) -> tuple[Position, keys.Words]:
        walk = self._walk
        asked = walk.ask()
        while self._paired and (asked.position, asked.r) in self._known and not walk.done:
            walk.tell(self._known[asked.position, asked.r])
            asked = walk.ask()
        return asked.position, keys.training(walk.root, 0 if self._paired else asked.i, asked.r)

    def tell(self, score: int) -> None:
        asked = self._walk.ask()
        self._known[asked.position, asked.r] = score
        self._walk.tell(score)

    @property
    def recommended(self) -> Position:
        return self._walk.recommended


class Theirs:
    """A rival, begun with the five best configurations of `prior`, or with nothing."""

    def __init__(self, name: str, prior: str | None, table: Table, seed: int, n: int):
        root = keys.words(seed)
        first = _portfolio(table, prior, seed) if prior else ()
        drawn = int(keys.bits(keys.derive(root, "rival")))
        self._rival = rivals.make(name, table.space, drawn, first, n)
        self._root, self._i = root, 0
        self._best: tuple[int, Position] | None = None

    def ask(self) -> tuple[Position, keys.Words]:
        self._asked = self._rival.ask()
        return self._asked, keys.training(self._root, self._i, 0)

    def tell(self, score: int) -> None:
        self._rival.tell(score)
        self._i += 1
        if self._best is None or score > self._best[0]:
            self._best = score, self._asked

    @property
    def recommended(self) -> Position:
        assert self._best is not None
        return self._best[1]


class Middle:
    """No search: the start of the space, always."""

    def __init__(self, table: Table, seed: int, n: int):
        self.recommended, self._root = table.space.start, keys.words(seed)

    def ask(self) -> tuple[Position, keys.Words]:
        return self.recommended, self._root

    def tell(self, score: int) -> None: ...


def rank_gp(
    prior: str | None, change: tuple[tuple[str, Any], ...], table: Table, seed: int, n: int
):
    """Our tuner, with or without a prior, and with some of its options changed."""
    return _rank_gp(prior, change, table, seed % records.VARIANTS, n)


@cache  # what a prior tells is computed once, not for each study
def _rank_gp(prior: str | None, change: tuple, table: Table, variant: int, n: int) -> RankGP:
    earlier = records.prior(table, prior, variant) if prior else None
    return RankGP(table.space, n, prior=earlier, **dict(change))


def _portfolio(table: Table, prior: str, seed: int) -> list[Position]:
    tuner = rank_gp(prior, (), table, seed, TRAININGS)
    return [tuple(position) for position in tuner.portfolio[:BEGUN].tolist()]


def _three_way(table: Table, seed: int, n: int) -> Tuner:
    return ThreeWay(table.space, i_max=2 * n)


def _random(table: Table, seed: int, n: int) -> Tuner:
    return Random(table.space, n)


def _poster(table: Table, seed: int, n: int) -> Tuner:
    return PosterRule(table.space, p_eps=0.05, i_max=3 * n, noprog_max=3 * n, axes="all")


def ours(name: str, prior: str | None = None, **change: Any) -> Contender:
    return Contender(name, partial(Ours, partial(rank_gp, prior, tuple(change.items()))))


def theirs(name: str, prior: str | None, trainings: int) -> Contender:
    words = f"{name}, begun with it" if prior else name
    slow = name not in rivals.QUICK
    return Contender(words, partial(Theirs, name, prior), slow, trainings if slow else TRAININGS)


def everybody(slow: int, trainings: int) -> tuple[list[Contender], list[str]]:
    """The contenders, and a line on each that does not run.

    Args:
      slow: studies of a data set for the slow ones; 0 leaves them out.
      trainings: of their studies.
    """
    there, absent = [], []
    for name in rivals.RIVALS:
        if needed := rivals.missing(name):
            absent.append(f"{name}: not run, needs {' and '.join(needed)}")
        elif not slow and name not in rivals.QUICK:
            absent.append(f"{name}: not run, since --slow is 0")
        else:
            there.append(name)
    return [
        ours("rank_gp"),
        Contender("random", partial(Ours, _random)),
        Contender("three_way", partial(Ours, _three_way)),
        Contender("poster, all axes", partial(Ours, _poster)),
        Contender("middle, no search", Middle),
        *(theirs(name, None, trainings) for name in there),
        ours("rank_gp with a prior", "others"),
        *(theirs(name, "others", trainings) for name in there if name not in rivals.ALONE),
    ], absent


def _part(name: str, prior: str | None = None, **change: Any) -> Contender:
    return replace(ours(name, prior, **change), trainings=SHORT)


SHORT = 40  # trainings of a study of the ablation


# What each part of rank_gp brings, and what a prior costs that misleads.
ABLATION = [
    _part("rank_gp"),
    _part("without optimism", optimism=0),
    _part("twice the optimism", optimism=18),
    _part("half the length", length=10),
    _part("twice the length", length=40),
    _part("five times the length", length=100),
    _part("10 candidates", drawn=10),
    _part("400 candidates", drawn=400),
    _part("never again", keep=1000),
    _part("again four times as often", keep=5),
    _part("with a prior", "others"),
    _part("prior, for ever", "others", trust=100_000),
    *(_part(f"prior: {kind}", kind) for kind in records.KINDS[1:]),
    *(_part(f"prior: {kind}, for ever", kind, trust=100_000) for kind in records.KINDS[1:4]),
]
