"""Algorithm 2 against hand-worked tables, and against a naive implementation in fractions."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmeta.score import DIVERGED
from jaxmeta.space import Choice, Linear, Log, Space, Values
from jaxmeta.tuning import PosterRule, Walk
from jaxmeta.tuning.moves import ONE

LINE = Space(x=Linear(1e-6, 1.0, 0.1, start=0.5))
JITTED = jax.jit(lambda tuner, u, state: tuner.move(u, state), static_argnums=0)
TOLD = jax.jit(lambda tuner, state, score: tuner.tell(state, score), static_argnums=0)


def follow(tuner, us, scores):
    """The path of `tuner` for given draws (fractions of 1, one or one an axis) and scores."""
    state, path = tuner.init(), []
    for u, score in zip(us, scores, strict=True):
        if tuner.done(state):
            break
        units = np.broadcast_to((np.array(u) * ONE).astype(np.int32), tuner.space.d)
        state, asked = JITTED(tuner, units, state)
        state, told = TOLD(tuner, state, score)
        path.append((asked, told))
    return path


def check(tuner, table, axis=0):
    """Rows: u, score, position, c, better, masses in hundredths, noprog, best position."""
    path = follow(tuner, [row[0] for row in table], [row[1] for row in table])
    assert len(path) == len(table)
    for (asked, told), (_, _, k, c, better, p, noprog, best) in zip(path, table, strict=True):
        assert (asked.position[axis], asked.c[axis], told.better) == (k, c, better)
        assert (told.noprog, told.best[axis]) == (noprog, best)
        np.testing.assert_allclose(100 * np.asarray(told.p[axis], float) / ONE, p, atol=1e-3)


def test_hand_worked_table():
    """λ0 = 0.5, ε = 0.1, p_ε = 0.12; worked with pencil and paper, probabilities in hundredths."""
    #   u     score   k   c  better   100 p after (p1, p2, p3)      noprog  best
    table = [
        (0.00, 100, 0, 0, True, (33.333, 33.333, 33.333), 0, 0),  # λ0: nothing to compare with
        (0.10, 110, 1, 1, True, (45.333, 27.333, 27.333), 0, 1),  # up, better
        (0.40, 110, 2, 1, True, (57.333, 21.333, 21.333), 0, 2),  # up, equal counts as not worse
        (0.60, 90, 2, 2, False, (63.333, 9.333, 27.333), 1, 2),  # keep, worse: 2 gives 12
        (0.99, 95, 1, 3, True, (57.333, 3.333, 39.333), 0, 1),  # down; better than the *previous*
        (0.59, 80, 1, 2, False, (59.0, 0.0, 41.0), 1, 1),  # keep had 3.333 to give, half to each
        (0.00, 70, 2, 1, False, (47.0, 6.0, 47.0), 2, 1),  # up, worse
        (0.53, 60, 1, 3, False, (53.0, 12.0, 35.0), 3, 1),  # down, worse: the third in a row
    ]
    tuner = PosterRule(LINE, p_eps=0.12, i_max=100, noprog_max=3)
    check(tuner, table)
    ended = follow(tuner, [row[0] for row in table] + [0.5], [row[1] for row in table] + [0])
    assert len(ended) == len(table)  # noprog_max = 3 ended it
    assert tuner.space.values((1,)) == {"x": float(np.float32(0.6))}


def test_hand_worked_table_of_three_choices_has_the_posters_masses():
    """The same draws and scores: c means another thing, and lines 9, 10, 14 and 15 do not."""
    table = [
        (0.00, 100, 0, 0, True, (33.333, 33.333, 33.333), 0, 0),  # the first choice
        (0.10, 110, 0, 1, True, (45.333, 27.333, 27.333), 0, 0),  # the first again
        (0.40, 110, 0, 1, True, (57.333, 21.333, 21.333), 0, 0),
        (0.60, 90, 1, 2, False, (63.333, 9.333, 27.333), 1, 0),  # the second, worse
        (0.99, 95, 2, 3, True, (57.333, 3.333, 39.333), 0, 2),  # the third
        (0.59, 80, 1, 2, False, (59.0, 0.0, 41.0), 1, 2),
    ]
    check(PosterRule(Space(x=Choice("a", "b", "c")), p_eps=0.12), table)


def test_hand_worked_table_of_four_choices():
    """p_ε = 0.12: the three others share it, 0.04 each."""
    table = [
        (0.00, 9, 0, 0, True, (25, 25, 25, 25), 0, 0),
        (0.30, 10, 1, 2, True, (21, 37, 21, 21), 0, 1),  # b, better: each other gives 4
        (0.95, 8, 3, 4, False, (25, 41, 25, 9), 1, 1),  # d, worse: it gives 12, 4 to each
        (0.92, 7, 3, 4, False, (28, 44, 28, 0), 2, 1),  # d had 9 to give
        (0.50, 7, 1, 2, True, (24, 52, 24, 0), 0, 1),  # b, not worse: d has nothing to give
    ]
    check(PosterRule(Space(x=Choice("a", "b", "c", "d")), p_eps=0.12), table)


def test_hand_worked_table_of_two_choices():
    """p_ε = 0.3: all of it goes to or comes from the other."""
    table = [
        (0.00, 9, 1, 0, True, (50, 50), 0, 1),  # it starts at b
        (0.10, 10, 0, 1, True, (80, 20), 0, 0),
        (0.90, 10, 1, 2, True, (50, 50), 0, 1),
        (0.60, 9, 1, 2, False, (80, 20), 1, 1),
        (0.85, 8, 1, 2, False, (100, 0), 2, 1),  # b had 20 to give
    ]
    check(PosterRule(Space(x=Choice("a", "b", start="b")), p_eps=0.3), table)


def naive(space, us, scores, p_eps, p_min, i_max, noprog_max, axes):
    """Algorithm 2 as the poster prints it, with its `while`, in fractions; nothing shared."""
    d, p_eps, p_min = len(space.axes), Fraction(p_eps), Fraction(p_min)
    n = [3 if axis.ordered else len(axis.values) for axis in space.axes]
    p = [[Fraction(1, moves)] * moves for moves in n]
    at = [axis.first for axis in space.axes]
    acc_old, noprog, best, i = scores[0], 0, list(at), 1
    path = [(list(at), [0] * d, [list(x) for x in p])]
    while i < i_max and noprog < noprog_max:
        moving = range(d) if axes == "all" else [(i - 1) % d]
        c = [0] * d
        for a in moving:
            u, axis = Fraction(us[i][a]), space.axes[a]
            while u >= sum(p[a][: c[a] + 1]):
                c[a] += 1
            if not axis.ordered:
                at[a] = c[a]
            elif axis.bounds[0] <= at[a] + 1 - c[a] <= axis.bounds[1]:
                at[a] += 1 - c[a]
        better = scores[i] >= acc_old and scores[i] != DIVERGED
        for a in moving:
            others = [j for j in range(n[a]) if j != c[a]]
            if better:
                for j in others:
                    mass = min(p_eps / (n[a] - 1), p[a][j] - p_min)
                    p[a][j], p[a][c[a]] = p[a][j] - mass, p[a][c[a]] + mass
            else:
                mass = min(p_eps, p[a][c[a]] - p_min)
                p[a][c[a]] -= mass
                for j in others:
                    p[a][j] += mass / (n[a] - 1)
            c[a] += 1
        best, noprog = (list(at), 0) if better else (best, noprog + 1)
        path.append((list(at), c, [list(x) for x in p]))
        acc_old, i = scores[i], i + 1
    return path, best


SPACES = {
    "ordered": Space(x=Linear(0.1, 0.8, 0.1, start=0.5)),
    "values": Space(x=Values(16, 32, 64, 128, start=16)),
    "two choices": Space(x=Choice("a", "b")),
    "four choices": Space(x=Choice(*"abcd", start="c")),
    "seven choices": Space(x=Choice(*range(7))),
    "three axes": Space(x=Linear(0.1, 0.8, 0.1), y=Choice(*"abcde"), z=Values(1, 2, 3)),
}


@pytest.mark.parametrize("space", SPACES.values(), ids=list(SPACES))
@pytest.mark.parametrize("axes", ["in_turn", "all"])
@given(
    seed=st.integers(0, 2**32 - 1),
    scores=st.lists(st.integers(0, 5) | st.just(DIVERGED), min_size=40, max_size=40),
    p_eps=st.sampled_from((0.02, 0.1, 0.5, 1.0)),
    p_min=st.sampled_from((0.0, 0.05, 0.125)),
    noprog_max=st.sampled_from((3, 40)),
)
@settings(max_examples=5)
def test_equals_the_naive_implementation(space, axes, seed, scores, p_eps, p_min, noprog_max):
    us = np.random.default_rng(seed).random((40, space.d))
    options = dict(p_eps=p_eps, p_min=p_min, i_max=40, noprog_max=noprog_max, axes=axes)
    want, best = naive(space, us, scores, **options)
    got = follow(PosterRule(space, **options), us, scores)
    assert len(got) == len(want)
    for (asked, told), (at, c, p) in zip(got, want, strict=True):
        assert (asked.position.tolist(), asked.c.tolist()) == (at, c)
        for mine, theirs in zip(told.p, p, strict=True):
            np.testing.assert_allclose(np.asarray(mine) / ONE, np.array(theirs, float), atol=1e-6)
    assert got[-1][1].best.tolist() == best


def test_at_most_i_max_trials_and_i_max_1_tries_the_start_only():
    assert len(follow(PosterRule(LINE, i_max=1), [0] * 5, [0] * 5)) == 1
    assert len(follow(PosterRule(LINE, i_max=4), [0] * 5, [0] * 5)) == 4


def test_a_step_out_of_bounds_is_not_taken_and_still_counts():
    tuner = PosterRule(Space(x=Linear(0.1, 0.5, 0.1, start=0.5)), p_eps=0.1)
    (_, _), (asked, told) = follow(tuner, [0, 0.0], [5, 6])
    assert (asked.position, asked.c, asked.held) == (0, 1, True)
    assert told.p[0][0] > ONE // 3  # up was rewarded


def test_a_trial_that_diverged_is_worse_than_another_that_did():
    """So its step is not rewarded, and λ_best stays where scores are finite."""
    path = follow(PosterRule(LINE), [0, 0.0, 0.0, 0.0], [5, DIVERGED, DIVERGED, DIVERGED])
    assert [bool(told.better) for _, told in path] == [True, False, False, False]
    assert [int(told.best[0]) for _, told in path] == [0, 0, 0, 0]


def test_in_turn_moves_one_axis_an_iteration_and_all_moves_all():
    space = SPACES["three axes"]
    moved = {}
    for axes in ("in_turn", "all"):
        path = follow(PosterRule(space, axes=axes, noprog_max=99), [0.5] * 7, range(7))
        moved[axes] = [np.flatnonzero(asked.c).tolist() for asked, _ in path]
    assert moved["in_turn"] == [[], [0], [1], [2], [0], [1], [2]]
    assert moved["all"] == [[]] + [[0, 1, 2]] * 6


def test_shifting_and_scaling_an_axis_changes_no_decision():
    """Metamorphic: only values know λ0 and ε."""
    paths = []
    for axis in (Linear(0, 1, 0.01), Linear(0.2, 0.4, 0.002), Log(1e-3, 1e3, 0.1, start=0.1)):
        walk, path = Walk(PosterRule(Space(x=axis), i_max=20), seed=3), []
        while not walk.done:
            wanted = walk.ask()
            score = -abs(wanted.position[0] - 2)
            path.append((wanted.position, wanted.asked, walk.tell(score)))
        paths.append(path)
    assert paths[0] == paths[1] == paths[2]


def test_relabelling_choices_relabels_the_walk():
    """A space whose choices are turned by one: draws turned likewise give the walk turned."""
    one = PosterRule(Space(x=Choice(*"abc")), p_eps=0.3, noprog_max=50)
    other = PosterRule(Space(x=Choice(*"cab")), p_eps=0.3, noprog_max=50)
    state, turned = one.init(), other.init()._replace(position=jnp.array([1], jnp.int32))
    draw = np.random.default_rng(0)
    for _ in range(30):
        p = np.asarray(state.p[0])
        c = int(draw.choice(np.flatnonzero(p > 0)))
        u = int(p[:c].sum())  # the least u that takes choice c
        v = int(np.roll(p, 1)[: (c + 1) % 3].sum())
        state, asked = JITTED(one, jnp.array([u], jnp.int32), state)
        turned, same = JITTED(other, jnp.array([v], jnp.int32), turned)
        a, b = int(asked.position[0]), int(same.position[0])
        assert "abc"[a] == "cab"[b]
        score = int(draw.integers(5))
        state, turned = TOLD(one, state, score)[0], TOLD(other, turned, score)[0]
        assert np.roll(state.p[0], 1).tolist() == turned.p[0].tolist()


def test_a_better_score_never_lowers_the_chosen_probability():
    tuner = PosterRule(LINE)
    state, _ = tuner.tell(tuner.ask(jax.random.key(0), tuner.init())[0], 10)
    state, asked = tuner.ask(jax.random.key(1), state)
    c = int(asked.c[0]) - 1
    worse, better = (tuner.tell(state, s)[1].p[0][c] for s in (9, 10))
    assert worse < asked.p[0][c] < better


@pytest.mark.parametrize(
    "change",
    [{"p_eps": 0}, {"p_eps": -0.1}, {"p_eps": 1.5}, {"p_eps": "0.1"}, {"p_min": -0.1}]
    + [{"p_min": 0.4}, {"i_max": 0}, {"noprog_max": 0}, {"i_max": 10**9}, {"i_max": True}]
    + [{"axes": "both"}, {"p_eps": float("nan")}, {"i_max": 2.0}],
)
def test_bad_settings_are_named(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        PosterRule(LINE, **change)


def test_a_floor_must_leave_room_for_every_choice():
    with pytest.raises(ValueError, match="p_min must be from 0 to 0.25"):
        PosterRule(Space(x=Choice(*"abcd"), y=Values(1, 2)), p_min=0.3)
    tuner = PosterRule(Space(x=Choice(*"abcdefg")), p_min=1 / 7)  # all stay where they are
    for _, told in follow(tuner, [0.5] * 4, range(4)):
        assert abs(told.p[0] - tuner.init().p[0]).max() < 20  # units: a floor is a multiple of 4
