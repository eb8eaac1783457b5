"""Named streams of random keys: every draw of a study is a function of its seed, a name and
indices.

Nothing is split along a chain, so any draw can be had without the ones before it: a study can be
resumed, replayed or looked ahead from any point. A stream's number is the
first 32 bits of the SHA-256 of its name, never Python's salted `hash`.

A key is JAX's, or on the host, where JAX need not be there, its two words of 32 bits; `derive` and
`bits` take either, and give the same.
"""

import functools
import hashlib
from operator import index as whole
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import jax

# Named explicitly, so that a user's `jax_default_prng_impl` cannot change a study, and because
# threefry draws the same bits under `vmap` as alone ("rbg" does not).
IMPL = "threefry2x32"

Words = tuple[int, int]  # a key on the host

# Threefry-2x32 with 20 rounds: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as
# 1, 2, 3", SC 2011.
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY, MASK = 0x1BD11BDA, 0xFFFFFFFF


def words(seed: int) -> Words:
    """The study's root key on the host; `seed` is an integer in [0, 2**32)."""
    seed = whole(seed)  # also one of NumPy's
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be an integer from 0 to 2**32 - 1, got {seed}; choose another")
    # As `jax.random.key(seed)`, but for JAX's configuration, which could add an offset to the seed.
    return 0, seed


def root(seed: int) -> "jax.Array":
    """The study's root key, shape (); `seed` is an integer in [0, 2**32)."""
    return wrapped(words(seed))


def wrapped(key: Words) -> "jax.Array":
    """JAX's key, shape (), of these words."""
    import jax
    import jax.numpy as jnp

    return jax.random.wrap_key_data(jnp.asarray(np.array(key, np.uint32)), impl=IMPL)


@functools.cache
def stream(name: str) -> int:
    """The number of the stream called `name`: 32 bits, the same in every process and version."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def derive(key: Any, name: str, *indices: "jax.Array | int") -> Any:
    """The key of stream `name` at `indices` (uint32 scalars, traced or not); `key` stays usable."""
    for index in (stream(name), *indices):
        key = _fold_in(key, index)
    return key


def bits(key: Any) -> "jax.Array | np.uint32":
    """32 random bits, as `jax.random.bits` draws them unless a user's configuration says otherwise;
    `key` is consumed."""
    drawn = _fold_in(key, 0)
    if isinstance(drawn, tuple):
        return np.uint32(drawn[0] ^ drawn[1])
    import jax

    high, low = jax.random.key_data(drawn)
    return high ^ low


def many(key: Any, n: int) -> Any:
    """32 random bits n times, uint32[n], as `jax.random.bits` draws them, n below 2**32: the j-th
    is what `bits` would draw had it folded in j; `key` is consumed."""
    if isinstance(key, tuple):
        high, low = _threefry(key, np.arange(n, dtype=np.uint64))
        return (high ^ low).astype(np.uint32)
    import jax
    import jax.numpy as jnp

    if str(jax.random.key_impl(key)) != IMPL:  # a user's own
        return jax.random.bits(key, (n,), jnp.uint32)
    # Not JAX's: on a CPU its rounds are a loop, in which each goes through the memory.
    counts = jnp.arange(n, dtype=jnp.uint32)
    high, low = _threefry(tuple(jax.random.key_data(key)), counts, np.uint32(MASK))
    return high ^ low


def chain(key: Any, c: int) -> Any:
    """The root key of a study's chain `c`; that of chain 0 is the study's own."""
    return derive(key, "chain", c) if c else key


def training(key: Any, i: int, r: int) -> Any:
    """The key of replicate `r` of the training of iteration `i`, from its chain's root key."""
    return derive(key, "train", i, r)


def _fold_in(key: Any, n: Any) -> Any:
    """As `jax.random.fold_in`."""
    if isinstance(key, tuple):
        return _threefry(key, int(n))
    import jax

    return jax.random.fold_in(key, n)


def _threefry(key: Any, n: Any, mask: Any = MASK) -> Any:
    """The block that Threefry makes of (0, n) under the two words of `key`: integers of Python or
    of uint64, which no step leaves; or of uint32, where the mask does nothing."""
    added = (*key, key[0] ^ key[1] ^ PARITY)
    a, b = key[0], (n + added[1]) & mask
    for block in range(5):
        for by in ROTATIONS[block % 2]:
            a = (a + b) & mask
            b = ((b << by | b >> 32 - by) & mask) ^ a
        a = (a + added[(block + 1) % 3]) & mask
        b = (b + added[(block + 2) % 3] + block + 1) & mask
    return a, b
