"""Look-ahead: the trials that a walk may need next, most probable first, to fill idle lanes.

All draws come from keys, so of a trial to come one bit alone is unknown: whether its score is as
good as the one that it is compared with. These bits are followed iteration by iteration. Branches
that meet go on as one, and both outcomes are equally probable unless the scores that are known
already exclude one. A tuner that looks at more of a score than that bit may guess, see `likely`.
Results that the true path does not need are dropped, so the walk is bit for bit the sequential one,
whatever is named here.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from jaxmeta.trial import Position, Suggestion
from jaxmeta.tuning.both import flat
from jaxmeta.tuning.likely import Guessing, futures
from jaxmeta.tuning.protocol import HIGHEST, LOWEST, Foreseeable, Tuner, bare
from jaxmeta.tuning.walk import Walk

# Branches followed side by side, the most probable ones: all of them for 8 iterations.
WIDTH = 256


class Key(NamedTuple):
    """What tells a trial of a chain from all others."""

    i: int  # the iteration whose key it is run with; 0 for all where keys are paired
    position: Position
    r: int  # which of its replicates; 0 for a tuner that asks for none


class Foreseen(NamedTuple):
    """A trial that may be needed."""

    key: Key
    # Of being needed. Where keys are paired: in its likeliest iteration, unless the tuner guesses.
    probability: float


class _Branches(NamedTuple):
    """Distinct futures at one iteration, its trial asked for."""

    state: np.ndarray  # int32[n, leaves], the tuner's
    asked: np.ndarray  # int32[n, d + 1], position and replicate asked for
    low: np.ndarray  # int32[n], the least that the reference of its score can be
    high: np.ndarray  # int32[n], the most that it can be
    mass: np.ndarray  # float64[n], probabilities


def key(i: int, position: Position, r: int, paired: bool) -> Key:
    """Of the trial that iteration i wants at `position`."""
    return Key(0 if paired else i, position, r)


def key_of(suggestion: Suggestion, paired: bool) -> Key:
    """Of the trial that was suggested."""
    return key(suggestion.i, suggestion.position, suggestion.r, paired)


def ahead(
    walk: Walk,
    lanes: int,
    known: Mapping[Key, int],
    paired: bool = False,
    depth: int | None = None,
) -> list[Foreseen]:
    """Trials that `walk` may need and whose scores are not known, as many as `lanes` or more.

    Most probable first; at the head the walk's own next one, if its score is not known. With
    independent keys the branches followed are exactly those that some scores of the unknown
    trials lead to; with paired keys also some that would give one position two scores.

    Args:
      lanes: how many trials can run side by side.
      known: scores by `key`: of the trials run ahead, and with paired keys of all that ran.
      depth: the iterations to look ahead, at most; None: until the lanes are filled, and
        over `lanes` iterations at least, since a later trial can be the more probable one.
    """
    if walk.done:
        return []
    found: dict[Key, float] = {}
    if isinstance(walk.tuner, Guessing):
        named = partial(key, paired=paired)
        for trial, chance in futures(walk, lanes, known, named, depth):
            found[trial] = min(found.get(trial, 0.0) + chance, 1.0)
        return _likeliest(found)
    if not isinstance(walk.tuner, Foreseeable):
        depth = 0
    at = _now(walk)
    for distance in count():
        asked, where = np.unique(at.asked, axis=0, return_inverse=True)
        where = where.reshape(-1)
        rows = asked.tolist()
        trials = [key(walk.i + distance, tuple(row[:-1]), row[-1], paired) for row in rows]
        for trial, mass in zip(trials, np.bincount(where, at.mass), strict=True):
            if trial not in known:
                found[trial] = max(found.get(trial, 0.0), float(mass))
        filled = len(found) >= lanes and distance + 1 >= lanes
        if distance == depth or filled:
            break
        least = np.array([known.get(trial, LOWEST) for trial in trials])[where]
        most = np.array([known.get(trial, HIGHEST) for trial in trials])[where]
        at = _next(walk, walk.i + distance + 1, at, least, most)
        if not len(at.asked):
            break
    return _likeliest(found)


def _likeliest(found: Mapping[Key, float]) -> list[Foreseen]:
    trials = sorted(found, key=lambda trial: -found[trial])
    return [Foreseen(trial, found[trial]) for trial in trials]


def _now(walk: Walk) -> _Branches:
    """The one branch at the walk's own iteration."""
    suggestion = walk.ask()
    state = flat(bare(walk.tuner, walk.asked))
    asked = [*suggestion.position, suggestion.r]
    reference = getattr(walk.state, getattr(walk.tuner, "reference", ""), 0)
    return _Branches(*map(np.array, ([state], [asked], [reference], [reference], [1.0])))


def _next(walk: Walk, i: int, at: _Branches, least: np.ndarray, most: np.ndarray) -> _Branches:
    """The branches at iteration i; the scores asked for at i - 1 are within [least, most]."""
    n = len(at.asked)
    # Filled up to one shape, for one compilation to serve.
    given = (at.state, at.low, at.high, least.astype(np.int32), most.astype(np.int32))
    rows = np.minimum(np.arange(WIDTH), n - 1)
    filled = [x[rows] for x in given]
    from jaxmeta.tuning.branches import step  # imports JAX, which `replay` does without

    root = np.array(walk.root, np.uint32)
    stepped = step(walk.tuner, root, np.uint32(i), *filled)
    # [WIDTH, outcomes, ...] to [outcomes * n, ...].
    stepped = [np.concatenate(np.asarray(x)[:n].swapaxes(0, 1)) for x in stepped]
    possible, state, asked, low, high, done = stepped
    mass = np.tile(at.mass / possible.reshape(2, n).sum(0), 2)
    on = np.flatnonzero(possible & ~done)
    futures = np.column_stack([state, asked, low, high])[on]
    _, one, where = np.unique(futures, axis=0, return_index=True, return_inverse=True)
    mass = np.bincount(where.reshape(-1), mass[on])
    top = np.argsort(-mass, kind="stable")[:WIDTH]
    one = on[one[top]]
    return _Branches(state[one], asked[one], low[one], high[one], mass[top])


class Simulated(NamedTuple):
    """A walk with look-ahead, where a trial is a look-up."""

    path: list[
        tuple[Suggestion, dict[str, Any]]
    ]  # what was asked, what the tuner made of its score
    rounds: int  # how often the lanes were filled
    trials: int  # how many ran, needed or not


def simulate(
    tuner: Tuner,
    seed: int,
    lanes: int,
    score: Callable[[Key], int],
    paired: bool = False,
    depth: int | None = None,
) -> Simulated:
    """A walk in which every trial takes one unit of time and `lanes` of them run side by side.

    `score` is given what names a trial. The rounds of one lane over those of several are the
    speed-up of a single chain, counted in trials.
    """
    walk = Walk(tuner, seed)
    known: dict[Key, int] = {}
    path, rounds = [], 0
    while not walk.done:
        suggestion = walk.ask()
        needed = key_of(suggestion, paired)
        if needed not in known:
            foreseen = ahead(walk, lanes, known, paired, depth)[:lanes]
            known |= {trial: score(trial) for trial, _ in foreseen}
            rounds += 1
        path.append((suggestion, walk.tell(known[needed])))
    return Simulated(path, rounds, len(known))
