"""The chains of a study: independent walks of one tuner, decided in one order.

Iteration by iteration, chain by chain: so the record is one line of decisions, whatever was trained
when. A decision rests on the scores of its replicates, which are added (`score.total`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxmeta import keys, score, stopping
from jaxmeta.stopping import Course, Rule
from jaxmeta.trial import Decision, Position, Result, Trial
from jaxmeta.tuning import lookahead
from jaxmeta.tuning.protocol import Tuner
from jaxmeta.tuning.walk import Walk

KEYS = ("independent", "paired")
# To look ahead again takes time: it is done when a chain decides, and when it has learned scores
# for one part in so many of the lanes; of up to as many lanes, with every score.
PART = 8


class Chains:
    """The decisions of a study: a function of its tuner, its seed and the scores learned so far.

    Args:
      tuner: of all chains.
      seed: of the study.
      chains: how many; chain c is the same among any number of them.
      replicates: trials a decision.
      paired: whether the keys of trials leave the iteration out ("common random numbers"): a
        position is then tried once in each chain.
      exact: whether scores are ranks of float32, see `score.total`.
      rule: by which trainings are stopped early; None: none is.
      epochs: that a training has at most, for the rule.
    """

    def __init__(
        self,
        tuner: Tuner,
        seed: int,
        chains: int = 1,
        replicates: int = 1,
        paired: bool = False,
        exact: bool = False,
        rule: Rule | None = None,
        epochs: int = 1,
    ) -> None:
        self.tuner, self.replicates, self.paired, self.exact = tuner, replicates, paired, exact
        self.rule, self._epochs = rule, epochs
        # Of the trainings that decisions rest on, by chain and replicate; kept where a rule asks.
        self._courses: dict[tuple[int, int], list[Course]] = {}
        self.walks = [Walk(tuner, seed, c) for c in range(chains)]
        self._scores: dict[Trial, int] = {}
        # Per chain, by what `lookahead` calls a trial: scores, and the iteration that had it.
        self._known: list[dict[lookahead.Key, int]] = [{} for _ in range(chains)]
        self._first: list[dict[lookahead.Key, int]] = [{} for _ in range(chains)]
        # What `ahead` found per chain, and what it was asked; and how many scores came since.
        self._ahead: list[tuple[Any, list[lookahead.Foreseen]] | None] = [None] * chains
        self._news = [0] * chains

    @property
    def decided(self) -> int:
        """How many decisions were made."""
        return sum(walk.i for walk in self.walks)

    def next(self) -> Decision | None:
        """The decision that comes next, None after the last; asking twice gives the same answer."""
        open_walks = [(walk.i, c) for c, walk in enumerate(self.walks) if not walk.done]
        return self._next(min(open_walks)[1]) if open_walks else None

    def due(self) -> set[Trial]:
        """What the next decision of each chain rests on; all else is run ahead of need."""
        decisions = [self._next(c) for c, walk in enumerate(self.walks) if not walk.done]
        return {trial for decision in decisions for trial in decision.trials}

    def _next(self, c: int) -> Decision:
        suggestion = self.walks[c].ask()
        key = lookahead.key_of(suggestion, self.paired)
        return Decision(c, suggestion, self._trials(c, key), self._first[c].get(key))

    def learn(self, trial: Trial, points: int) -> None:
        """Take in the score of a trial, needed or not, in any order."""
        self._scores[trial] = points
        key = lookahead.Key(trial.i, trial.position, trial.r // self.replicates)
        trials = self._trials(trial.chain, key)
        if all(other in self._scores for other in trials):
            scores = [self._scores[other] for other in trials]
            self._known[trial.chain][key] = score.total(scores, self.exact)
            self._news[trial.chain] += 1

    def missing(self, decision: Decision) -> list[Trial]:
        """Those of its trials whose scores were not learned yet."""
        return [trial for trial in decision.trials if trial not in self._scores]

    def cut(self, trial: Trial, result: Result, ended: bool) -> Result:
        """`result` as the record is to have it: up to the epoch after which the rule stops it.

        Args:
          trial: that the next decision of its chain rests on, so that all that it is compared with
            is known.
          ended: it has come to its end; else what is said may hold for a while only.
        """
        if self.rule is None:
            return result
        earlier = self._courses.get((trial.chain, trial.r), [])
        e = stopping.stopped_after(self.rule, self._epochs, result.curve, ended, earlier)
        if e is None:
            return result._replace(stopped=False)
        curve = result.curve[:e]
        best = max(curve)
        return result._replace(
            score=best,
            best_epoch=curve.index(best) + 1,
            epochs=e,
            curve=curve,
            losses=result.losses[:e],
            digests=result.digests[:e],
            diverged=False,
            stopped=True,
        )

    def take(self, decision: Decision, results: Sequence[Result]) -> None:
        """Learn what `decision` rests on, as the record has it: none where it revisits."""
        for trial, result in zip(decision.trials, results, strict=False):
            self.learn(trial, result.score)
            if self.rule is not None:
                of = self._courses.setdefault((trial.chain, trial.r), [])
                of.append(stopping.course(result.curve))

    def tell(self, decision: Decision) -> tuple[int, dict[str, Any]]:
        """Decide: the score that `decision` rests on, and what the tuner made of it, as JSON."""
        walk, known = self.walks[decision.chain], self._known[decision.chain]
        key = lookahead.key_of(decision.suggestion, self.paired)
        points = known[key]
        self._first[decision.chain].setdefault(key, decision.suggestion.i)
        if not self.paired:  # nobody can ask for it again
            del known[key]
            for trial in decision.trials:
                del self._scores[trial]
        self._ahead[decision.chain] = None
        return points, walk.tell(points)

    def ahead(self, lanes: int, depth: int | None) -> dict[Trial, float]:
        """Trials that may be needed and are not learned: their probabilities, most probable first,
        enough to fill `lanes`; see `lookahead.ahead` for `depth`."""
        chances: dict[Trial, float] = {}
        for c in range(len(self.walks)):
            for key, chance in self._foreseen(c, -(-lanes // self.replicates), depth):
                chances |= {n: chance for n in self._trials(c, key) if n not in self._scores}
        return dict(sorted(chances.items(), key=lambda item: -item[1]))

    def _foreseen(self, c: int, groups: int, depth: int | None) -> list[lookahead.Foreseen]:
        asked, before = (groups, depth), self._ahead[c]
        if before is not None and before[0] == asked and self._news[c] * PART < groups:
            left = [one for one in before[1] if one.key not in self._known[c]]
            if len(left) >= groups or not self._news[c]:
                return left
        found = lookahead.ahead(self.walks[c], groups, self._known[c], self.paired, depth)
        self._ahead[c], self._news[c] = (asked, found), 0
        return found

    def training_key(self, trial: Trial) -> keys.Words:
        """The key that this trial is run with, on the host."""
        return keys.training(self.walks[trial.chain].root, trial.i, trial.r)

    @property
    def recommended(self) -> list[Position]:
        """The position that the tuner stands for in each chain."""
        return [walk.recommended for walk in self.walks]

    def _trials(self, c: int, key: lookahead.Key) -> tuple[Trial, ...]:
        first = key.r * self.replicates
        return tuple(Trial(c, key.i, key.position, first + r) for r in range(self.replicates))


def of_record(first: Mapping[str, Any], tuner: Tuner, exact: bool) -> Chains:
    """The chains, at their beginning, of a study whose journal begins with the line `first`.

    Raises:
      ValueError: its keys are of no kind that is known here.
    """
    if first["keys"] not in KEYS:
        raise ValueError(
            f"the record's keys are {first['keys']!r:.100}, not one of {', '.join(KEYS)}; "
            "use the version of jaxmeta that wrote the record"
        )
    return Chains(
        tuner,
        first["seed"],
        first["chains"],
        first["replicates"],
        first["keys"] == "paired",
        exact,
        stopping.of_first(first),
        first["training"]["epochs"],
    )
