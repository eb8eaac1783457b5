"""three_way: symmetries, exactness, and that it climbs every hill that has one top."""

from dataclasses import replace
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmeta.score import DIVERGED
from jaxmeta.tuning import ThreeWay, Walk
from jaxmeta.tuning.moves import DOWN, KEEP, ONE, UP
from jaxmeta.tuning.three_way import PRIOR, SHARE

TUNER = ThreeWay()
LOW, HIGH = TUNER.bounds


def walk(tuner, seed, score):
    """All of a study's (wanted, told); `score` is given k and r."""
    steps, path = Walk(tuner, seed), []
    while not steps.done:
        wanted = steps.ask()
        path.append((wanted, steps.tell(score(wanted.k, wanted.r))))
    return path


def hill(top, noise=0):
    """One top at position `top`; noise that is shared by all positions of a replicate."""
    shift = np.random.default_rng(noise).integers(-noise, noise + 1, 50)
    return lambda k, r: 10_000 - abs(k - top) * 10 + int(shift[r])


@given(st.integers(0, 999), st.integers(LOW, HIGH), st.sampled_from([LOW, -29, 8, HIGH]))
@settings(max_examples=20)
def test_climbs_any_hill_from_anywhere(seed, top, start):
    """Without noise the last word is within two steps of the least width from the top."""
    tuner = replace(TUNER, lr0=TUNER.lattice(start), i_max=40)
    offset = tuner.bounds[0] - LOW  # positions count from λ0
    path = walk(tuner, seed, hill(top + offset, noise=300))
    assert abs(path[-1][1]["k_best"] - top - offset) <= 2 * tuner.step_min


def test_scaling_the_range_changes_no_decision():
    paths = []
    for scale in (1.0, 1e-3, 40.0):
        tuner = ThreeWay(lr0=3e-3 * scale, lr_min=1e-5 * scale, lr_max=scale)
        path = walk(tuner, 5, hill(9))
        paths.append([(wanted.k, wanted.r, wanted.asked, told) for wanted, told in path])
    assert paths[0] == paths[1] == paths[2]


@pytest.mark.parametrize("seed", range(5))
def test_relabelling_up_and_down_mirrors_the_walk(seed):
    """λ0 in the middle of the range; draws, scores and positions turned round."""
    draw = np.random.default_rng(seed)
    top = int(draw.integers(LOW, HIGH))
    us = [3 * int(u) for u in draw.integers(0, ONE // 3, TUNER.i_max)]
    one, other = TUNER.init(), TUNER.init()
    for u in us:
        one, asked = TUNER.move(u, one)
        other, mirrored = TUNER.move(ONE - 1 - u, other)
        assert mirrored.k == -asked.k and mirrored.r == asked.r and mirrored.held == asked.held
        turn = {UP: DOWN, DOWN: UP}
        assert mirrored.c == turn.get(int(asked.c), int(asked.c))
        score = hill(top)(int(asked.k), 0)
        one, told = TUNER.tell(one, score)
        other, told_other = TUNER.tell(other, score)
        assert told_other.k_best == -told.k_best and told_other.better == told.better
        assert told_other.p.tolist() == told.p.tolist()[::-1]


def test_the_range_is_symmetric_about_its_middle():
    """What the mirror rests on."""
    assert LOW == -HIGH and TUNER.lattice(0) == pytest.approx(np.sqrt(1e-5 * 1.0), rel=1e-6)


def test_a_side_move_is_compared_with_the_training_that_it_left_under_the_same_replicate():
    noisy = lambda k, r: int(np.random.default_rng((k + 99, r)).integers(4))  # noqa: E731
    at, scores = 0, {}
    for wanted, told in walk(replace(TUNER, i_max=40), 3, noisy):
        scores[wanted.k, wanted.r] = score = noisy(wanted.k, wanted.r)
        if wanted.asked["c"] in (UP, DOWN):
            assert told["better"] == (score >= scores[at, wanted.r])
        else:
            assert told["better"]  # λ0, and the first training of a replicate
        at = wanted.k if told["better"] else at
    assert max(r for _, r in scores) >= 2


def test_the_next_replicate_begins_when_both_sides_of_the_least_step_are_worse():
    path = walk(replace(TUNER, i_max=30), 1, hill(0))
    first = next(n for n, (wanted, _) in enumerate(path) if wanted.asked["c"] == KEEP)
    tried = {(wanted.k, wanted.r) for wanted, _ in path[:first]}
    assert {(TUNER.step_min, 0), (-TUNER.step_min, 0)} <= tried
    assert path[first][0].r == 1 and path[first][0].k == 0
    assert path[first + 1][0].asked["h"] == TUNER.step_max


def value(ks, rs, scores, k, smooth):
    """The recommendation's formula, in fractions; shares and values are cut as on the device."""
    shares = []
    for r, score in zip(rs, scores, strict=True):
        peers = [s for s, other in zip(scores, rs, strict=True) if other == r]
        beaten = sum(2 * (score > s) + (score == s) for s in peers)
        shares.append(SHARE // 2 * beaten // len(peers))
    near = [max(smooth - abs(k - other), 0) for other in ks]
    above = sum(n * s for n, s in zip(near, shares, strict=True)) + PRIOR * smooth * SHARE // 2
    return 64 * above // (sum(near) + PRIOR * smooth)


@given(st.data())
@settings(max_examples=30)
def test_the_recommendation_is_its_formula(data):
    n = data.draw(st.integers(1, 20))
    ks = data.draw(st.lists(st.integers(LOW, HIGH), min_size=n, max_size=n))
    rs = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    some = st.sampled_from([DIVERGED, -5, 0, 7, 8, 2**31 - 1])
    scores = data.draw(st.lists(some, min_size=n, max_size=n))
    pad = lambda x: jnp.array(x + [1] * (20 - n), jnp.int32)  # noqa: E731 what is not told is not read
    state = TUNER.init()._replace(i=jnp.int32(n), ks=pad(ks), rs=pad(rs), scores=pad(scores))
    finite = [j for j in range(n) if scores[j] != DIVERGED]
    values = {j: value(ks, rs, scores, ks[j], TUNER.smooth) for j in finite}
    best = max(finite, key=lambda j: (values[j], -j)) if finite else 0
    assert int(TUNER.recommend(state)) == ks[best]
    without_cutting = Fraction(values[best], 64 * SHARE) if finite else Fraction(1, 2)
    assert 0 <= without_cutting <= 1


def test_a_training_that_diverged_is_not_recommended_even_if_it_was_the_only_one_of_its_replicate():
    pad = lambda *x: jnp.array([*x] + [0] * 18, jnp.int32)  # noqa: E731
    state = TUNER.init()._replace(i=jnp.int32(2), ks=pad(0, 20), rs=pad(0, 1))
    assert int(TUNER.recommend(state._replace(scores=pad(DIVERGED, 9)))) == 20
    assert int(TUNER.recommend(state._replace(scores=pad(-5, 9)))) == 0  # the control


@pytest.mark.parametrize("top", [LOW - 50, HIGH + 50])
def test_it_climbs_to_a_bound_and_never_beyond(top):
    asked = [wanted for wanted, _ in walk(replace(TUNER, i_max=30), 0, hill(top))]
    assert all(LOW <= wanted.k <= HIGH for wanted in asked)
    assert {LOW if top < 0 else HIGH} <= {wanted.k for wanted in asked}
    assert any(wanted.asked["held"] for wanted in asked)


@pytest.mark.parametrize(("grow", "expected"), [(True, [4, 8, 16, 16]), (False, [4] * 4)])
def test_a_growing_step_doubles_from_the_second_move_in_a_row_on(grow, expected):
    tuner = replace(TUNER, grow=grow)
    state = tuner.init()._replace(i=jnp.int32(3), at=jnp.int32(LOW), h=jnp.int32(4))
    steps = []
    for score in range(4):
        state, _ = tuner.move(0, state)  # up
        state, _ = tuner.tell(state, score)
        steps.append(int(state.h))
    assert steps == expected


def test_sums_stay_within_int32_for_the_most_trainings():
    tuner = replace(TUNER, i_max=1000, smooth=16)
    draw = np.random.default_rng(0)
    ks = draw.integers(-1, 2, 1000).astype(np.int32)  # all near each other
    scores = draw.integers(-(2**31), 2**31, 1000).astype(np.int32)
    rs = np.zeros(1000, np.int32)
    state = tuner.init()._replace(i=jnp.int32(1000), ks=ks, rs=rs, scores=scores)
    values = {k: value(ks.tolist(), rs.tolist(), scores.tolist(), k, 16) for k in (-1, 0, 1)}
    assert max(values.values()) < 2**31
    assert int(jax.jit(tuner.recommend)(state)) == max(values, key=lambda k: values[k])


def test_what_lies_beyond_the_trainings_told_is_never_read():
    state = TUNER.init()
    for n, score in enumerate((3, 5, 4, 9)):
        state, _ = TUNER.ask(jax.random.key(n), state)
        state, _ = TUNER.tell(state, score)
    junk = {name: getattr(state, name).at[4:].set(2**31 - 1) for name in ("ks", "rs", "scores")}
    other = state._replace(**junk)
    assert TUNER.recommend(other) == TUNER.recommend(state)
    _, asked = TUNER.ask(jax.random.key(9), state)
    _, same = TUNER.ask(jax.random.key(9), other)
    assert all((a == b).all() for a, b in zip(asked, same, strict=True))


def test_of_two_trainings_that_diverged_the_slower_is_better():
    """So it comes down from a cliff."""
    at, ups = 0, 0
    for wanted, told in walk(replace(TUNER, i_max=30), 0, lambda k, r: DIVERGED):
        if wanted.asked["c"] in (UP, DOWN):
            assert told["better"] == (wanted.k <= at)
            ups += wanted.k > at
        at = wanted.k if told["better"] else at
    assert ups and at == LOW

    cliff = lambda k, r: DIVERGED if k > -20 else 100 + k  # noqa: E731
    path = walk(replace(TUNER, lr0=0.9), 2, cliff)
    assert TUNER.lattice(LOW) < 0.9 and path[-1][1]["k_best"] + 1 < 0
    last = path[-1][0]
    assert any(cliff(wanted.k, 0) != DIVERGED for wanted, _ in path), last


def test_the_middle_of_the_range_comes_second_where_the_start_is_far_from_it():
    far = walk(ThreeWay(lr0=1e-5), 0, hill(0))
    assert far[1][0].values["learning_rate"] == pytest.approx(np.sqrt(1e-5), rel=0.05)
    near = walk(ThreeWay(lr0=4e-3), 0, hill(0))
    assert abs(near[1][0].k) == TUNER.step_max


@pytest.mark.parametrize(
    "bad",
    [{"lr_min": 2.0}, {"step_min": 0}, {"step_max": 1}, {"i_max": 0}, {"i_max": 1001}]
    + [{"smooth": -1}, {"p_min": 0.4}, {"lr0": 5.0}, {"eps": 0}],
)
def test_bad_settings_are_named(bad):
    name = next(iter(bad))
    with pytest.raises(ValueError, match="steps must be" if "step" in name else name):
        ThreeWay(**bad)
