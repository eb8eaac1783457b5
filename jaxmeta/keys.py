"""Named streams of random keys: every draw of a study is a function of its seed, a name and
indices.

Nothing is split along a chain, so any draw can be had without the ones before it: a study can be
resumed, replayed or looked ahead from any point. A stream's number is the
first 32 bits of the SHA-256 of its name, never Python's salted `hash`.
"""

import hashlib
from operator import index as whole

import jax
import jax.numpy as jnp
import numpy as np

# Named explicitly, so that a user's `jax_default_prng_impl` cannot change a study, and because
# threefry draws the same bits under `vmap` as alone ("rbg" does not).
IMPL = "threefry2x32"


def root(seed: int) -> jax.Array:
    """The study's root key, shape (); `seed` is an integer in [0, 2**32)."""
    seed = whole(seed)  # also one of NumPy's
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be an integer from 0 to 2**32 - 1, got {seed}; choose another")
    # As `jax.random.key(seed)`, but for JAX's configuration, which could add an offset to the seed.
    return jax.random.wrap_key_data(jnp.asarray(np.array([0, seed], np.uint32)), impl=IMPL)


def stream(name: str) -> int:
    """The number of the stream called `name`: 32 bits, the same in every process and version."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def derive(key: jax.Array, name: str, *indices: jax.Array | int) -> jax.Array:
    """The key of stream `name` at `indices` (uint32 scalars, traced or not); `key` stays usable."""
    key = jax.random.fold_in(key, stream(name))
    for index in indices:
        key = jax.random.fold_in(key, index)
    return key


def chain(key: jax.Array, c: int) -> jax.Array:
    """The root key of a study's chain `c`; that of chain 0 is the study's own."""
    return derive(key, "chain", c) if c else key


def training(key: jax.Array, i: int, r: int) -> jax.Array:
    """The key of replicate `r` of the training of iteration `i`, from its chain's root key."""
    return derive(key, "train", i, r)
