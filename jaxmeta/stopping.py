"""Epochs that are not run: exact rules by which a training is stopped early.

Of a training the *course* is looked at: after each of its epochs the best evaluation so far, int32.
A rule gives a bar for each epoch, made of the courses of the earlier trainings of the same chain
that have the same replicate number; where keys are paired these have the same key. A training is
stopped after the first epoch at which its course is below the bar. Only the order of evaluations
counts, so a rule is the same for every kind of score, and `replay` computes it again.

A stopped training's score is its best evaluation. A bar is what an earlier training had reached by
then, so a stopped training stays behind that one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import accumulate
from typing import Any, ClassVar, Protocol

from jaxmeta.score import DIVERGED

Course = Sequence[int]  # never falls, but to DIVERGED in the epoch that is then its last


def course(curve: Sequence[int]) -> list[int]:
    """Of a training with these evaluations; its last entry is the score."""
    found = list(accumulate(curve, max))
    return [*found[:-1], DIVERGED] if curve and curve[-1] == DIVERGED else found


class Rule(Protocol):
    """A frozen dataclass of whole numbers."""

    name: ClassVar[str]

    def bars(self, epochs: int, earlier: Sequence[Course]) -> Iterator[tuple[int, int]]:
        """Epochs from 1, in order, with the bar of each.

        Args:
          epochs: that a training has at most.
          earlier: the courses of earlier trainings, in the order of the record.
        """
        ...


@dataclass(frozen=True)
class Rival:
    """Stop a training that needs too long for what its rival had early.

    The rival is the earlier training with the best score, the first of equals. The bar after epoch
    e is what it had after the first e * share / 100 epochs, rounded down, one at least.

    Attributes:
      first: percent of the epochs before which nothing is stopped, from 0 to 100.
      share: percent, from 1 to 100; 100 stops whatever is behind.
    """

    name: ClassVar[str] = "rival"
    first: int = 20
    share: int = 25

    def __post_init__(self) -> None:
        _within("first", self.first, 0, 100)
        _within("share", self.share, 1, 100)

    def bars(self, epochs: int, earlier: Sequence[Course]) -> Iterator[tuple[int, int]]:
        if not earlier:
            return
        rival = max(earlier, key=lambda other: other[-1])
        if rival[-1] == DIVERGED:
            return
        for e in range(max(1, -(-self.first * epochs // 100)), epochs):
            yield e, rival[min(max(1, e * self.share // 100), len(rival)) - 1]


@dataclass(frozen=True)
class Halving:
    """Asynchronous successive halving (ASHA): at a rung a training goes on or is stopped.

    Rungs are at 1/eta, 1/eta**2, ... of the epochs, rounded up, down to `first` percent of them. At
    a rung a training goes on if it is among the best 1/eta of those that were there, itself
    included; among fewer than 2 eta it has to be the best. An earlier training that ended by
    itself before the rung counts with its score, and one that diverged, ever, as diverged.

    Source: Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020; that a
    training is stopped at a rung at once, and not taken up again, is as in Optuna's
    SuccessiveHalvingPruner (Akiba et al., KDD 2019).

    Attributes:
      first: percent of the epochs before which there is no rung, from 0 to 100.
      eta: from 2 to 10.
    """

    name: ClassVar[str] = "halving"
    first: int = 4
    eta: int = 3

    def __post_init__(self) -> None:
        _within("first", self.first, 0, 100)
        _within("eta", self.eta, 2, 10)

    def bars(self, epochs: int, earlier: Sequence[Course]) -> Iterator[tuple[int, int]]:
        rungs = self.rungs(epochs)
        for at, e in enumerate(rungs):
            here = sorted(
                (
                    other[-1] if other[-1] == DIVERGED else other[min(e, len(other)) - 1]
                    for other in earlier
                    if len(other) >= e or len(other) not in rungs[:at]  # it was stopped there
                ),
                reverse=True,
            )
            best = max((len(here) + 1) // self.eta, 1)
            if len(here) >= best:
                yield e, here[best - 1]

    def rungs(self, epochs: int) -> list[int]:
        """After which epochs it is asked, none of which is the last."""
        powers = accumulate(range(epochs.bit_length()), lambda n, _: n * self.eta, initial=self.eta)
        found = {-(-epochs // n) for n in powers if n <= epochs}
        return sorted(e for e in found if e < epochs and 100 * e >= self.first * epochs)


RULES: dict[str, type[Rival] | type[Halving]] = {rule.name: rule for rule in (Rival, Halving)}


def stopped_after(
    rule: Rule, epochs: int, curve: Sequence[int], ended: bool, earlier: Sequence[Course]
) -> int | None:
    """The epoch after which a training is stopped; None: it is not, by what is known of it.

    Args:
      curve: its evaluations so far.
      ended: it has come to its end by itself, after the last of them.
    """
    done = course(curve)
    last = len(done) - ended
    for e, bar in rule.bars(epochs, earlier):
        if e > last:
            break
        if done[e - 1] < bar:
            return e
    return None


def to_record(rule: Rule) -> dict[str, Any]:
    """As it stands in a record."""
    return {"rule": rule.name, **asdict(rule)}  # pyright: ignore[reportArgumentType]


def from_record(record: Mapping[str, Any]) -> Rule:
    """The rule that `to_record` wrote.

    Raises:
      ValueError: there is none of that name, or it has no such settings.
    """
    options = {name: value for name, value in record.items() if name != "rule"}
    if (made := RULES.get(record["rule"])) is None:
        raise ValueError(
            f"a rule to stop by is {' or '.join(RULES)}, got {record['rule']!r:.60}; choose one"
        )
    known = [one.name for one in fields(made)]
    if unknown := [name for name in options if name not in known]:
        raise ValueError(
            f"the rule {made.name} has {', '.join(known)}, and not {unknown[0]!r:.60}; leave it out"
        )
    return made(**options)


def of_first(first: Mapping[str, Any]) -> Rule | None:
    """The rule that a journal's first line names; None: it names none."""
    return from_record(first["stop_early"]) if "stop_early" in first else None


def parse(text: str) -> Rule:
    """A rule as it is written on the command line: `rival`, or `rival:first=20,share=100`.

    Raises:
      ValueError: `text` is none.
    """
    name, _, settings = text.partition(":")
    options: dict[str, Any] = {}
    for one in settings.split(",") if settings else []:
        key, _, value = one.partition("=")
        if not value.isdecimal():
            raise ValueError(
                f"a rule's settings are written as first=20,share=100, got {one!r:.60}; mend it"
            )
        options[key.strip()] = int(value)
    return from_record({"rule": name, **options})


def _within(name: str, value: Any, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(
            f"{name} must be a whole number from {low} to {high}, got {value!r:.60}; change it"
        )
