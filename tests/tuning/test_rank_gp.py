"""RankGP: what it tries, when again, what it stands for, and what a prior does to it."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from jaxmeta import tuning
from jaxmeta.score import DIVERGED
from jaxmeta.space import Choice, Linear, Log, Space, Values
from jaxmeta.tuning import RankGP, Walk, candidates, gaussian
from jaxmeta.tuning.earlier import SHARE, Earlier, Evidence, Row, trust
from jaxmeta.tuning.gaussian import ONE

SPACE = Space(x=Log(1e-4, 1.0, 0.2), n=Values(1, 2, 4, 8, 16, 32), how=Choice("a", "b", "c"))
BEST = (17, 4, 2)


def score(position, r=0):
    """Highest at BEST; a replicate moves it a little."""
    x, n, how = (k - best for k, best in zip(position, BEST, strict=True))
    return -(x**2) - 40 * n**2 - 600 * (how != 0) + 7 * r


def walked(tuner, n, score=score, seed=0):
    walk, path = Walk(tuner, seed), []
    while walk.i < n and not walk.done:
        asked = walk.ask()
        told = walk.tell(score(asked.position, asked.r))
        path.append((asked, told))
    return path, walk


def earlier(share=lambda s: s, seed=7):
    """Forty random trainings of a task like this one."""
    draw = np.random.default_rng(seed)
    low, high = SPACE.bounds
    at = [tuple(map(int, draw.integers(low, np.array(high) + 1))) for _ in range(40)]
    ranks = np.argsort(np.argsort([score(k) for k in at], kind="stable"))
    rows = [Row(k, int(share(SHARE * (2 * r + 1) // 80))) for k, r in zip(at, ranks, strict=True)]
    return Earlier("ab" * 32, ("like this one",), (), (tuple(rows),))


def test_it_finds_the_best_of_several_axes_that_random_search_does_not():
    def best(make):
        return [walked(make(SPACE, 30), 30, seed=seed)[1].recommended for seed in range(5)]

    found = best(RankGP)
    assert np.mean(list(map(score, found))) > np.mean(list(map(score, best(tuning.Random)))) + 20
    assert all(position[2] == BEST[2] for position in found)


def test_no_training_is_asked_for_twice_and_the_best_position_is_tried_again_in_time():
    path, walk = walked(RankGP(SPACE, 60, keep=10), 60)
    names = [(asked.position, asked.r) for asked, _ in path]
    assert len(set(names)) == len(names) == 60
    tried = [position for position, _ in names]
    for n, (position, r) in enumerate(names):
        assert r == tried[:n].count(position)
    again = [n for n, (asked, _) in enumerate(path) if asked.asked["again"]]
    assert again and again[0] >= 10 and max(r for _, r in names) >= 2
    never, _ = walked(RankGP(SPACE, 60, keep=1000), 60)
    assert not any(asked.asked["again"] for asked, _ in never)


def test_with_a_prior_the_best_position_is_tried_again_twice_as_often():
    def again(prior):
        path, _ = walked(RankGP(SPACE, 12, keep=2, prior=prior), 12)
        return [asked.asked["again"] for asked, _ in path[1:]]

    assert all(again(earlier())) and not all(again(None))


def test_it_recommends_by_posterior_and_replicates_and_not_by_the_posterior_alone():
    draw, otherwise = np.random.default_rng(0), 0
    noise = draw.integers(-900, 900, 100).tolist()
    walk = Walk(RankGP(SPACE, 40, keep=3), 0)
    while not walk.done:
        asked = walk.ask()
        walk.tell(score(asked.position) + noise[walk.i])
        n, state = walk.i, walk.state
        told, scores = state.positions[:n], state.scores[:n]
        beaten = [((s > scores).sum() + (s >= scores).sum()) / (2 * n) for s in scores]
        same = (told[:, None] == told).all(-1)
        value = (same @ np.square(beaten) + state.mean[:n] / ONE) / (same.sum(1) + 1)
        best = value[(told == walk.recommended).all(1)].max()
        assert best > value.max() - 0.001
        otherwise += not (told[state.mean[:n].argmax()] == walk.recommended).all()
    assert otherwise


def test_a_space_with_fewer_positions_than_trainings_is_tried_out_and_goes_on_with_replicates():
    space = Space(how=Choice("a", "b"), n=Values(1, 2))
    path, walk = walked(RankGP(space, 20), 20, lambda k, r: (k == (1, 0)) * 100)
    assert walk.recommended == (1, 0) and len({asked.position for asked, _ in path}) == 4


def test_only_the_best_share_counts_where_everything_else_diverged():
    path, walk = walked(RankGP(SPACE, 12), 12, lambda k, r: 5 if k[2] == 1 else DIVERGED)
    finite = {asked.position for asked, _ in path if asked.position[2] == 1}
    assert finite and walk.recommended in finite


def test_a_prior_begins_with_its_best_and_finds_the_best_sooner():
    plain, learned = RankGP(SPACE, 12), RankGP(SPACE, 12, prior=earlier())
    assert len(learned.portfolio) >= 2 and len(plain.portfolio) == 0
    path, _ = walked(learned, 6)
    assert path[0][0].position == tuple(learned.portfolio[0]) and path[1][0].position == SPACE.start
    best = [
        np.median([score(walked(tuner, 6, seed=seed)[1].recommended) for seed in range(3)])
        for tuner in (plain, learned)
    ]
    assert best[1] > best[0]


def test_trust_grows_for_a_prior_that_is_right_and_ends_for_one_that_misleads():
    def trusted(prior):
        return [told["trust"][0] for _, told in walked(RankGP(SPACE, 8, prior=prior), 8)[0]]

    assert min(trusted(earlier())) > 700 and trusted(earlier(lambda s: SHARE - s))[4:] == [0] * 4
    ever = RankGP(SPACE, 15, trust=100_000, prior=earlier(lambda s: SHARE - s))
    assert walked(ever, 15)[0][-1][1]["trust"][0] > 900


def test_trust_in_numbers():
    con, dis = np.array([[0, 0, 30, 499_500], [0, 30, 0, 0]], np.int32)
    assert trust(con, dis, 10).tolist() == [1024, 0, 1024, 1024]
    assert trust(np.array([20], np.int32), np.array([10], np.int32), 10).tolist() == [256]
    assert trust(con, dis, 100_000).min() >= 0


def test_an_axis_that_an_earlier_task_does_not_tell_of_makes_no_difference():
    told = Evidence(SPACE, [[Row((3, 2, None), 4000), Row((-5, 0, None), 100)]])
    at = np.array([[200, 100, how] for how in range(3)], np.int32)
    means = told.means(at)
    assert (means == means[:, :1]).all()


def test_the_portfolio_covers_tasks_that_want_different_things():
    tasks = [
        [Row((20, 5, 0), 4096), Row((-20, 0, 2), 0)],
        [Row((-20, 0, 2), 4096), Row((20, 5, 0), 0)],
    ]
    both = Evidence(SPACE, tasks).portfolio.tolist()
    assert [20, 5, 0] in both and [-20, 0, 2] in both


def test_an_earlier_task_is_read_more_smoothly_than_the_studys_own_trainings():
    told = Evidence(SPACE, [[Row((20, 0, 0), 4096)]])
    at = gaussian.coordinates(SPACE.axes, np.array([[20, 0, 0], [0, 0, 0]]))
    near, away = told.means(at)[0].tolist()
    own = int(gaussian.kernel(SPACE.axes, at[:1], at[1:])[0, 0])
    assert 0 < away < near and away * ONE > 1.3 * own * near


def test_decisions_are_those_of_version_2():
    """Where these change on purpose, the version goes up: old records are replayed with it."""
    plain, _ = walked(RankGP(SPACE, 12), 12)
    learned, _ = walked(RankGP(SPACE, 12, prior=earlier()), 12)
    assert RankGP.version == 2
    assert [asked.position for asked, _ in plain[3:8]] == [
        *[(25, 0, 2), (3, 0, 2), (25, 0, 0), (25, 2, 2), (25, 4, 2)],
    ]
    assert [asked.position for asked, _ in learned[-5:]] == [
        *[(25, 4, 2), (12, 5, 2), (16, 4, 2), (16, 4, 2), (16, 4, 0)],
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"digest": "0"}, "64 hexadecimal digits"),
        ({"sources": ("a\x1b[2J",)}, "printable"),
        ({"sources": ()}, "a source of each"),
        ({"tasks": ((Row((99, 0, 0), 1),),)}, "position of the space"),
        ({"tasks": ((Row((0, 0), 1),),)}, "position of the space"),
        ({"tasks": ((Row((0, True, 0), 1),),)}, "position of the space"),
        ({"tasks": ((Row((0, 0, 0), SHARE + 1),),)}, "share"),
        ({"tasks": ((Row((0, 0, 0), 1),) * 41,)}, "trainings a task"),
    ],
)
def test_a_prior_of_another_form_is_met_at_the_door(change, words):
    with pytest.raises(ValueError, match=words):
        RankGP(SPACE, prior=replace(earlier(), **change))


def test_a_move_on_the_longest_axis_goes_the_way_that_was_drawn_and_ends_at_its_ends():
    space = Space(x=Linear(-3e38, 3e38, points="every"))
    (axis,), ((low,), (high,)) = space.axes, space.bounds
    drawn = np.linspace(0, 2**32 - 1, 12).astype(np.uint32)
    by = [(high - low) * times // 72 for times in candidates.TIMES]
    for k in (low, low // 2, 0, high // 2, high):
        moved = candidates._moved(axis, np.full(12, k, np.int32), drawn)
        expected = [min(max(k + step, low), high) for step in [*(-s for s in by[::-1]), *by]]
        assert moved.tolist() == expected
        assert (jax.jit(lambda k: candidates._moved(axis, k, drawn))(np.full(12, k)) == moved).all()


def test_the_longest_axes_and_scores_at_the_ends_stay_within_int32():
    """Of every float32, with scores at the ends of int32."""
    space = Space(x=Linear(-3e38, 3e38, points="every"), y=Log(1e-30, 1e30, points=2**20))
    path, walk = walked(RankGP(space, 30), 30, lambda k, r: 2**31 - 1 if k[0] > 0 else -(2**31))
    low, high = space.bounds
    for asked, _ in path:
        assert all(a <= k <= b for a, k, b in zip(low, asked.position, high, strict=True))
    assert len({asked.position[0] > 0 for asked, _ in path}) == 2
    assert abs(walk.state.inverse).max() < 2**18 and abs(walk.state.alpha).max() < 2**20
