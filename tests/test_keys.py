"""Streams of keys: named, random access, the same everywhere."""

import jax
import numpy as np
import pytest

from jaxmeta import keys


def bits(key):
    return np.asarray(jax.random.key_data(key)).tolist()


def test_golden_values():
    """A change here changes every study there is: it needs a line in the CHANGELOG."""
    assert keys.stream("adjust") == 0x2549C096
    assert bits(keys.derive(keys.root(0), "adjust", 3)) == [519256894, 1768650097]


def test_all_names_and_indices_give_different_keys():
    root = keys.root(0)
    seen = {
        tuple(bits(keys.derive(root, name, *indices)))
        for name in ("adjust", "train", "weights", "order", "dropout", "params")
        for indices in ((), (0,), (1,), (0, 0), (0, 1), (1, 0))
    }
    assert len(seen) == 36


def test_other_seeds_other_keys_and_the_largest_is_taken():
    seeds = (0, 1, 2**31, 2**32 - 1)
    assert len({tuple(bits(keys.root(seed))) for seed in seeds}) == len(seeds)
    for seed in seeds:
        assert bits(keys.root(seed)) == bits(jax.random.key(seed, impl=keys.IMPL))


def test_a_users_offset_of_seeds_changes_nothing():
    ours = bits(keys.root(5))
    jax.config.update("jax_random_seed_offset", 7)
    try:
        assert bits(jax.random.key(5, impl=keys.IMPL)) != ours  # the control
        assert bits(keys.root(5)) == ours
    finally:
        jax.config.update("jax_random_seed_offset", 0)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_out_of_range_are_refused(seed):
    with pytest.raises(ValueError, match="seed must be an integer from 0 to"):
        keys.root(seed)


def test_a_users_default_generator_changes_nothing():
    with jax.default_prng_impl("rbg"):
        ours = bits(keys.derive(keys.root(5), "train", 1))
    assert ours == bits(keys.derive(keys.root(5), "train", 1))


def test_traced_indices_give_the_same_keys():
    root = keys.root(0)
    traced = jax.vmap(lambda i: jax.random.key_data(keys.derive(root, "train", i)))(np.arange(4))
    assert traced.tolist() == [bits(keys.derive(root, "train", i)) for i in range(4)]


@pytest.mark.parametrize("n", [0, 1, 1000])
def test_many_bits_are_those_that_jax_draws_on_the_host_and_traced_too(n):
    key = keys.derive(keys.root(0), "dropout", 3)
    drawn = jax.random.bits(key, (n,), np.uint32)
    np.testing.assert_array_equal(keys.many(key, n), drawn)
    np.testing.assert_array_equal(keys.many(tuple(bits(key)), n), drawn)
    np.testing.assert_array_equal(jax.jit(keys.many, static_argnums=1)(key, n), drawn)


def test_many_bits_in_lanes_are_those_alone():
    lanes = jax.vmap(lambda i: keys.derive(keys.root(0), "dropout", i))(np.arange(3))
    drawn = jax.vmap(lambda key: keys.many(key, 5))(lanes)
    np.testing.assert_array_equal(drawn, [keys.many(key, 5) for key in lanes])


def test_many_bits_of_a_users_own_generator_are_its_own():
    key = jax.random.key(0, impl="rbg")
    np.testing.assert_array_equal(keys.many(key, 9), jax.random.bits(key, (9,), np.uint32))
