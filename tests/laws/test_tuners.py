"""Laws that every tuner must pass over every space; a new one earns them by its place in `TUNERS`.

A space earns them by its place in `SPACES`.
"""

import json
from itertools import product

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmeta import keys, tuning
from jaxmeta.score import DIVERGED
from jaxmeta.space import Choice, Linear, Log, Space, Values
from jaxmeta.tuning import TUNERS, Walk
from jaxmeta.tuning.earlier import Earlier, Row
from jaxmeta.tuning.walk import as_json

SPACES = {
    "lattice": Space(rate=Log(1e-5, 1.0, 0.1)),
    "range": Space(rate=Log(1e-5, 1.0)),
    "list": Space(width=Values(16, 32, 64, 128)),
    "choice": Space(how=Choice("adam", "sgd", "lion", "rmsprop")),
    "mixed": Space(
        rate=Log(1e-4, 1.0), width=Values(16, 32), how=Choice("x", "y", "z"), p=Linear(0, 1, 0.5)
    ),
}
ALL = {
    f"{name}, {where}": make(space)
    for (name, make), (where, space) in product(TUNERS.items(), SPACES.items())
}
EARLIER = Earlier(
    "0" * 64,
    ("one", "other"),
    (),
    (
        (Row((-3, 0, 1, 1), 4000), Row((5, 1, 2, 0), 900), Row((0, 0, 0, None), 2000)),
        (Row((2, None, 1, 1), 3000), Row((-20, 1, 0, 0), 100)),
    ),
)
ALL["rank_gp, with a prior, mixed"] = TUNERS["rank_gp"](SPACES["mixed"], prior=EARLIER)
ALL["poster, all axes of mixed"] = TUNERS["poster"](SPACES["mixed"], axes="all")

# A tuner is compiled for each space: one axis alone, and one axis of each kind, are quick. Of
# rank_gp, which takes longest, the one with a prior, which has all that the others have.
QUICK = ("lattice", "mixed")
SLOW = ("rank_gp, lattice", "rank_gp, mixed")

pytestmark = pytest.mark.parametrize(
    "tuner",
    [
        pytest.param(
            tuner,
            id=name,
            marks=[] if name.endswith(QUICK) and name not in SLOW else [pytest.mark.slow],
        )
        for name, tuner in ALL.items()
    ],
)


def scores(seed, n=12):
    return [int(s) for s in np.random.default_rng(seed).integers(0, 5000, n)]


def walk(tuner, seed, told):
    """All that is suggested and answered on the way."""
    steps, path = Walk(tuner, seed), []
    for score in told:
        if steps.done:
            break
        suggestion = steps.ask()
        path.append((suggestion, steps.tell(score)))
    return path, steps


def test_the_same_seed_and_scores_give_the_same_decisions_and_asking_twice_the_same_answer(tuner):
    first, _ = walk(tuner, 0, scores(0))
    again, steps = walk(tuner, np.int64(0), scores(0))  # a seed may be an integer of NumPy's
    assert first == again and len(first) > 1
    if not steps.done:
        assert steps.ask() == steps.ask()


def loops(tuner):
    """One decision, a scan of three, and scores to tell in two walks; all from the same start."""
    root = keys.root(1)

    def step(state, at):
        i, score = at
        state, asked = tuner.ask(keys.derive(root, "adjust", i), state)
        state, said = tuner.tell(state, score)
        return state, (asked, said)

    def path(told, state):
        return jax.lax.scan(step, state, (jnp.arange(3, dtype=jnp.uint32), told))

    told = jnp.array([scores(s, 3) for s in range(2)], jnp.int32)
    return step, path, told, jax.tree.map(jnp.asarray, tuner.init())


def test_scans_side_by_side_and_single_calls_agree(tuner):
    step, path, told, begun = loops(tuner)
    together = jax.jit(jax.vmap(path, (0, None)))(told, begun)
    state, seen, one = begun, [], jax.jit(step)
    for n in range(3):
        state, said = one(state, (jnp.uint32(n), told[1][n]))
        seen.append(said)
    alone = state, jax.tree.map(lambda *x: np.stack(x), *seen)
    chex.assert_trees_all_equal(jax.tree.map(lambda x: x[1], together), alone)


@pytest.mark.slow
def test_scans_side_by_side_and_alone_agree(tuner):
    _, path, told, begun = loops(tuner)
    together = jax.jit(jax.vmap(path, (0, None)))(told, begun)
    chex.assert_trees_all_equal(
        jax.tree.map(lambda x: x[1], together), jax.jit(path)(told[1], begun)
    )


def test_numpy_on_the_host_and_jax_under_jit_decide_the_same(tuner):
    root, state = keys.root(3), tuner.init()
    ask = jax.jit(lambda i, state: tuner.ask(keys.derive(root, "adjust", i), state))
    tell = jax.jit(tuner.tell)
    host = Walk(tuner, 3)
    for score in [*scores(3, 6), DIVERGED, *scores(4, 5)]:
        if host.done:
            break
        suggestion = host.ask()
        state, asked = ask(np.uint32(host.i), state)
        assert as_json(asked) == suggestion.asked
        state, told = tell(state, np.int32(score))
        assert as_json(told) == host.tell(score)
        chex.assert_trees_all_equal(state, host.state)


def test_state_keeps_its_shape_and_is_int32_throughout_and_one_trace_serves_every_step(tuner):
    ask = jax.jit(chex.assert_max_traces(tuner.ask, n=1))
    tell = jax.jit(chex.assert_max_traces(tuner.tell, n=1))
    chex.clear_trace_counter()
    state = tuner.init()
    for i, score in enumerate((3, 4)):
        asked, info = ask(jax.random.key(i), state)
        told, said = tell(asked, jnp.int32(score))
        for after in (asked, told):
            chex.assert_trees_all_equal_shapes_and_dtypes(after, state)
        for position in (info.position, said.best, tuner.recommend(told)):
            assert position.shape == (tuner.space.d,) and position.dtype == jnp.int32
        state = told
    assert {leaf.dtype for leaf in jax.tree.leaves(state)} == {jnp.dtype(jnp.int32)}


def test_it_stays_in_the_space_ends_in_time_and_recommends_what_it_tried(tuner):
    path, steps = walk(tuner, 5, scores(5, 150))
    assert len(path) <= tuner.decisions and (steps.done or len(path) == 150)
    low, high = tuner.space.bounds
    for suggestion, told in path:
        assert all(a <= k <= b for a, k, b in zip(low, suggestion.position, high, strict=True))
        assert suggestion.values == tuner.space.values(suggestion.position)
        assert suggestion.asked["position"] == list(suggestion.position)
        json.dumps([suggestion.asked, told])
    assert steps.recommended in {suggestion.position for suggestion, _ in path}
    assert list(steps.recommended) == path[-1][1]["best"]


def test_trials_that_diverged_do_not_stop_it_and_are_not_recommended_over_a_finite_one(tuner):
    told = [100, DIVERGED, DIVERGED, 99, DIVERGED, DIVERGED]
    path, steps = walk(tuner, 0, told)
    finite = {path[n][0].position for n in (0, 3) if n < len(path)}
    assert len(path) == min(6, tuner.decisions) and steps.recommended in finite


def test_one_that_begins_with_diverged_trials_recommends_the_first_finite_one(tuner):
    path, steps = walk(tuner, 0, [DIVERGED, DIVERGED, 100])
    assert steps.recommended == path[-1][0].position


def test_the_order_of_scores_is_all_that_counts(tuner):
    low, _ = walk(tuner, 2, [s // 2 * 2 for s in scores(2)])
    high, _ = walk(tuner, 2, [s // 2 * 6 - 10_000 for s in scores(2)])
    assert low == high


def test_the_record_gives_the_tuner_back(tuner):
    record = json.loads(json.dumps([tuner.space.to_record(), tuning.to_record(tuner)]))
    again = tuning.from_record(record[1], Space.from_record(record[0]))
    assert again == tuner and hash(again) == hash(tuner)
