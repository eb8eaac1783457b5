"""Laws that every tuner must pass; a new one earns them all by its place in `TUNERS`."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmeta import keys, tuning
from jaxmeta.score import DIVERGED
from jaxmeta.tuning import TUNERS, Walk

pytestmark = pytest.mark.parametrize(
    "tuner", [make() for make in TUNERS.values()], ids=list(TUNERS)
)


def scores(seed, n=12):
    return [int(s) for s in np.random.default_rng(seed).integers(0, 5000, n)]


def walk(tuner, seed, told):
    """All that is asked and answered on the way."""
    steps, path = Walk(tuner, seed), []
    for score in told:
        if steps.done:
            break
        wanted = steps.ask()
        path.append((wanted, steps.tell(score)))
    return path, steps


def test_the_same_seed_and_scores_give_the_same_decisions(tuner):
    first, _ = walk(tuner, 0, scores(0))
    again, _ = walk(tuner, 0, scores(0))
    assert first == again and len(first) > 1


def test_asking_twice_gives_the_same_answer(tuner):
    _, steps = walk(tuner, 0, scores(0, 3))
    assert steps.ask() == steps.ask()


def test_jit_vmap_and_plain_calls_agree(tuner):
    root = keys.root(1)

    def path(told):
        state, seen = tuner.init(), []
        for i in range(6):
            state, asked = tuner.ask(keys.derive(root, "adjust", i), state)
            state, said = tuner.tell(state, told[i])
            seen.append((asked, said))
        return state, seen

    told = jnp.array([scores(s, 6) for s in range(2)], jnp.int32)
    together = jax.vmap(path)(told)
    for lane in range(2):
        alone = path(told[lane])
        chex.assert_trees_all_equal(jax.tree.map(lambda x: x[lane], together), alone)  # noqa: B023
        chex.assert_trees_all_equal(jax.jit(path)(told[lane]), alone)


def test_state_keeps_its_shape_and_is_int32_throughout(tuner):
    state = tuner.init()
    for score in (3, 4):
        asked, _ = tuner.ask(jax.random.key(0), state)
        told, _ = tuner.tell(asked, score)
        for after in (asked, told):
            chex.assert_trees_all_equal_shapes_and_dtypes(after, state)
        state = told
    assert {leaf.dtype for leaf in jax.tree.leaves(state)} == {jnp.dtype(jnp.int32)}


def test_one_trace_serves_every_step(tuner):
    """The second call does not compile again."""
    ask = jax.jit(chex.assert_max_traces(tuner.ask, n=1))
    tell = jax.jit(chex.assert_max_traces(tuner.tell, n=1))
    chex.clear_trace_counter()
    state = tuner.init()
    for i in range(4):
        state, _ = ask(jax.random.key(i), state)
        state, _ = tell(state, jnp.int32(i))


def test_ends_within_its_number_of_trainings_and_recommends_what_it_tried(tuner):
    path, steps = walk(tuner, 5, scores(5, 1000))
    assert steps.done and len(path) <= tuner.trainings
    assert int(tuner.recommend(steps.state)) in {wanted.k for wanted, _ in path}


def test_diverged_trainings_do_not_stop_it_and_are_not_recommended_over_a_finite_one(tuner):
    told = [100] + [DIVERGED] + [101] + [DIVERGED]
    path, steps = walk(tuner, 0, told)
    assert len(path) == 4
    assert int(tuner.recommend(steps.state)) == path[2][0].k


def test_the_order_of_scores_is_all_that_counts(tuner):
    low, _ = walk(tuner, 2, [s // 2 * 2 for s in scores(2)])
    high, _ = walk(tuner, 2, [s // 2 * 6 - 10_000 for s in scores(2)])
    assert low == high


def test_learning_rates_are_positive_float32_values(tuner):
    path, _ = walk(tuner, 3, scores(3))
    for wanted, _ in path:
        rate = wanted.values["learning_rate"]
        assert rate > 0 and rate == float(np.float32(rate))


def test_the_record_gives_the_tuner_back(tuner):
    assert tuning.from_record(tuning.to_record(tuner)) == tuner
