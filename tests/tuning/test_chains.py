"""Chains, replicates and paired keys: what a study of many walks owes to each of them."""

import hashlib

import jax
import numpy as np
import pytest

from jaxmeta import keys
from jaxmeta.score import DIVERGED, to_float, to_rank, total
from jaxmeta.space import Choice, Log, Space
from jaxmeta.trial import Trial
from jaxmeta.tuning import Chains, PosterRule, Walk

SPACE = Space(x=Log(1e-6, 1.0, 0.1, start=1e-3), y=Choice("a", "b", "c"))
TUNER = PosterRule(SPACE, p_eps=0.2, i_max=12, noprog_max=2)


def table(trial: Trial) -> int:
    """0 to 19; leaves the chain out, since that is in a training's key."""
    return hashlib.sha256(f"{trial[1:]}".encode()).digest()[0] % 20


def decide(chains: Chains, score=table):
    path = []
    while (decision := chains.next()) is not None:
        for trial in chains.missing(decision):
            chains.learn(trial, score(trial))
        path.append((decision, chains.tell(decision)))
    return path


def of_chain(path, c):
    return [(t.suggestion, [n[1:] for n in t.trials], told) for t, told in path if t.chain == c]


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
        suggestion = walk.ask()
        points = table(Trial(c, suggestion.i, suggestion.position, 0))
        steps.append(
            (suggestion, [(suggestion.i, suggestion.position, 0)], (points, walk.tell(points)))
        )
    assert of_chain(decide(Chains(TUNER, 5, 4)), c) == steps


def test_decisions_come_iteration_by_iteration_and_chain_by_chain():
    path = decide(Chains(TUNER, 5, 4))
    order = [(decision.suggestion.i, decision.chain) for decision, _ in path]
    assert order == sorted(order)
    lengths = [sum(decision.chain == c for decision, _ in path) for c in range(4)]
    assert len(set(lengths)) > 1  # some ended before others


def test_keys_of_trainings_are_all_different_and_chain_0_is_the_study_without_chains():
    chains = Chains(TUNER, 5, 3, replicates=2)
    trials = [Trial(c, i, (0, 0), r) for c in range(3) for i in range(4) for r in range(2)]
    data = {chains.training_key(n) for n in trials}
    assert len(data) == len(trials)
    alone = keys.derive(keys.root(5), "train", 3, 1)
    ours = chains.training_key(Trial(0, 3, (0, 0), 1))
    assert list(ours) == jax.random.key_data(alone).tolist()


def test_replicates_are_those_of_studies_with_fewer_and_their_scores_are_added():
    path = decide(Chains(TUNER, 5, replicates=3))
    for decision, (points, _) in path:
        assert [trial.r for trial in decision.trials] == [0, 1, 2]
        assert points == sum(map(table, decision.trials))
    first, (one, _) = decide(Chains(TUNER, 5))[0]
    assert first.trials == path[0][0].trials[:1] and one == table(first.trials[0])


def test_the_order_in_which_scores_are_learned_does_not_matter():
    forward, backward = Chains(TUNER, 5, 2, 3), Chains(TUNER, 5, 2, 3)
    while (decision := forward.next()) is not None:
        assert backward.next() == decision
        for chains, step in ((forward, 1), (backward, -1)):
            for trial in chains.missing(decision)[::step]:
                chains.learn(trial, table(trial))
        assert forward.tell(decision) == backward.tell(decision)


def test_with_paired_keys_a_position_is_trained_once_and_revisited():
    seen: dict[tuple[int, ...], int] = {}
    path = decide(Chains(TUNER, 5, paired=True))
    for decision, (points, _) in path:
        k, (trial,) = decision.suggestion.position, decision.trials
        assert trial == Trial(0, 0, k, 0) and points == table(trial)
        assert decision.revisits == seen.get(k)
        seen.setdefault(k, decision.suggestion.i)
    assert len(seen) < len(path)
    assert all(decision.revisits is None for decision, _ in decide(Chains(TUNER, 5)))


def test_paired_keys_leave_position_and_iteration_out():
    chains = Chains(TUNER, 5, paired=True)
    assert len({chains.training_key(Trial(0, 0, (k, 0), 0)) for k in (-3, 0, 8)}) == 1


def test_what_is_due_is_the_next_of_each_chain():
    chains = Chains(TUNER, 5, 3, 2)
    assert {(trial.chain, trial.i, trial.r) for trial in chains.due()} == {
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
