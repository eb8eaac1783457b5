"""The digest of weights, against its definition in plain numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmeta.training.digest import _CHUNK, _GOLDEN, _SALTS, digest


def mix(h: np.ndarray) -> np.ndarray:
    h = (h ^ (h >> 16)) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> 13)) * np.uint32(0xC2B2AE35)
    return h ^ (h >> 16)


def by_definition(leaves: list[np.ndarray]) -> list[int]:
    return [
        int(
            sum(
                mix(mix(leaf.view(np.uint32) ^ mix(np.array([salt + n], np.uint32))) + place).sum()
                for n, leaf in enumerate(leaves)
                for place in [np.arange(1, leaf.size + 1, dtype=np.uint32) * np.uint32(_GOLDEN)]
            )
            % 2**32
        )
        for salt in _SALTS
    ]


@pytest.mark.parametrize("sizes", [[0], [1, 7], [_CHUNK], [_CHUNK - 1, 3], [2 * _CHUNK + 5, 2]])
def test_it_is_the_sum_of_the_mixed_words(sizes):
    draw = np.random.default_rng(0)
    leaves = [draw.standard_normal(n, np.float32) for n in sizes]
    expected = by_definition(leaves)
    arrays = [jnp.asarray(leaf) for leaf in leaves]
    assert jax.jit(digest)(arrays).tolist() == expected
    two = jax.jit(jax.vmap(digest))([jnp.stack([-a, a]) for a in arrays])
    assert two[1].tolist() == expected
    if sum(sizes):
        assert two[0].tolist() != expected
