"""Chains, replicates and paired keys: what a study of many walks owes to each of them."""

import hashlib

import jax
import numpy as np
import pytest

from jaxmeta import keys
from jaxmeta.score import DIVERGED, to_float, to_rank, total
from jaxmeta.tuning import Chains, Lattice, Name, TuneLearningRate, Walk

TUNER = TuneLearningRate(Lattice(1e-3, 0.1, "logarithmic"), p_eps=0.2, i_max=12, noprog_max=2)


def table(name: Name) -> int:
    """0 to 19; leaves the chain out, since that is in a training's key."""
    return hashlib.sha256(f"{name[1:]}".encode()).digest()[0] % 20


def decide(chains: Chains, score=table):
    path = []
    while (turn := chains.turn()) is not None:
        for name in chains.missing(turn):
            chains.learn(name, score(name))
        path.append((turn, chains.tell(turn)))
    return path


def of_chain(path, c):
    return [(t.wanted, [n[1:] for n in t.trainings], told) for t, told in path if t.chain == c]


def test_a_chain_is_the_same_alone_and_among_others():
    paths = {n: decide(Chains(TUNER, 5, n)) for n in (1, 2, 4)}
    for c in (0, 1):
        assert of_chain(paths[4], c) == of_chain(paths[2], c)
    assert of_chain(paths[1], 0) == of_chain(paths[2], 0)
    assert of_chain(paths[4], 0) != of_chain(paths[4], 1) != of_chain(paths[4], 2)  # the control


@pytest.mark.parametrize("c", [0, 1, 3])
def test_a_chain_is_a_walk_with_its_own_keys(c):
    walk, steps = Walk(TUNER, 5, c), []
    while not walk.done:
        wanted = walk.ask()
        points = table(Name(c, wanted.i, wanted.k, 0))
        steps.append((wanted, [(wanted.i, wanted.k, 0)], (points, walk.tell(points))))
    assert of_chain(decide(Chains(TUNER, 5, 4)), c) == steps


def test_decisions_come_iteration_by_iteration_and_chain_by_chain():
    path = decide(Chains(TUNER, 5, 4))
    order = [(turn.wanted.i, turn.chain) for turn, _ in path]
    assert order == sorted(order)
    lengths = [sum(turn.chain == c for turn, _ in path) for c in range(4)]
    assert len(set(lengths)) > 1  # some ended before others


def test_keys_of_trainings_are_all_different_and_chain_0_is_the_study_without_chains():
    chains = Chains(TUNER, 5, 3, replicates=2)
    names = [Name(c, i, 0, r) for c in range(3) for i in range(4) for r in range(2)]
    data = {tuple(jax.random.key_data(chains.training_key(n)).tolist()) for n in names}
    assert len(data) == len(names)
    alone = keys.derive(keys.root(5), "train", 3, 1)
    assert (
        jax.random.key_data(chains.training_key(Name(0, 3, 0, 1))) == jax.random.key_data(alone)
    ).all()


def test_replicates_are_those_of_studies_with_fewer_and_their_scores_are_added():
    path = decide(Chains(TUNER, 5, replicates=3))
    for turn, (points, _) in path:
        assert [name.r for name in turn.trainings] == [0, 1, 2]
        assert points == sum(map(table, turn.trainings))
    first, (one, _) = decide(Chains(TUNER, 5))[0]
    assert first.trainings == path[0][0].trainings[:1] and one == table(first.trainings[0])


def test_the_order_in_which_scores_are_learned_does_not_matter():
    forward, backward = Chains(TUNER, 5, 2, 3), Chains(TUNER, 5, 2, 3)
    while (turn := forward.turn()) is not None:
        assert backward.turn() == turn
        for chains, step in ((forward, 1), (backward, -1)):
            for name in chains.missing(turn)[::step]:
                chains.learn(name, table(name))
        assert forward.tell(turn) == backward.tell(turn)


def test_with_paired_keys_a_position_is_trained_once_and_revisited():
    seen: dict[int, int] = {}
    path = decide(Chains(TUNER, 5, paired=True))
    for turn, (points, _) in path:
        k, (name,) = turn.wanted.k, turn.trainings
        assert name == Name(0, 0, k, 0) and points == table(name)
        assert turn.revisits == seen.get(k)
        seen.setdefault(k, turn.wanted.i)
    assert len(seen) < len(path)
    assert all(turn.revisits is None for turn, _ in decide(Chains(TUNER, 5)))


def test_paired_keys_leave_position_and_iteration_out():
    chains = Chains(TUNER, 5, paired=True)
    data = [jax.random.key_data(chains.training_key(Name(0, 0, k, 0))) for k in (-3, 0, 8)]
    assert (data[0] == data[1]).all() and (data[1] == data[2]).all()


def test_what_is_due_is_the_next_of_each_chain():
    chains = Chains(TUNER, 5, 3, 2)
    assert {(name.chain, name.i, name.r) for name in chains.due()} == {
        (c, 0, r) for c in range(3) for r in range(2)
    }
    assert chains.due() <= chains.ahead(6, 0).keys() == chains.due()


def test_looking_ahead_of_several_chains_puts_the_most_probable_first():
    chances = list(Chains(TUNER, 5, 3).ahead(12, None).values())
    assert len(chances) >= 12 and chances == sorted(chances, reverse=True)
    assert chances[:3] == [1.0] * 3


@pytest.mark.parametrize(("scores", "sum_"), [([3], 3), ([3, 4, 5], 12), ([3, DIVERGED], DIVERGED)])
def test_counts_are_added_and_one_that_diverged_sinks_all(scores, sum_):
    assert total(scores, exact=False) == sum_


def test_exact_scores_are_added_as_floats_and_rounded_once():
    floats = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32)
    for row in floats:
        ranks = [to_rank(float(x)) for x in row]
        assert to_float(total(ranks, exact=True)) == np.float32(sum(map(float, row)))
        assert total(ranks[::-1], exact=True) == total(ranks, exact=True)
        assert total(ranks[:1], exact=True) == ranks[0]
    largest = to_rank(float(np.finfo(np.float32).max))
    assert to_float(total([largest, largest], exact=True)) == np.inf
    assert total([largest, DIVERGED], exact=True) == DIVERGED
