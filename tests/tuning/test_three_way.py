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
from jaxmeta.space import Choice, Linear, Log, Space, Values
from jaxmeta.tuning import ThreeWay, Walk
from jaxmeta.tuning.kernel import PRIOR, SHARE
from jaxmeta.tuning.moves import DOWN, KEEP, ONE, UP

RANGE = Log(1e-5, 1.0, 0.1)
TUNER = ThreeWay(Space(x=RANGE))
LOW, HIGH = RANGE.bounds


def from_(start, **options):
    """On the same range from another start; position 0 is there."""
    return ThreeWay(Space(x=Log(1e-5, 1.0, 0.1, start=start)), **options)


def walk(tuner, seed, score):
    """All of a study's (suggestion, told); `score` is given the position and r."""
    steps, path = Walk(tuner, seed), []
    while not steps.done:
        wanted = steps.ask()
        k = wanted.position if tuner.space.d > 1 else wanted.position[0]
        path.append((wanted, steps.tell(score(k, wanted.r))))
    return path


def hill(top, noise=0):
    """One top at position `top`; noise that is shared by all positions of a replicate."""
    shift = np.random.default_rng(noise).integers(-noise, noise + 1, 50)
    return lambda k, r: 10_000 - abs(k - top) * 10 + int(shift[r])


@given(st.integers(0, 999), st.integers(LOW, HIGH), st.sampled_from([LOW, -29, 8, HIGH]))
@settings(max_examples=20)
def test_climbs_any_hill_from_anywhere(seed, top, start):
    """Without noise the last word is within two steps of the least width from the top."""
    tuner = from_(RANGE.value(start), i_max=40)
    offset = tuner.space.bounds[0][0] - LOW  # positions count from the start
    path = walk(tuner, seed, hill(top + offset, noise=300))
    assert abs(path[-1][1]["best"][0] - top - offset) <= 2 * tuner.step_min


def test_scaling_the_range_changes_no_decision():
    paths = []
    for scale in (1.0, 1e-3, 40.0):
        tuner = ThreeWay(Space(x=Log(1e-5 * scale, scale, 0.1, start=3e-3 * scale)))
        path = walk(tuner, 5, hill(9))
        paths.append([(wanted.position, wanted.r, wanted.asked, told) for wanted, told in path])
    assert paths[0] == paths[1] == paths[2]


@pytest.mark.parametrize("seed", range(5))
def test_relabelling_up_and_down_mirrors_the_walk(seed):
    """The start in the middle of the range; draws, scores and positions turned round."""
    draw = np.random.default_rng(seed)
    top = int(draw.integers(LOW, HIGH))
    us = [3 * int(u) for u in draw.integers(0, ONE // 3, TUNER.i_max)]
    one, other = TUNER.init(), TUNER.init()
    for u in us:
        one, asked = TUNER.move(jnp.array([u], jnp.int32), one)
        other, mirrored = TUNER.move(jnp.array([ONE - 1 - u], jnp.int32), other)
        assert (
            mirrored.position == -asked.position
            and mirrored.r == asked.r
            and mirrored.held == asked.held
        )
        turn = {UP: DOWN, DOWN: UP}
        assert mirrored.c == turn.get(int(asked.c[0]), int(asked.c[0]))
        score = hill(top)(int(asked.position[0]), 0)
        one, told = TUNER.tell(one, score)
        other, told_other = TUNER.tell(other, score)
        assert told_other.best == -told.best and told_other.better == told.better
        assert told_other.p[0].tolist() == told.p[0].tolist()[::-1]


def test_the_range_is_symmetric_about_its_middle():
    """What the mirror rests on."""
    assert LOW == -HIGH and RANGE.value(0) == pytest.approx(np.sqrt(1e-5 * 1.0), rel=1e-6)


def test_a_side_move_is_compared_with_the_training_that_it_left_under_the_same_replicate():
    noisy = lambda k, r: int(np.random.default_rng((k + 99, r)).integers(4))  # noqa: E731
    at, scores = 0, {}
    for wanted, told in walk(replace(TUNER, i_max=40), 3, noisy):
        scores[wanted.position[0], wanted.r] = score = noisy(wanted.position[0], wanted.r)
        if wanted.asked["c"][0] in (UP, DOWN):
            assert told["better"] == (score >= scores[at, wanted.r])
        else:
            assert told["better"]  # the start, and the first training of a replicate
        at = wanted.position[0] if told["better"] else at
    assert max(r for _, r in scores) >= 2


def test_the_next_replicate_begins_when_both_sides_of_the_least_step_are_worse():
    path = walk(replace(TUNER, i_max=30), 1, hill(0))
    first = next(n for n, (wanted, _) in enumerate(path) if wanted.asked["c"][0] == KEEP)
    tried = {(wanted.position[0], wanted.r) for wanted, _ in path[:first]}
    assert {(TUNER.step_min, 0), (-TUNER.step_min, 0)} <= tried
    assert path[first][0].r == 1 and path[first][0].position == (0,)
    assert path[first + 1][0].asked["h"][0] == TUNER.step_max


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
    state = TUNER.init()._replace(
        i=jnp.int32(n), positions=pad(ks)[:, None], rs=pad(rs), scores=pad(scores)
    )
    finite = [j for j in range(n) if scores[j] != DIVERGED]
    values = {j: value(ks, rs, scores, ks[j], TUNER.smooth) for j in finite}
    best = max(finite, key=lambda j: (values[j], -j)) if finite else 0
    assert int(TUNER.recommend(state)[0]) == ks[best]
    without_cutting = Fraction(values[best], 64 * SHARE) if finite else Fraction(1, 2)
    assert 0 <= without_cutting <= 1


def test_a_training_that_diverged_is_not_recommended_even_if_it_was_the_only_one_of_its_replicate():
    pad = lambda *x: jnp.array([*x] + [0] * 18, jnp.int32)  # noqa: E731
    state = TUNER.init()._replace(i=jnp.int32(2), positions=pad(0, 20)[:, None], rs=pad(0, 1))
    assert int(*TUNER.recommend(state._replace(scores=pad(DIVERGED, 9)))) == 20
    assert int(*TUNER.recommend(state._replace(scores=pad(-5, 9)))) == 0  # the control


@pytest.mark.parametrize("top", [LOW - 50, HIGH + 50])
def test_it_climbs_to_a_bound_and_never_beyond(top):
    asked = [wanted for wanted, _ in walk(replace(TUNER, i_max=30), 0, hill(top))]
    assert all(LOW <= wanted.position[0] <= HIGH for wanted in asked)
    assert {LOW if top < 0 else HIGH} <= {wanted.position[0] for wanted in asked}
    assert any(wanted.asked["held"][0] for wanted in asked)


def test_sums_stay_within_int32_for_the_most_trainings():
    tuner = replace(TUNER, i_max=1000, smooth=16)
    draw = np.random.default_rng(0)
    ks = draw.integers(-1, 2, 1000).astype(np.int32)  # all near each other
    scores = draw.integers(-(2**31), 2**31, 1000).astype(np.int32)
    rs = np.zeros(1000, np.int32)
    state = tuner.init()._replace(i=jnp.int32(1000), positions=ks[:, None], rs=rs, scores=scores)
    values = {k: value(ks.tolist(), rs.tolist(), scores.tolist(), k, 16) for k in (-1, 0, 1)}
    assert max(values.values()) < 2**31
    assert int(jax.jit(tuner.recommend)(state)[0]) == max(values, key=lambda k: values[k])


def test_what_lies_beyond_the_trainings_told_is_never_read():
    state = TUNER.init()
    for n, score in enumerate((3, 5, 4, 9)):
        state, _ = TUNER.ask(jax.random.key(n), state)
        state, _ = TUNER.tell(state, score)
    junk = {
        name: jnp.asarray(getattr(state, name)).at[4:].set(2**31 - 1)
        for name in ("positions", "rs", "scores")
    }
    other = state._replace(**junk)
    assert TUNER.recommend(other) == TUNER.recommend(state)
    _, asked = TUNER.ask(jax.random.key(9), state)
    _, same = TUNER.ask(jax.random.key(9), other)
    assert all((a == b).all() for a, b in zip(*map(jax.tree.leaves, (asked, same)), strict=True))


def test_of_two_trainings_that_diverged_the_slower_is_better():
    """So it comes down from a cliff."""
    at, ups = 0, 0
    for wanted, told in walk(replace(TUNER, i_max=30), 0, lambda k, r: DIVERGED):
        if wanted.asked["c"][0] in (UP, DOWN):
            assert told["better"] == (wanted.position[0] <= at)
            ups += wanted.position[0] > at
        at = wanted.position[0] if told["better"] else at
    assert ups and at == LOW

    cliff = lambda k, r: DIVERGED if k > -20 else 100 + k  # noqa: E731
    path = walk(from_(0.9), 2, cliff)
    assert path[-1][1]["best"][0] + 1 < 0
    last = path[-1][0]
    assert any(cliff(wanted.position[0], 0) != DIVERGED for wanted, _ in path), last


def test_the_middle_of_the_range_comes_second_where_the_start_is_far_from_it():
    far = walk(from_(1e-5), 0, hill(0))
    assert far[1][0].values["x"] == pytest.approx(np.sqrt(1e-5), rel=0.05)
    near = walk(from_(4e-3), 0, hill(0))
    assert abs(near[1][0].position[0]) == TUNER.step_max


@pytest.mark.parametrize("top", [LOW - 50, HIGH + 50])
@pytest.mark.parametrize("start", [1e-5, None, 1.0])
def test_no_move_goes_nowhere(top, start):
    """A side that a bound cuts off is shut, whenever sides open."""
    tuner, at, sides = from_(start, i_max=60), None, 0
    for wanted, told in walk(tuner, 1, hill(10 * top)):
        if wanted.asked["c"][0] in (UP, DOWN):
            assert wanted.position[0] != at
            sides += 1
        at = wanted.position[0] if told["better"] else at
    assert sides > 20 and at in tuner.space.bounds[0] + tuner.space.bounds[1]


FOUR = Space(
    rate=RANGE, width=Values(16, 32, 64, 128), how=Choice(*"abcde"), dropout=Linear(0, 0.8, 0.1)
)
TOP = (20, 3, 2, -3)


def mountain(top=TOP):
    """One top; choices are apart by their distance from it too, which the tuner does not know."""
    weights = (1, 20, 25, 12)
    return lambda k, r: -sum(w * abs(x - y) for w, x, y in zip(weights, k, top, strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_climbs_a_mountain_of_four_axes(seed):
    path = walk(ThreeWay(FOUR, i_max=120), seed, mountain())
    best = path[-1][1]["best"]
    assert best[1:3] == list(TOP[1:3])
    assert abs(best[0] - TOP[0]) <= 4 and abs(best[3] - TOP[3]) <= 1


def test_one_axis_moves_at_a_time_until_it_is_exhausted_and_then_its_step_halves():
    """Followed by a second account of the rule: which moves were tried since the turn began."""
    tuner = ThreeWay(FOUR, i_max=120)
    path = walk(tuner, 0, mountain())
    steps, at, r, tried, last = list(tuner.first_steps), list(tuner.space.start), 0, set(), None
    assert tuner.first_steps == (16, 1, 2, 4) and tuner.least_steps == (2, 1, 1, 1)
    turns = []
    for wanted, told in path[1:]:
        moved = np.flatnonzero(wanted.asked["c"])
        assert len(moved) == 1
        (a,) = moved
        if a != last or wanted.r != r:
            turns.append(int(a))
            tried = set()
        if wanted.r == r:
            assert wanted.position[a] != at[a] and wanted.position[a] not in tried
            assert [k for j, k in enumerate(wanted.position) if j != a] == at[:a] + at[a + 1 :]
            if a != 2:
                away = abs(wanted.position[a] - at[a])
                held = wanted.asked["held"][a]
                assert away == wanted.asked["h"][a] or held and away < wanted.asked["h"][a]
        else:
            assert list(wanted.position) == at and wanted.r == r + 1
            steps, turns = list(tuner.first_steps), []
            a = None
        tried.add(wanted.position[a] if a is not None else None)
        at = list(wanted.position) if told["better"] else at
        r, last = wanted.r, a
    assert steps and r >= 1  # every axis was exhausted: the next replicate began


def test_the_next_replicate_begins_when_every_axis_is_exhausted_at_its_least_step():
    """At the top from the start: how many trials that takes is known."""
    space = Space(x=Linear(0, 1, points=17), y=Choice("a", "b", "c"))
    tuner = ThreeWay(space, i_max=40)
    assert (tuner.first_steps, tuner.least_steps) == ((8, 1), (2, 1))
    path = walk(tuner, 3, lambda k, r: 100 - abs(k[0] - 8) - 5 * (k[1] != 0))
    moves = [(int(np.flatnonzero(w.asked["c"])[0]), w.asked["h"][0], w.r) for w, _ in path[1:]]
    # x at 8, y, x at 4, y, x at 2: then both were exhausted at their least steps in a row.
    turns = [(0, 8), (0, 8), (1, 4), (1, 4), (0, 4), (0, 4), (1, 2), (1, 2), (0, 2), (0, 2)]
    assert [(a, h) for a, h, r in moves[: len(turns)]] == turns
    assert moves[len(turns)] == (0, 8, 1)  # keep, with the first steps again
    assert path[len(turns) + 1][0].position == (8, 0)
    assert moves[len(turns) + 1] == (0, 8, 1)


def test_axes_far_from_their_middles_jump_there_together():
    space = Space(
        x=Log(1e-5, 1.0, 0.1, start=1e-5), y=Choice("a", "b"), z=Values(*range(9), start=8)
    )
    path = walk(ThreeWay(space), 0, lambda k, r: 0)
    middle = sum(space.axes[0].bounds) // 2
    assert path[1][0].position == (middle, 0, 4) and path[1][0].asked["c"] == [UP, 0, DOWN]
    path = walk(ThreeWay(space, range_test=False), 0, lambda k, r: 0)
    assert np.count_nonzero(path[1][0].asked["c"]) == 1


def recommended(axis, positions, scores):
    """What is stood for after trials of one replicate; `axis` is the second of two."""
    tuner = ThreeWay(Space(x=Values(1, 2), y=axis), i_max=len(scores))
    where = jnp.array([[0, k] for k in positions], jnp.int32)
    told = dict(i=jnp.int32(len(scores)), positions=where, scores=jnp.array(scores, jnp.int32))
    return int(tuner.recommend(tuner.init()._replace(**told))[1])


def test_another_choice_is_no_neighbour_and_few_positions_are_far_apart():
    """The best score has four bad ones beside it, which count where the axis is long alone."""
    positions, scores = [0, 1, 1, 1, 1, 3], [12, 1, 2, 3, 4, 11]
    assert recommended(Choice(*"abcd"), positions, scores) == 0
    assert recommended(Values(1, 2, 3, 4), positions, scores) == 0
    assert recommended(Linear(0, 1, points=99), positions, scores) == 3  # the control


def test_of_two_choices_that_diverged_neither_is_better():
    tuner = ThreeWay(Space(x=Choice(*"abc")))
    assert all(not told["better"] for _, told in walk(tuner, 0, lambda k, r: DIVERGED)[1:3])


@pytest.mark.parametrize(
    "bad",
    [{"step_min": 0}, {"step_min": 17}, {"step_max": 0}, {"i_max": 0}, {"i_max": 1001}]
    + [{"smooth": -1}, {"smooth": 17}, {"smooth": 6.0}, {"range_test": 1}],
)
def test_bad_settings_are_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        ThreeWay(Space(x=RANGE), **bad)
