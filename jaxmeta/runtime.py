"""What must be settled before JAX starts: the size of XLA's thread pool, and one broken release.

The bits of some XLA reductions depend on the number of threads, which XLA takes from the number of
cores, or from the environment variable NPROC. `import
jaxmeta` sets NPROC to a constant, so that a study gives the same bits on 1, 2 or 64 cores. What the
user has set stays and goes into the record, like everything here.
"""

import os
import warnings
from importlib import metadata

THREADS = "8"
# jaxlib 0.10.2 gives wrong float sums on a CPU (jax issue 39103) unless it is told not to.
BROKEN_JAXLIB = "0.10.2"
SAFE_FLAG = "--xla_cpu_experimental_ynn_fusion_type=-reduce"


def pin() -> None:
    """Fix the thread pool, and the broken release's flag; warns when JAX has started before."""
    from jax._src import xla_bridge

    wanted = {"NPROC": os.environ.get("NPROC", THREADS)}
    if metadata.version("jaxlib") == BROKEN_JAXLIB and SAFE_FLAG not in os.environ.get(
        "XLA_FLAGS", ""
    ):
        wanted["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {SAFE_FLAG}".strip()
    missing = {name: value for name, value in wanted.items() if os.environ.get(name) != value}
    if missing and xla_bridge.backends_are_initialized():
        warnings.warn(
            f"{' and '.join(missing)} must be set before JAX starts, and JAX has started; "
            "the bits of "
            "this process may depend on its number of cores: import jaxmeta before using JAX",
            RuntimeWarning,
            stacklevel=3,
        )
        return
    os.environ.update(missing)
