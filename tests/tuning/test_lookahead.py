"""Look-ahead against brute force: every outcome tried by `tell`, every score of a range by name."""

import copy
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from jaxmeta import keys
from jaxmeta.score import DIVERGED
from jaxmeta.space import Choice, Linear, Log, Space, Values
from jaxmeta.tuning import Grid, PosterRule, Random, RankGP, ThreeWay, Walk, gaussian
from jaxmeta.tuning.lookahead import WIDTH, Key, ahead, key_of, simulate
from jaxmeta.tuning.protocol import Foreseeable

EVERY = 10**6  # lanes enough for all that can be named
DEPTH = 5
RANGE = range(-DEPTH - 1, 10 + DEPTH)  # of unknown scores; the known ones are from 0 to 8

ONE = Space(x=Log(1e-6, 1.0, 0.01, start=1e-3))
NARROW = Space(x=Linear(9e-4, 1.1e-3, 1e-4, start=1e-3))
MIXED = Space(x=Log(1e-6, 1.0, 0.1), y=Choice(*"abcd"))
ENDLESS = PosterRule(ONE, p_eps=0.1, noprog_max=100)
WALKS = {
    "endless": ENDLESS,
    "eager": PosterRule(ONE, p_eps=0.5, noprog_max=100),
    "impatient": PosterRule(ONE, p_eps=0.2, noprog_max=2),
    "bounded": PosterRule(NARROW, p_eps=0.3, p_min=0.05, i_max=9, noprog_max=4),
    "choices": PosterRule(Space(x=Choice(*"abcd")), p_eps=0.4, noprog_max=100),
    "two axes in turn": PosterRule(MIXED, p_eps=0.4, noprog_max=100),
    "two axes at once": PosterRule(MIXED, p_eps=0.4, noprog_max=100, axes="all"),
    "grid": Grid(Space(x=Log(1e-5, 0.1))),
}


def table(seed):
    """A score for every trial: 0 to 8, the same in every process."""
    return lambda key: hashlib.sha256(f"{seed},{key.i},{key.position}".encode()).digest()[0] % 9


def outcomes(walk, before, known):
    """The walk after each outcome of the trial it asks for that some scores lead to.

    `before` is the set of scores that the trial before may have had.
    """
    wanted = walk.ask()
    name = Key(wanted.i, wanted.position, 0)
    for better in (True, False):
        scores = {known[name]} if name in known else RANGE
        scores = {s for s in scores if any((s >= b) == better for b in before)}
        if scores:
            after = copy.copy(walk)
            after.tell(getattr(walk.state, "acc_old", 0) - (not better))
            yield after, scores


def reached(walk, known):
    """Every trial not known that may be asked for within DEPTH, with its probability."""
    found = defaultdict(float)
    before = {float("-inf") if walk.i == 0 else int(getattr(walk.state, "acc_old", 0))}
    paths = [(walk, before, 1.0)]
    for _ in range(DEPTH + 1):
        paths = [path for path in paths if not path[0].done]
        for path, _, mass in paths:
            wanted = path.ask()
            found[Key(wanted.i, wanted.position, 0)] += mass
        paths = [
            (after, scores, mass / len(ways))
            for path, before, mass in paths
            for ways in [list(outcomes(path, before, known))]
            for after, scores in ways
        ]
    return {name: mass for name, mass in found.items() if name not in known}


def named(walk, known, paired=False):
    return dict(ahead(walk, EVERY, known, paired, DEPTH))


def follow(walk, score):
    """The walk as it is without look-ahead."""
    path = []
    while not walk.done:
        wanted = walk.ask()
        path.append((wanted, walk.tell(score(Key(wanted.i, wanted.position, 0)))))
    return path


@pytest.mark.parametrize("tuner", WALKS.values(), ids=WALKS)
@pytest.mark.parametrize("seed", [0])
def test_names_what_trying_all_outcomes_reaches(tuner, seed):
    """At every step of a walk, with their probabilities: exact, since they are halves of halves."""
    walk, score, pruned = Walk(tuner, seed), table(seed), 0
    random = np.random.default_rng(seed)
    while not walk.done and walk.i < 6:
        whole = reached(walk, {})
        assert named(walk, {}) == whole
        for part in (0.2, 0.6):
            known = {name: score(name) for name in whole if random.random() < part}
            some = reached(walk, known)
            assert named(walk, known) == some
            pruned += some.keys() | known.keys() < whole.keys()
        wanted = walk.ask()
        walk.tell(score(Key(wanted.i, wanted.position, 0)))
    assert bool(pruned) == (tuner is not WALKS["grid"])  # known scores did exclude some


def test_probabilities_of_an_iteration_sum_to_one_while_all_branches_are_followed():
    total = defaultdict(float)
    for key, p in ahead(Walk(ENDLESS, 3), EVERY, {}, depth=20):
        total[key.i] += p
    whole = WIDTH.bit_length()
    assert [total[i] for i in range(whole)] == [1.0] * whole
    assert 0.1 < total[20] < 1  # the improbable ones were let go


def test_most_probable_first_and_the_next_one_at_their_head():
    walk, score = Walk(ENDLESS, 4), table(4)
    for _ in range(6):
        wanted = walk.ask()
        foreseen = ahead(walk, 7, {})[:7]
        chances = [p for _, p in foreseen]
        assert len(set(foreseen)) == 7
        assert foreseen[0] == (Key(wanted.i, wanted.position, 0), 1.0)
        assert chances == sorted(chances, reverse=True)
        assert foreseen == ahead(walk, EVERY, {}, depth=6)[:7]  # of seven iterations
        walk.tell(score(Key(wanted.i, wanted.position, 0)))


def test_trials_that_are_known_leave_their_lanes_to_others():
    walk, known, seen = Walk(ENDLESS, 5), {}, []
    for _ in range(6):
        foreseen = [key for key, _ in ahead(walk, 4, known)[:4]]
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
    walk = Walk(PosterRule(ONE, i_max=3), 0)
    assert {key.i for key, _ in ahead(walk, EVERY, {})} == {0, 1, 2}
    follow(walk, table(0))
    assert ahead(walk, EVERY, {}) == []


def test_a_grid_has_one_future():
    """Far further than the branches could be followed if they did not meet."""
    assert ahead(Walk(Grid(Space(x=Log(1e-5, 1.0)), 60), 0), 40, {})[:40] == [
        (Key(i, (i,), 0), 1.0) for i in range(40)
    ]


@pytest.mark.parametrize("lanes", [1, 2, 3, 8])
def test_the_walk_is_the_sequential_one(lanes):
    tuner = PosterRule(ONE, p_eps=0.2, i_max=30)
    alone = follow(Walk(tuner, lanes), table(lanes))
    run = simulate(tuner, lanes, lanes, table(lanes))
    assert run.path == alone
    assert len(alone) <= run.trials <= lanes * run.rounds
    assert (run.rounds < len(alone)) == (lanes > 1)


def test_unneeded_results_are_dropped():
    """What the true path does not meet may score anything; the control changes what it meets."""
    tuner = PosterRule(ONE, p_eps=0.2, i_max=30)
    alone = follow(Walk(tuner, 0), table(0))
    path = {Key(wanted.i, wanted.position, 0) for wanted, _ in alone}
    run = simulate(tuner, 0, 8, lambda key: table(0 if key in path else 1)(key))
    assert run.path == alone and run.trials > len(path)
    run = simulate(tuner, 0, 8, lambda key: table(0 if key.i != 3 else 2)(key))
    assert run.path != alone


def test_depth_0_looks_at_the_next_trial_alone():
    run = simulate(PosterRule(ONE, i_max=12), 0, 8, table(0), depth=0)
    assert run.rounds == run.trials == len(run.path)


@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_paired_keys_train_a_position_once(lanes):
    tuner = PosterRule(ONE, p_eps=0.2, i_max=40, noprog_max=40)
    alone = follow(Walk(tuner, 1), lambda key: table(1)(key._replace(i=0)))
    run = simulate(tuner, 1, lanes, table(1), paired=True)
    visited = {wanted.position for wanted, _ in alone}
    assert run.path == alone
    assert len(visited) <= run.trials <= lanes * run.rounds
    assert run.rounds <= len(visited) < len(alone)
    assert lanes > 1 or run.rounds == len(visited)


def test_with_paired_keys_all_that_can_be_needed_is_named():
    walk, known = Walk(ENDLESS, 2), {}
    for step in range(6):
        foreseen = named(walk, known, paired=True)
        for trial in range(20):
            score, there = table(f"{step} {trial}"), copy.copy(walk)
            while there.i <= walk.i + DEPTH:
                name = Key(0, there.ask().position, 0)
                assert name in known or name in foreseen
                there.tell(known.get(name, score(name)))
        name = Key(0, walk.ask().position, 0)
        assert name in known or foreseen[name] == 1.0
        walk.tell(known.setdefault(name, table(2)(name)))


FORESEEABLE = {
    "poster": PosterRule(ONE, p_eps=0.3),
    "poster, in turn": PosterRule(MIXED, p_eps=0.4),
    "poster, all": PosterRule(MIXED, p_eps=0.4, axes="all"),
    "three_way": ThreeWay(Space(x=Log(1e-5, 1.0)), i_max=8),
    "three_way, two axes": ThreeWay(MIXED, i_max=8),
    "three_way, short axes": ThreeWay(Space(x=Values(1, 2, 3), y=Choice("a", "b")), i_max=8),
    "grid": Grid(MIXED, points=2),
    "random": Random(MIXED),
}
assert all(isinstance(tuner, Foreseeable) for tuner in FORESEEABLE.values())


@pytest.mark.parametrize("tuner", FORESEEABLE.values(), ids=list(FORESEEABLE))
def test_supposing_is_telling_for_all_that_follows(tuner):
    """A law of every tuner that is foreseeable; states of equal futures are equal."""
    told, supposed = Walk(tuner, 0), Walk(tuner, 0)
    for score in (3, 5, 5, DIVERGED, DIVERGED, 4, 1, 0):
        if told.done:
            break
        assert told.ask() == supposed.ask() and told.done == supposed.done
        outcome = tuner.outcome(told.asked, jnp.int32(score))
        reference = tuner.refer(told.asked, outcome, jnp.int32(score))
        told.tell(score)
        assert getattr(told.state, tuner.reference) == reference or tuner.reference == "score"
        supposed.go_on(tuner.suppose(supposed.asked, outcome), supposed.i + 1)


SCORES = np.array([DIVERGED, *range(9)])  # of unknown trials; the known ones are 3, 5, or none
KNOWN = [3, 5, DIVERGED]


@partial(jax.jit, static_argnums=0)
@partial(jax.vmap, in_axes=(None, None, None, 0))
def asked_by_all(tuner, root, n, state):
    state = ravel_pytree(tuner.init())[1](state)
    after, asked = tuner.ask(keys.derive(root, "adjust", n), state)
    r = getattr(asked, "r", jnp.int32(0))
    return ravel_pytree(after)[0], asked.position, r, tuner.done(state)


@partial(jax.jit, static_argnums=0)
@partial(jax.vmap, in_axes=(None, 0, 0))
def told_to_all(tuner, state, score):
    return ravel_pytree(tuner.tell(ravel_pytree(tuner.init())[1](state), score)[0])[0]


def filled(rows):
    """Rows filled up to a power of four, for few compilations to serve."""
    rows = np.array(rows, np.int32)
    size = 1 << (2 * ((len(rows) - 1).bit_length() + 1) // 2)
    return np.resize(rows, (size, *rows.shape[1:]))


def tried(tuner, root, i, state, known, depth):
    """Every trial not known that some scores lead to within `depth`: all of them told."""
    names, states = set(), np.array([ravel_pytree(state)[0]])
    for n in range(i, i + depth + 1):
        found = asked_by_all(tuner, root, np.uint32(n), filled(states))
        states, k, r, done = (np.asarray(x)[: len(states)] for x in found)
        asked = zip(k.tolist(), r.tolist(), states, done, strict=True)
        rows = [(Key(n, tuple(a), b), state) for a, b, state, ended in asked if not ended]
        names |= {name for name, _ in rows}
        pairs = [(s, x) for name, s in rows for x in ([known[name]] if name in known else SCORES)]
        if not pairs:
            break
        states = told_to_all(tuner, *(filled(x) for x in zip(*pairs, strict=True)))
        states = np.unique(np.asarray(states)[: len(pairs)], axis=0)
    return names - known.keys()


LARGE = {
    "poster",
    "poster, in turn",
    "poster, all",
    "three_way, two axes",
    "three_way, short axes",
}  # much to try


@pytest.mark.parametrize(
    "tuner",
    [
        pytest.param(tuner, id=name, marks=[pytest.mark.slow] if name in LARGE else [])
        for name, tuner in FORESEEABLE.items()
    ],
)
def test_names_what_telling_all_scores_reaches(tuner):
    """Of every foreseeable tuner, all through a walk, with some scores known and others not."""
    walk, random, depth, pruned = Walk(tuner, 1), np.random.default_rng(0), 3, 0
    while walk.i < 3:
        whole = tried(tuner, keys.wrapped(walk.root), walk.i, walk.state, {}, depth)
        assert dict(ahead(walk, EVERY, {}, depth=depth)).keys() == whole
        some = {name: int(random.choice(KNOWN)) for name in whole if random.random() < 0.5}
        # What lies between is known to be equal: a reference that beat one of them beats the other.
        equal = {name: 3 for name in whole if walk.i < name.i < walk.i + depth}
        for known in (some, equal):
            left = tried(tuner, keys.wrapped(walk.root), walk.i, walk.state, known, depth)
            assert dict(ahead(walk, EVERY, known, depth=depth)).keys() == left
            pruned += left | known.keys() < whole
        walk.ask()
        walk.tell(int(random.choice(KNOWN)))
    assert bool(pruned) == (tuner.name in ("poster", "three_way"))


def test_a_tuner_that_supposes_nothing_is_not_looked_ahead_of():
    @dataclass(frozen=True)
    class Blind:
        tuner: PosterRule

        def __getattr__(self, name):
            if name == "suppose":
                raise AttributeError(name)
            return getattr(self.tuner, name)

    walk = Walk(Blind(ENDLESS), 0)  # pyright: ignore[reportArgumentType]: it is one by __getattr__
    assert ahead(walk, 4, {}) == [(Key(0, (0,), 0), 1.0)]


def branches(tuner, seed, depth):
    """How many trials of iteration `depth` the next outcomes can lead to."""
    foreseen = ahead(Walk(tuner, seed), EVERY, {}, depth=depth)
    return sum(key.i == depth for key, _ in foreseen)


def test_several_axes_in_turn_have_fewer_branches_than_one_and_all_at_once_have_more():
    """An outcome changes an axis' masses before its own next draw: that is d iterations later."""
    four = Space(w=ONE.axes[0], x=ONE.axes[0], y=ONE.axes[0], z=ONE.axes[0])
    tuners = [
        ENDLESS,
        PosterRule(four, noprog_max=100),
        PosterRule(four, noprog_max=100, axes="all"),
    ]
    one, turns, together = (sum(branches(t, seed, 6) for seed in range(4)) for t in tuners)
    assert turns < one < together


def test_a_tuner_that_guesses_fills_lanes_and_ends_in_the_decisions_of_one():
    space = Space(x=Log(1e-4, 1.0, 0.1), y=Choice(*"abcd"), z=Linear(0, 1, 0.1))
    tuner = RankGP(space, i_max=15)

    def score(key):
        x, y, z = key.position
        return -((x - 9) ** 2) - 30 * (y != 2) - 4 * (z - 3) ** 2 + key.r

    one, many = (simulate(tuner, 5, lanes, score, paired=True) for lanes in (1, 8))
    assert one.path == many.path and one.rounds == 15 > 10 > many.rounds
    walk = Walk(tuner, 5)
    walk.tell(score(key_of(walk.ask(), True)))
    walk.ask()
    guesses = walk.tuner.guess(walk.asked)
    assert sum(p for _, p in guesses) == pytest.approx(1.0) and min(p for _, p in guesses) >= 0
    for expected, likeliest in (
        (2 * gaussian.ONE, 0),
        (-gaussian.ONE, 2),
    ):  # a new best score, and one below all
        told = walk.asked._replace(expected=np.int32(expected), deviation=np.int32(0))
        assert walk.tuner.guess(told)[likeliest][1] > 0.9
    named = ahead(walk, 6, {}, paired=True)
    assert len(named) >= 6 and named[0].probability == 1.0
    assert [foreseen.key for foreseen in ahead(walk, 6, {}, paired=True, depth=0)] == [named[0].key]
