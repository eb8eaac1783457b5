"""Whether this machine, JAX and its flags compute in portable arithmetic as all others do."""

import functools
import hashlib

import jax
import jax.numpy as jnp
import numpy as np

from jaxmeta.arithmetic import exact
from jaxmeta.arithmetic.mode import PORTABLE, computing_in

EXPECTED = "0d5d08539bef10498921ecb5582254b2ae22481783affbeed6b7aaf3430a404d"


def _numbers() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """float32[64, 64] twice, of all sizes that the operations are for, from whole numbers; and
    float32[8], the smallest normal ones."""
    n = np.arange(2**12, dtype=np.int64) * 2654435761 % 2**24
    exponents = np.arange(2**12) * 37 % 40 - 30
    a = np.ldexp((n - 2**23).astype(np.float32), exponents - 23).reshape(64, 64)
    tiny = np.ldexp(8 + np.arange(8, dtype=np.float32), -129)
    return a.astype(np.float32), a[::-1].T.astype(np.float32), tiny


def _results(a: jax.Array, b: jax.Array, tiny: jax.Array) -> list[jax.Array]:
    positive = jnp.abs(a) + np.float32(2.0**-60)
    return [
        exact.contract("ij,jk->ik", exact.factor(a), exact.factor(b)),
        exact.times(a, b) + b,
        exact.quotient(a, positive + jnp.abs(b)),
        exact.root(positive),
        exact.exp(-positive),
        exact.log(positive),
        (a + b) - a,  # b, if sums are taken as fast math likes
        tiny - tiny[::-1],  # below the normal numbers, which a sum must leave to zero
        exact.times(tiny, tiny - a[0, :8]),
    ]


def digest() -> str:
    """SHA-256 of the bytes of what the operations give here for `_numbers`."""
    with computing_in(PORTABLE):
        found = jax.jit(_results)(*_numbers())
    return hashlib.sha256(b"".join(np.asarray(x).tobytes() for x in found)).hexdigest()


@functools.cache
def check() -> None:
    """Once in each process whose environment is recorded.

    Raises:
      ValueError: it computes otherwise, and records would not be those of other machines.
    """
    if (found := digest()) != EXPECTED:
        raise ValueError(
            f"portable arithmetic must give {EXPECTED[:16]} for numbers that it is tried with, and "
            f"gives {found[:16]} on {jax.devices()[0].device_kind}; leave XLA's fast math off, or "
            "use --arithmetic fast"
        )
