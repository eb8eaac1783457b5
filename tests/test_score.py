"""Scores in the order of the floats; digests of every bit."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jaxmeta import score
from jaxmeta.training.digest import digest, to_hex

FLOATS = st.floats(width=32, allow_nan=False, allow_subnormal=False)


@given(FLOATS, FLOATS)
def test_ranks_are_in_the_order_of_the_floats(a, b):
    low, high = (int(score.from_float(jnp.float32(x))) for x in (a, b))
    if a != b:
        assert (low < high) == (a < b)
    assert score.to_float(low) == a


def test_diverged_is_below_minus_infinity():
    assert int(score.from_float(jnp.float32(-jnp.inf))) > score.DIVERGED


def test_digest_sees_every_bit_and_every_place():
    tree = {"a": jnp.arange(6, dtype=jnp.float32), "b": jnp.zeros((2, 3), jnp.int32)}
    seen = {to_hex(digest(tree))}
    seen.add(to_hex(digest({**tree, "a": tree["a"].at[3].set(3.0000002)})))
    seen.add(to_hex(digest({**tree, "a": tree["a"][::-1]})))
    seen.add(to_hex(digest({**tree, "b": tree["b"].at[0, 0].set(1)})))
    seen.add(to_hex(digest({**tree, "b": tree["b"].at[0, 1].set(1)})))
    seen.add(to_hex(digest({"a": tree["a"].at[0].set(-0.0), "b": tree["b"]})))
    seen.add(to_hex(digest({"a": tree["b"], "b": tree["a"]})))
    assert len(seen) == 7
    assert all(len(words) == 32 for words in seen)


def test_digest_is_the_same_under_jit_and_vmap_and_in_numpy():
    x = jnp.linspace(-1, 1, 24).reshape(4, 6)
    together = jax.jit(jax.vmap(digest))(x)
    for lane in range(4):
        assert to_hex(together[lane]) == to_hex(digest(x[lane])) == to_hex(in_numpy(x[lane]))


def in_numpy(x):
    """The digest of one float32 leaf, written a second time."""
    mask, total = 2**32 - 1, [0, 0, 0, 0]

    def mix(h):
        h = (h ^ (h >> 16)) * 0x85EBCA6B & mask
        h = (h ^ (h >> 13)) * 0xC2B2AE35 & mask
        return h ^ (h >> 16)

    for place, word in enumerate(np.asarray(x).view(np.uint32).ravel().tolist(), 1):
        for lane, salt in enumerate((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)):
            h = mix((mix(word ^ mix(salt)) + place * 0x9E3779B1) & mask)
            total[lane] = (total[lane] + h) & mask
    return total
