"""What must hold of JAX itself: the size of XLA's thread pool is fixed, and its sums are right.

The bits of some XLA reductions depend on the number of threads, which XLA takes from the number of
cores, or from the environment variable NPROC. `import
jaxmeta` sets NPROC to a constant, so that a study gives the same bits on 1, 2 or 64 cores. What the
user has set stays and goes into the record, like everything here.
"""

import functools
import os
import sys
import warnings
from importlib import metadata

THREADS = "8"
ROWS = 32769


def pin() -> None:
    """Fix the size of the thread pool; warns when JAX has started before."""
    if "NPROC" in os.environ:
        return
    bridge = sys.modules.get("jax._src.xla_bridge")
    if bridge and bridge.backends_are_initialized():
        warnings.warn(
            "NPROC must be set before JAX starts, and JAX has started; the bits of this process "
            "may depend on its number of cores: import jaxmeta before using JAX",
            RuntimeWarning,
            stacklevel=3,
        )
        return
    os.environ["NPROC"] = THREADS


@functools.cache
def check_sums() -> None:
    """Refuse a JAX that adds up wrongly: once in each process whose environment is recorded.

    jaxlib 0.10.2 does so on a CPU, without a word: products are squared and summed in rows of
    three, and of 32,769 rows the last is wrong, of 32,768 none (jax issue 39103). The numbers are
    small and whole, so that any order and any precision gives the same sums.

    Raises:
      ValueError: a sum is wrong.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    rows = np.arange(3 * ROWS).reshape(ROWS, 3) % 251
    sums = jax.jit(lambda eye, x: jnp.sum(jnp.square(eye @ x.T), axis=0))
    given = jax.device_put((np.eye(3, dtype=np.float32), rows.astype(np.float32)))
    wrong = int((jax.device_get(sums(*given)) != np.square(rows).sum(axis=1)).sum())
    if wrong:
        raise ValueError(
            f"{wrong:,} of {ROWS:,} sums came out wrong and all must be right: jaxlib "
            f"{metadata.version('jaxlib')} cannot be trusted on {jax.default_backend()} (jax issue "
            "39103 is such a fault, of jaxlib 0.10.2); install another"
        )
