"""Look-ahead of a tuner whose choices hang on more of a score than one bit: likely trials only.

The tuner guesses a few scores that the trial asked for may have, each with its probability; its own
`tell` and `ask` say what would come next. The most probable futures are followed first, so of the
trials that are named one may be wrong, or one that is needed not named: that costs time, and no
decision rests on it.
"""

import heapq
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Protocol, runtime_checkable

import numpy as np

from jaxmeta import keys
from jaxmeta.tuning.both import int32
from jaxmeta.tuning.protocol import State, Tuner
from jaxmeta.tuning.walk import Walk

STEPS = 4  # futures that are followed, for each trial that is wanted


@runtime_checkable
class Guessing(Tuner, Protocol):
    """A tuner that can guess."""

    def guess(self, state: State) -> list[tuple[int, float]]:
        """Scores that the trial asked for last may have, with probabilities whose sum is 1."""
        ...


def futures(
    walk: Walk, wanted: int, known: Mapping[Any, int], name: Any, depth: int | None
) -> Iterator[tuple[Any, float]]:
    """Trials by `name` that `walk` may need and that are not `known`, the most probable futures
    first; a trial of several futures comes several times.

    Args:
      wanted: how many.
      known: scores, by name.
      name: what a trial is called, from its iteration, position and replicate.
      depth: the iterations to look ahead, at most; None: as far as it takes.
    """
    tuner = walk.tuner
    assert isinstance(tuner, Guessing)
    asked = walk.ask()
    order = count()
    waiting = [(-1.0, next(order), walk.i, walk.asked, asked.position, asked.r)]
    found: set[Any] = set()
    for _ in range(STEPS * wanted):
        if not waiting:
            return
        mass, _, i, state, position, r = heapq.heappop(waiting)
        trial = name(i, position, r)
        if trial in known:
            outcomes = [(known[trial], 1.0)]
        else:
            found.add(trial)
            yield trial, -mass
            outcomes = None
        if len(found) >= wanted or (depth is not None and i - walk.i >= depth):
            continue
        outcomes = outcomes or tuner.guess(state)
        for score, probability in outcomes:
            told = int32(tuner.tell(state, np.int32(score))[0])
            if bool(tuner.done(told)) or probability == 0:
                continue
            after, asks = tuner.ask(keys.derive(walk.root, "adjust", i + 1), told)
            next_ = tuple(np.asarray(asks.position).tolist()), int(getattr(asks, "r", 0))
            heapq.heappush(waiting, (mass * probability, next(order), i + 1, int32(after), *next_))
