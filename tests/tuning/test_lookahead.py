"""Look-ahead against brute force: every outcome tried by `tell`, every score of a range by name."""

import copy
import hashlib
from collections import defaultdict
from dataclasses import dataclass

import chex
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmeta.tuning import TUNERS, Grid, Lattice, TuneLearningRate, Walk
from jaxmeta.tuning.lookahead import WIDTH, ahead, simulate
from jaxmeta.tuning.protocol import Foreseeable
from jaxmeta.tuning.three_way import ThreeWay

EVERY = 10**6  # lanes enough for all that can be named
DEPTH = 5
RANGE = range(-DEPTH - 1, 10 + DEPTH)  # of unknown scores; the known ones are from 0 to 8

NARROW = Lattice(1e-3, 1e-4, lr_min=9e-4, lr_max=1.1e-3)
ENDLESS = TuneLearningRate(Lattice(1e-3, 0.01, "logarithmic"), p_eps=0.1, noprog_max=100)
WALKS = {
    "endless": ENDLESS,
    "eager": TuneLearningRate(p_eps=0.5, noprog_max=100),
    "impatient": TuneLearningRate(p_eps=0.2, noprog_max=2),
    "bounded": TuneLearningRate(NARROW, p_eps=0.3, p_min=0.05, i_max=9, noprog_max=4),
    "grid": Grid(),
}


def table(seed):
    """A score for every training: 0 to 8, the same in every process."""
    return lambda i, k: hashlib.sha256(f"{seed},{i},{k}".encode()).digest()[0] % 9


def outcomes(walk, before, known):
    """The walk after each outcome of the training it asks for that some scores lead to.

    `before` is the set of scores that the training before may have had.
    """
    wanted = walk.ask()
    name = (wanted.i, wanted.k)
    for better in (True, False):
        scores = {known[name]} if name in known else RANGE
        scores = {s for s in scores if any((s >= b) == better for b in before)}
        if scores:
            after = copy.copy(walk)
            after.tell(0 if walk.score is None else walk.score - (not better))
            yield after, scores


def reached(walk, known):
    """Every training not known that may be asked for within DEPTH, with its probability."""
    found = defaultdict(float)
    before = {float("-inf") if walk.score is None else walk.score}
    paths = [(walk, before, 1.0)]
    for _ in range(DEPTH + 1):
        paths = [path for path in paths if not path[0].done]
        for path, _, mass in paths:
            wanted = path.ask()
            found[wanted.i, wanted.k] += mass
        paths = [
            (after, scores, mass / len(ways))
            for path, before, mass in paths
            for ways in [list(outcomes(path, before, known))]
            for after, scores in ways
        ]
    return {name: mass for name, mass in found.items() if name not in known}


def named(walk, known, paired=False):
    return {(i, k): p for i, k, p in ahead(walk, EVERY, known, paired, DEPTH)}


def follow(walk, score):
    """The walk as it is without look-ahead."""
    path = []
    while not walk.done:
        wanted = walk.ask()
        path.append((wanted, walk.tell(score(wanted.i, wanted.k))))
    return path


@pytest.mark.parametrize("tuner", WALKS.values(), ids=WALKS)
@pytest.mark.parametrize("seed", [0, 1])
def test_names_what_trying_all_outcomes_reaches(tuner, seed):
    """At every step of a walk, with their probabilities: exact, since they are halves of halves."""
    walk, score, pruned = Walk(tuner, seed), table(seed), 0
    random = np.random.default_rng(seed)
    while not walk.done and walk.i < 8:
        whole = reached(walk, {})
        assert named(walk, {}) == whole
        for part in (0.2, 0.5, 0.9):
            known = {name: score(*name) for name in whole if random.random() < part}
            some = reached(walk, known)
            assert named(walk, known) == some
            pruned += some.keys() | known.keys() < whole.keys()
        wanted = walk.ask()
        walk.tell(score(wanted.i, wanted.k))
    assert bool(pruned) == (tuner is not WALKS["grid"])  # known scores did exclude some


def test_probabilities_of_an_iteration_sum_to_one_while_all_branches_are_followed():
    total = defaultdict(float)
    for i, _, p in ahead(Walk(ENDLESS, 3), EVERY, {}, depth=20):
        total[i] += p
    whole = WIDTH.bit_length()
    assert [total[i] for i in range(whole)] == [1.0] * whole
    assert 0.1 < total[20] < 1  # the improbable ones were let go


def test_most_probable_first_and_the_next_one_at_their_head():
    walk, score = Walk(ENDLESS, 4), table(4)
    for _ in range(6):
        wanted = walk.ask()
        foreseen = ahead(walk, 7, {})
        chances = [p for _, _, p in foreseen]
        assert len(set(foreseen)) == 7
        assert foreseen[0] == (wanted.i, wanted.k, 1.0)
        assert chances == sorted(chances, reverse=True)
        assert foreseen == ahead(walk, EVERY, {}, depth=6)[:7]  # of seven iterations
        walk.tell(score(wanted.i, wanted.k))


def test_trainings_that_are_known_leave_their_lanes_to_others():
    walk, known, seen = Walk(ENDLESS, 5), {}, []
    for _ in range(6):
        foreseen = [(i, k) for i, k, _ in ahead(walk, 4, known)]
        assert len(foreseen) == 4 and not known.keys() & foreseen
        known |= {name: 7 for name in foreseen}
        seen += foreseen
    assert len(set(seen)) == 24


def test_looking_changes_nothing():
    walk = Walk(ENDLESS, 6)
    state = walk.state
    assert ahead(walk, 16, {}) == ahead(walk, 16, {}) == ahead(Walk(ENDLESS, 6), 16, {})
    assert ahead(walk, 16, {}) != ahead(Walk(ENDLESS, 7), 16, {})
    chex.assert_trees_all_equal(walk.state, state)


def test_nothing_beyond_the_end():
    walk = Walk(TuneLearningRate(i_max=3), 0)
    assert {i for i, _, _ in ahead(walk, EVERY, {})} == {0, 1, 2}
    follow(walk, table(0))
    assert ahead(walk, EVERY, {}) == []


def test_a_grid_has_one_future():
    """Far further than the branches could be followed if they did not meet."""
    assert ahead(Walk(Grid(i_max=60), 0), 40, {}) == [(i, i, 1.0) for i in range(40)]


@pytest.mark.parametrize("lanes", range(1, 9))
def test_the_walk_is_the_sequential_one(lanes):
    tuner = TuneLearningRate(p_eps=0.2, i_max=30)
    alone = follow(Walk(tuner, lanes), table(lanes))
    run = simulate(tuner, lanes, lanes, table(lanes))
    assert run.path == alone
    assert len(alone) <= run.trainings <= lanes * run.rounds
    assert (run.rounds < len(alone)) == (lanes > 1)


def test_unneeded_results_are_dropped():
    """What the true path does not meet may score anything; the control changes what it meets."""
    tuner = TuneLearningRate(p_eps=0.2, i_max=30)
    alone = follow(Walk(tuner, 0), table(0))
    path = {(wanted.i, wanted.k) for wanted, _ in alone}
    run = simulate(tuner, 0, 8, lambda i, k: table(0 if (i, k) in path else 1)(i, k))
    assert run.path == alone and run.trainings > len(path)
    run = simulate(tuner, 0, 8, lambda i, k: table(0 if i != 3 else 1)(i, k))
    assert run.path != alone


def test_depth_0_looks_at_the_next_training_alone():
    run = simulate(TuneLearningRate(i_max=12), 0, 8, table(0), depth=0)
    assert run.rounds == run.trainings == len(run.path)


@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_paired_keys_train_a_position_once(lanes):
    tuner = TuneLearningRate(p_eps=0.2, i_max=40, noprog_max=40)
    alone = follow(Walk(tuner, 1), lambda i, k: table(1)(0, k))
    run = simulate(tuner, 1, lanes, table(1), paired=True)
    visited = {wanted.k for wanted, _ in alone}
    assert run.path == alone
    assert len(visited) <= run.trainings <= lanes * run.rounds
    assert run.rounds <= len(visited) < len(alone)
    assert lanes > 1 or run.rounds == len(visited)


def test_with_paired_keys_all_that_can_be_needed_is_named():
    walk, known = Walk(ENDLESS, 2), {}
    for step in range(6):
        foreseen = named(walk, known, paired=True)
        for trial in range(20):
            score, there = table(f"{step} {trial}"), copy.copy(walk)
            while there.i <= walk.i + DEPTH:
                name = (0, there.ask().k)
                assert name in known or name in foreseen
                there.tell(known.get(name, score(*name)))
        name = (0, walk.ask().k)
        assert name in known or foreseen[name] == 1.0
        walk.tell(known.setdefault(name, table(2)(*name)))


FORESEEABLE = {
    name: tuner
    for name, make in TUNERS.items()
    if isinstance(tuner := make(), Foreseeable)
}


@pytest.mark.parametrize("tuner", FORESEEABLE.values(), ids=list(FORESEEABLE))
def test_supposing_is_telling_for_all_that_follows(tuner):
    """A law of every tuner that is foreseeable; states of equal futures are equal."""
    told, supposed = Walk(tuner, 0), Walk(tuner, 0)
    before = -1
    for score in (3, 5, 5, 2, 4, 4, 1, 0):
        assert told.ask() == supposed.ask() and told.done == supposed.done
        outcome = jnp.bool_(score >= before)
        if isinstance(tuner, ThreeWay):
            outcome = tuner.outcome(told._asked, score)
        told.tell(score)
        supposed.state = tuner.suppose(supposed._asked, outcome)
        supposed.i, before = supposed.i + 1, score


def test_a_tuner_that_supposes_nothing_is_not_looked_ahead_of():
    @dataclass(frozen=True)
    class Blind:
        tuner: TuneLearningRate

        def __getattr__(self, name):
            if name == "suppose":
                raise AttributeError(name)
            return getattr(self.tuner, name)

    walk = Walk(Blind(ENDLESS), 0)  # pyright: ignore[reportArgumentType]: it is one by __getattr__
    assert ahead(walk, 4, {}) == [(0, 0, 1.0)]
