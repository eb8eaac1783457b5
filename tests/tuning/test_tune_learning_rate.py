"""Algorithm 2 against a hand-worked table, and against a naive second implementation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmeta.tuning import Lattice, TuneLearningRate, Walk
from jaxmeta.tuning.moves import ONE


def follow(tuner, us, scores):
    """The path of `tuner` for given draws (fractions of 1) and scores."""
    state, path = tuner.init(), []
    for u, score in zip(us, scores, strict=True):
        if tuner.done(state):
            break
        state, asked = tuner.move(jnp.int32(int(u * ONE)), state)
        state, told = tuner.tell(state, score)
        path.append((asked, told))
    return path


def test_hand_worked_table():
    """λ0 = 0.5, ε = 0.1, p_ε = 0.12; worked with pencil and paper, probabilities in hundredths."""
    #   u     score   k   c  better   100 p after (p1, p2, p3)      noprog  k_best
    table = [
        (None, 100, 0, 0, True, (33.333, 33.333, 33.333), 0, 0),  # λ0: nothing to compare with
        (0.10, 110, 1, 1, True, (45.333, 27.333, 27.333), 0, 1),  # up, better
        (0.40, 110, 2, 1, True, (57.333, 21.333, 21.333), 0, 2),  # up, equal counts as not worse
        (0.60, 90, 2, 2, False, (63.333, 9.333, 27.333), 1, 2),  # keep, worse: 2 gives 12
        (0.99, 95, 1, 3, True, (57.333, 3.333, 39.333), 0, 1),  # down; better than the *previous*
        (0.59, 80, 1, 2, False, (59.0, 0.0, 41.0), 1, 1),  # keep had 3.333 to give, half to each
        (0.00, 70, 2, 1, False, (47.0, 6.0, 47.0), 2, 1),  # up, worse
        (0.53, 60, 1, 3, False, (53.0, 12.0, 35.0), 3, 1),  # down, worse: the third in a row
    ]
    tuner = TuneLearningRate(Lattice(0.5, 0.1), p_eps=0.12, i_max=100, noprog_max=3)
    path = follow(tuner, [row[0] or 0 for row in table] + [0.5], [row[1] for row in table] + [0])
    assert len(path) == len(table)  # noprog_max = 3 ended it
    for (asked, told), (_, _, k, c, better, p, noprog, k_best) in zip(path, table, strict=True):
        assert (asked.k, asked.c, told.better) == (k, c, better)
        assert (told.noprog, told.k_best) == (noprog, k_best)
        np.testing.assert_allclose(100 * np.asarray(told.p, float) / ONE, p, atol=1e-3)
    assert tuner.values(1) == {"learning_rate": float(np.float32(0.6))}


def naive(us, scores, lr0, eps, p_eps, p_min, i_max, noprog_max, lr_min, lr_max):
    """Algorithm 2 as the poster prints it, in Python floats, with its `while`; nothing shared."""
    acc_old, p, lr, noprog, best, i = scores[0], [1 / 3] * 3, lr0, 0, lr0, 1
    path = [(lr, 0, list(p))]
    while i < i_max and noprog < noprog_max:
        c = 0 if us[i] < p[0] else 1 if us[i] < p[0] + p[1] else 2
        there = lr + (eps, 0.0, -eps)[c]
        if lr_min - 1e-12 <= there <= lr_max + 1e-12:
            lr = there
        acc_new = scores[i]
        others = [j for j in range(3) if j != c]
        if acc_new >= acc_old:
            for j in others:
                mass = min(p_eps / 2, p[j] - p_min)
                p[j], p[c] = p[j] - mass, p[c] + mass
            best, noprog = lr, 0
        else:
            mass = min(p_eps, p[c] - p_min)
            p[c] -= mass
            for j in others:
                p[j] += mass / 2
            noprog += 1
        path.append((lr, c + 1, list(p)))
        acc_old, i = acc_new, i + 1
    return path, best


@given(
    seed=st.integers(0, 2**32 - 1),
    scores=st.lists(st.integers(0, 5), min_size=40, max_size=40),
    p_eps=st.sampled_from((0.02, 0.1, 0.5, 1.0)),
    p_min=st.sampled_from((0.0, 0.05, 0.25)),
    i_max=st.integers(1, 40),
    noprog_max=st.integers(1, 10),
)
@settings(max_examples=40)
def test_equals_the_naive_implementation(seed, scores, p_eps, p_min, i_max, noprog_max):
    us = np.random.default_rng(seed).random(40)
    options = dict(p_eps=p_eps, p_min=p_min, i_max=i_max, noprog_max=noprog_max)
    want, best = naive(us, scores, 0.5, 0.1, lr_min=0.1, lr_max=0.8, **options)
    tuner = TuneLearningRate(Lattice(0.5, 0.1, lr_min=0.1, lr_max=0.8), **options)
    got = follow(tuner, us, scores)
    assert len(got) == len(want)
    for (asked, told), (lr, c, p) in zip(got, want, strict=True):
        assert asked.c == c
        assert tuner.values(int(asked.k))["learning_rate"] == pytest.approx(lr, rel=1e-6)
        np.testing.assert_allclose(told.p / ONE, p, atol=1e-6)
    assert tuner.values(int(got[-1][1].k_best))["learning_rate"] == pytest.approx(best, rel=1e-6)


def test_at_most_i_max_trainings_and_i_max_1_trains_lr0_only():
    assert len(follow(TuneLearningRate(i_max=1), [0] * 5, [0] * 5)) == 1
    assert len(follow(TuneLearningRate(i_max=4), [0] * 5, [0] * 5)) == 4


def test_a_step_out_of_bounds_is_not_taken_and_still_counts():
    tuner = TuneLearningRate(Lattice(0.5, 0.1, lr_max=0.5), p_eps=0.1)
    (_, _), (asked, told) = follow(tuner, [0, 0.0], [5, 6])
    assert (asked.k, asked.c, asked.held) == (0, 1, True)
    assert told.p[0] > ONE // 3  # up was rewarded


def test_shifting_and_scaling_the_lattice_changes_no_decision():
    """Metamorphic: only λ(k) knows λ0 and ε."""
    paths = []
    for lattice in (Lattice(0.5, 0.01), Lattice(0.3, 0.002), Lattice(0.1, 0.1, "logarithmic")):
        walk, path = Walk(TuneLearningRate(lattice, i_max=20), seed=3), []
        while not walk.done:
            wanted = walk.ask()
            path.append((wanted.k, wanted.asked, walk.tell(-abs(wanted.k - 2))))
        paths.append(path)
    assert paths[0] == paths[1] == paths[2]


def test_a_better_score_never_lowers_the_chosen_probability():
    tuner = TuneLearningRate()
    state, _ = tuner.tell(tuner.ask(jax.random.key(0), tuner.init())[0], 10)
    state, asked = tuner.ask(jax.random.key(1), state)
    worse, better = (tuner.tell(state, s)[1].p[asked.c - 1] for s in (9, 10))
    assert worse < asked.p[asked.c - 1] < better


@pytest.mark.parametrize(
    "change",
    [{"p_eps": 0}, {"p_eps": -0.1}, {"p_eps": 1.5}, {"p_min": -0.1}, {"p_min": 0.4}]
    + [{"i_max": 0}, {"noprog_max": 0}],
)
def test_bad_settings_are_named(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        TuneLearningRate(**change)
