"""Algorithm 1 and the probability update: exact properties, inside and at the border."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jaxmeta import keys
from jaxmeta.space import Choice, Linear, Values
from jaxmeta.tuning import moves
from jaxmeta.tuning.moves import DOWN, KEEP, ONE, UP, units

CHOICES = st.sampled_from((UP, KEEP, DOWN))
OUTCOMES = st.lists(st.tuples(CHOICES, st.booleans()), min_size=100, max_size=100)
THIRDS = jnp.full(3, ONE // 3, jnp.int32)
P_EPS = st.floats(0.001, 1.0)
P_MIN = st.floats(0.0, 1 / 3)


@st.composite
def masses(draw, floor=0, n=3):
    """Any point of the simplex whose masses are at least `floor` units."""
    free = ONE - n * floor
    cuts = sorted(draw(st.lists(st.integers(0, free), min_size=n - 1, max_size=n - 1)))
    parts = np.diff([0, *cuts, free]) + floor
    return jnp.array(parts, jnp.int32)


@jax.jit
def run(p, outcomes, p_eps, p_min):
    def body(p, outcome):
        p = moves.update(p, outcome[0], outcome[1].astype(bool), p_eps, p_min)
        return p, p

    return jax.lax.scan(body, p, outcomes)[1]


@given(OUTCOMES, P_EPS, P_MIN)
def test_stays_on_the_simplex_for_any_sequence_of_outcomes(outcomes, p_eps, p_min):
    path = np.asarray(
        run(THIRDS, np.array(outcomes, np.int32), units(p_eps), units(p_min)), np.int64
    )
    assert (path.sum(axis=1) == ONE).all()
    assert (path >= min(units(p_min), ONE // 3)).all()


@given(masses(), CHOICES, st.booleans(), P_EPS)
def test_inside_the_simplex_it_is_the_posters_rule(p, c, better, p_eps):
    e = units(p_eps)
    sign = 1 if better else -1
    poster = [int(m) + (sign * e if j == c else -sign * e // 2) for j, m in enumerate(p, 1)]
    if min(poster) < 0:
        return  # the poster's rule would leave the simplex: the border tests take over
    chex.assert_trees_all_equal(moves.update(p, c, better, e, 0), jnp.array(poster, jnp.int32))


@given(masses(floor=units(0.05)), CHOICES, P_EPS)
def test_success_raises_and_failure_lowers_the_chosen_unless_a_bound_stops_it(p, c, p_eps):
    e, floor = units(p_eps), units(0.05)
    up = moves.update(p, c, True, e, floor)
    down = moves.update(p, c, False, e, floor)
    others = [j for j in (UP, KEEP, DOWN) if j != c]
    if any(int(p[j - 1]) > floor for j in others):
        assert up[c - 1] > p[c - 1]
    else:
        chex.assert_trees_all_equal(up, p)
    if int(p[c - 1]) > floor + 1:  # an odd last unit stays with the chosen move
        assert down[c - 1] < p[c - 1]
    else:
        chex.assert_trees_all_equal(down, p)


@given(masses(), CHOICES, st.booleans(), P_EPS)
def test_the_two_other_moves_are_treated_alike(p, c, better, p_eps):
    """Swap the two others before or after the update: the same."""
    order = np.arange(3)
    first, second = (j for j in range(3) if j != c - 1)
    order[[first, second]] = second, first
    update = lambda p: moves.update(p, c, better, units(p_eps), 0)  # noqa: E731
    chex.assert_trees_all_equal(update(p)[order], update(p[order]))


@given(masses(), CHOICES, st.booleans())
def test_relabelling_the_moves_relabels_the_update(p, c, better):
    turn = lambda p: jnp.roll(p, 1)  # noqa: E731
    e = units(0.1)
    chex.assert_trees_all_equal(
        turn(moves.update(p, c, better, e, 0)), moves.update(turn(p), c % 3 + 1, better, e, 0)
    )


def test_border_a_success_takes_only_what_is_there():
    p = jnp.array([ONE - 12, 8, 4], jnp.int32)
    chex.assert_trees_all_equal(moves.update(p, UP, True, units(0.1), 0), jnp.array([ONE, 0, 0]))


def test_border_a_failure_gives_only_what_is_there():
    p = jnp.array([10, ONE - 10, 0], jnp.int32)
    chex.assert_trees_all_equal(
        moves.update(p, UP, False, units(0.1), 0), jnp.array([0, ONE - 5, 5], jnp.int32)
    )


class TestEverywhereTheSame(chex.TestCase):
    """The same with and without `jit`, with arrays on device and host, and under `vmap`."""

    @chex.variants(  # pyright: ignore[reportCallIssue]
        with_jit=True, without_jit=True, with_device=True, without_device=True
    )
    def test_update(self):
        update = self.variant(lambda p, c, better: moves.update(p, c, better, units(0.1), 0))
        p = jnp.array([ONE // 2, ONE // 3, ONE // 6], jnp.int32)
        for c in (UP, KEEP, DOWN):
            for better, sign in ((True, 1), (False, -1)):
                want = np.full(3, -sign * units(0.1) // 2)
                want[c - 1] = sign * units(0.1)
                np.testing.assert_array_equal(
                    np.asarray(update(p, c, better)) - np.asarray(p), want
                )

    def test_vmap(self):
        p = jnp.stack([THIRDS, jnp.array([0, ONE, 0], jnp.int32), jnp.array([7, 0, ONE - 7])])
        c, better = jnp.array([1, 2, 3]), jnp.array([True, False, True])
        update = lambda p, c, b: moves.update(p, c, b, units(0.25), 0)  # noqa: E731
        together = jax.vmap(update)(p, c, better)
        alone = jnp.stack([update(*row) for row in zip(p, c, better, strict=True)])
        chex.assert_trees_all_equal(together, alone)
        u = jnp.array([0, ONE // 2, ONE - 1], jnp.int32)
        together = jax.vmap(moves.adjust)(u, p)
        chex.assert_trees_all_equal(
            together, jnp.stack([moves.adjust(*row) for row in zip(u, p, strict=True)])
        )


def test_adjust_at_the_boundaries_of_u():
    """u < p1 is up, p1 <= u < p1 + p2 keep, the rest down; an empty interval is never drawn."""
    p = jnp.array([10, 20, ONE - 30], jnp.int32)
    for u, c in ((0, UP), (9, UP), (10, KEEP), (29, KEEP), (30, DOWN), (ONE - 1, DOWN)):
        assert moves.adjust(jnp.int32(u), p) == c, u
    nothing_up = jnp.array([0, 0, ONE], jnp.int32)
    assert moves.adjust(jnp.int32(0), nothing_up) == DOWN
    only_up = jnp.array([ONE, 0, 0], jnp.int32)
    assert moves.adjust(jnp.int32(ONE - 1), only_up) == UP


ORDERED, FOUR = Linear(0, 1, points=5), Choice("a", "b", "c", "d")


def test_on_an_ordered_axis_moves_lead_up_and_down_and_a_bound_holds():
    def go(k, c, by=1):
        there, held = moves.go(ORDERED, jnp.int32(k), jnp.int32(c), by)
        return int(there), bool(held)

    assert [go(2, c) for c in (0, UP, KEEP, DOWN)] == [
        (2, False),
        (3, False),
        (2, False),
        (1, False),
    ]
    assert go(4, UP) == (4, True) and go(0, DOWN) == (0, True)
    assert go(3, UP, 16) == (4, True) and go(0, UP, 3) == (3, False)
    assert moves.kept(ORDERED, jnp.int32(3)) == KEEP
    assert moves.sides(ORDERED, jnp.int32(2)).tolist() == [True, False, True]
    assert moves.sides(ORDERED, jnp.int32(4)).tolist() == [False, False, True]
    assert moves.sides(ORDERED, jnp.int32(0)).tolist() == [True, False, False]


def test_on_an_unordered_axis_move_c_takes_choice_c():
    for k in range(4):
        there = [int(moves.go(FOUR, jnp.int32(k), jnp.int32(c))[0]) for c in range(5)]
        assert there == [k, 0, 1, 2, 3]
        assert moves.kept(FOUR, jnp.int32(k)) == k + 1
        assert moves.sides(FOUR, jnp.int32(k)).tolist() == [j != k for j in range(4)]


def test_masses_begin_equal_and_sum_to_one_exactly():
    axes = [ORDERED, FOUR, Values(1, 2), Choice(*map(str, range(7))), Choice(*range(1000))]
    for axis, n in zip(axes, (3, 4, 3, 7, 1000), strict=True):
        p = np.asarray(moves.start(axis))
        assert moves.count(axis) == len(p) == n and p.sum() == ONE
        assert p.max() - p.min() == ONE % n and (p[1:] == ONE // n).all()


def test_mass_is_shared_by_what_is_open():
    open_ = jnp.array([False, True, False, True, True])
    assert moves.equal(open_).tolist() == [0, ONE // 3, 0, ONE // 3, ONE // 3]
    assert moves.equal(jnp.array([False, True])).tolist() == [0, ONE]


@given(st.data(), st.sampled_from([2, 4, 5, 9]), st.booleans(), P_EPS, st.floats(0, 1))
def test_any_number_of_moves_stays_on_the_simplex_and_others_are_treated_alike(
    data, n, better, p_eps, part
):
    floor = units(part / n)
    p = data.draw(masses(floor=min(floor, ONE // n), n=n))
    c = data.draw(st.integers(1, n))
    after = np.asarray(moves.update(p, c, better, units(p_eps), floor), np.int64)
    p, others = np.asarray(p), np.arange(1, n + 1) != c
    assert after.sum() == ONE and (after >= min(floor, ONE // n)).all()
    change = (after - p)[others]
    if better:
        assert (
            change == -np.minimum(units(p_eps) // (n - 1), p - min(floor, ONE // n))[others]
        ).all()
    else:
        assert (change == change[0]).all() and change[0] >= 0
        given_ = min(units(p_eps), p[c - 1] - min(floor, ONE // n))
        assert 0 <= given_ - change.sum() < n - 1  # what a division leaves over stays with c


def test_the_first_axis_draws_with_the_decisions_own_key_and_each_axis_differently():
    key = keys.root(3)
    one, three = (moves.draws(keys.derive(key, "x"), np.ones(d, bool)) for d in (1, 3))
    assert one[0] == three[0] == moves.draw(keys.derive(key, "x"))
    assert three[1] == moves.draw(keys.derive(keys.derive(key, "x"), "axis", 1))
    assert len(set(three.tolist())) == 3


def test_move_frequencies_match_p():
    """30,000 draws: each frequency within 4 standard deviations, sqrt(p (1 - p) / n), of its p.

    This test found that `jax.random.randint` would be biased here.
    """
    n = 30_000
    p = jnp.array([ONE // 2, ONE // 3, ONE // 6], jnp.int32)
    root = keys.root(0)
    draws = jax.vmap(lambda i: moves.draw(keys.derive(root, "adjust", i)))(jnp.arange(n))
    c = np.asarray(jax.vmap(moves.adjust, (0, None))(draws, p))
    for move, probability in zip((UP, KEEP, DOWN), np.asarray(p) / ONE, strict=True):
        bound = 4 * np.sqrt(probability * (1 - probability) / n)
        assert abs((c == move).mean() - probability) < bound, move


def test_units_are_exact_thirds_and_even_halves():
    assert units(1.0) == ONE
    assert 3 * units(1 / 3) == ONE
    assert all(units(x) % 4 == 0 for x in (0.05, 0.1, 0.037))
    assert abs(units(0.05) / ONE - 0.05) < 2.5e-9
