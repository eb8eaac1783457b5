"""The chains of a study: independent walks of one tuner, decided in one order.

Iteration by iteration, chain by chain: so the record is one line of decisions, whatever was trained
when. A decision rests on the scores of its replicates, which are added (`score.total`).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax

from jaxmeta import keys, score
from jaxmeta.tuning import lookahead
from jaxmeta.tuning.protocol import Tuner
from jaxmeta.tuning.walk import Walk, Wanted

KEYS = ("independent", "paired")


class Name(NamedTuple):
    """What tells a training from all others of the study."""

    chain: int
    i: int  # the iteration that its key is of; 0 where keys are paired
    k: int  # its position
    r: int  # which replicate

    def __str__(self) -> str:
        return ".".join(map(str, self))


class Turn(NamedTuple):
    """The decision that comes next."""

    chain: int
    wanted: Wanted
    trainings: tuple[Name, ...]  # what it rests on, a replicate each
    revisits: int | None  # the iteration that had these trainings run before; None: they are new


class Chains:
    """The decisions of a study: a function of its tuner, its seed and the scores learned so far.

    Args:
      tuner: of all chains.
      seed: of the study.
      chains: how many; chain c is the same among any number of them.
      replicates: trainings a decision.
      paired: whether the keys of trainings leave the iteration out ("common random numbers"): a
        position is then trained once in each chain.
      exact: whether scores are ranks of float32, see `score.total`.
    """

    def __init__(
        self,
        tuner: Tuner,
        seed: int,
        chains: int = 1,
        replicates: int = 1,
        paired: bool = False,
        exact: bool = False,
    ) -> None:
        self.tuner, self.replicates, self.paired, self.exact = tuner, replicates, paired, exact
        self.walks = [Walk(tuner, seed, c) for c in range(chains)]
        self._scores: dict[Name, int] = {}
        # Per chain, by what `lookahead` calls a training: scores, and the iteration that had it.
        self._known: list[dict[lookahead.Key, int]] = [{} for _ in range(chains)]
        self._first: list[dict[lookahead.Key, int]] = [{} for _ in range(chains)]

    @property
    def decided(self) -> int:
        """How many decisions were made."""
        return sum(walk.i for walk in self.walks)

    def turn(self) -> Turn | None:
        """The decision that comes next, None after the last; asking twice gives the same answer."""
        open_walks = [(walk.i, c) for c, walk in enumerate(self.walks) if not walk.done]
        return self._turn(min(open_walks)[1]) if open_walks else None

    def due(self) -> set[Name]:
        """What the next decision of each chain rests on; all else is run ahead of need."""
        turns = [self._turn(c) for c, walk in enumerate(self.walks) if not walk.done]
        return {name for turn in turns for name in turn.trainings}

    def _turn(self, c: int) -> Turn:
        wanted = self.walks[c].ask()
        key = lookahead.key(wanted.i, wanted.k, wanted.r, self.paired)
        return Turn(c, wanted, self._names(c, key), self._first[c].get(key))

    def learn(self, name: Name, points: int) -> None:
        """Take in the score of a training, needed or not, in any order."""
        self._scores[name] = points
        key = lookahead.Key(name.i, name.k, name.r // self.replicates)
        names = self._names(name.chain, key)
        if all(other in self._scores for other in names):
            scores = [self._scores[other] for other in names]
            self._known[name.chain][key] = score.total(scores, self.exact)

    def missing(self, turn: Turn) -> list[Name]:
        """Those of its trainings whose scores were not learned yet."""
        return [name for name in turn.trainings if name not in self._scores]

    def tell(self, turn: Turn) -> tuple[int, dict[str, Any]]:
        """Decide: the score that `turn` rests on, and what the tuner made of it, as JSON."""
        walk, wanted = self.walks[turn.chain], turn.wanted
        key = lookahead.key(wanted.i, wanted.k, wanted.r, self.paired)
        points = self._known[turn.chain][key]
        self._first[turn.chain].setdefault(key, wanted.i)
        if not self.paired:  # nobody can ask for it again
            del self._known[turn.chain][key]
            for name in turn.trainings:
                del self._scores[name]
        return points, walk.tell(points)

    def ahead(self, lanes: int, depth: int | None) -> dict[Name, float]:
        """Trainings that may be needed and are not learned: their probabilities, most probable
        first, enough to fill so many `lanes`; see `lookahead.ahead` for `depth`."""
        chances: dict[Name, float] = {}
        for c, walk in enumerate(self.walks):
            groups = -(-lanes // self.replicates)
            for key, chance in lookahead.ahead(walk, groups, self._known[c], self.paired, depth):
                chances |= {n: chance for n in self._names(c, key) if n not in self._scores}
        return dict(sorted(chances.items(), key=lambda item: -item[1]))

    def training_key(self, name: Name) -> jax.Array:
        """The key that this training is run with."""
        return keys.training(self.walks[name.chain].root, name.i, name.r)

    @property
    def recommended(self) -> list[int]:
        """The position that the tuner stands for in each chain."""
        return [int(self.tuner.recommend(walk.state)) for walk in self.walks]

    def _names(self, c: int, key: lookahead.Key) -> tuple[Name, ...]:
        first = key.r * self.replicates
        return tuple(Name(c, key.i, key.k, first + r) for r in range(self.replicates))


def of_record(first: Mapping[str, Any], tuner: Tuner, exact: bool) -> Chains:
    """The chains, at their beginning, of a study whose journal begins with the line `first`.

    Raises:
      ValueError: its keys are of no kind that is known here.
    """
    if first["keys"] not in KEYS:
        raise ValueError(
            f"the record's keys must be one of {', '.join(KEYS)}, and are {first['keys']!a}; "
            "use the version of jaxmeta that wrote the record"
        )
    return Chains(
        tuner,
        first["seed"],
        first["chains"],
        first["replicates"],
        first["keys"] == "paired",
        exact,
    )
