"""A 128-bit digest of arrays, computed on the device, of every bit and of its place.

Each 32-bit word is mixed with its index and a salt by MurmurHash3's finaliser (Appleby, public
domain) and the words are added modulo 2**32, four salts side by side. Integer sums have no order,
so the digest is the same under `jit` and `vmap`, alone and sharded, on every device. It finds
differences; it does not withstand a forger (the journal's SHA-256 chain is there for that).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxmeta.arithmetic import portable

# The first digits of pi.
_SALTS = np.array([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], np.uint32)
_GOLDEN = 0x9E3779B1  # 2**32 / golden ratio, so that neighbouring indices are far apart

# So many words at once: four times as many sums stay in a CPU's cache.
_CHUNK = 2**16


def _mix(h: jax.Array) -> jax.Array:
    """MurmurHash3 fmix32: every input bit changes about half of the output bits."""
    h = (h ^ (h >> 16)) * jnp.uint32(0x85EBCA6B)
    h = (h ^ (h >> 13)) * jnp.uint32(0xC2B2AE35)
    return h ^ (h >> 16)


def _words(x: jax.Array) -> jax.Array:
    """The bits of `x` as a flat uint32 array."""
    if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        x = jax.random.key_data(x)
    if portable() and jnp.issubdtype(x.dtype, jnp.floating):
        x = jnp.where(jnp.isnan(x), jnp.array(jnp.nan, x.dtype), x)  # processors have several
    if x.dtype == jnp.bool_ or x.dtype.itemsize < 4:
        x = x.astype(jnp.float32 if jnp.issubdtype(x.dtype, jnp.floating) else jnp.int32)
    return lax.bitcast_convert_type(x, jnp.uint32).ravel()


def digest(tree) -> jax.Array:
    """The digest of a pytree of arrays, uint32[4]; leaves in tree order, each with its own salt."""
    total = jnp.zeros(4, jnp.uint32)
    for n, leaf in enumerate(jax.tree.leaves(tree)):
        total += _of_words(_words(leaf), _mix(jnp.asarray(_SALTS + np.uint32(n))))
    return total


def _of_words(words: jax.Array, salts: jax.Array) -> jax.Array:
    def mixed(start, words):
        place = (start + jnp.arange(words.size, dtype=jnp.uint32) + 1) * jnp.uint32(_GOLDEN)
        return _mix(_mix(words[None] ^ salts[:, None]) + place[None])

    def total(sums):
        return jnp.sum(sums, axis=1, dtype=jnp.uint32)

    whole = words.size // _CHUNK * _CHUNK
    rest = total(mixed(np.uint32(whole), words[whole:]))
    if not whole:
        return rest

    # XLA would write into memory all that it sums up, which is four times the weights.
    def chunk(i, sums):
        return sums + mixed(
            (i * _CHUNK).astype(jnp.uint32), lax.dynamic_slice(words, (i * _CHUNK,), (_CHUNK,))
        )

    return rest + total(
        lax.fori_loop(0, whole // _CHUNK, chunk, jnp.zeros((4, _CHUNK), jnp.uint32))
    )


def to_hex(words) -> str:
    """uint32[4] as 32 hexadecimal digits."""
    return "".join(f"{int(word):08x}" for word in words)
