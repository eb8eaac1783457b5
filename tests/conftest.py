"""What every test runs under: the CPU, JAX at its strictest, and the same examples each time.

The number of devices is left alone: forcing more of them enlarges XLA's thread pool, and with it
changes the bits. Tests that need several devices start a process of their own.
"""

import os
import tempfile

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# XLA writes pages about CPU features for each program that it takes from its cache.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import hypothesis
import jax

import jaxmeta  # noqa: F401  pins XLA's thread pool, which must happen before JAX starts

jax.config.update("jax_numpy_rank_promotion", "raise")
# Many tests compile the same small programs; the bits are those of a fresh compilation (README).
COMPILED = tempfile.TemporaryDirectory()
jax.config.update("jax_compilation_cache_dir", COMPILED.name)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
jax.config.update("jax_debug_key_reuse", True)

hypothesis.settings.register_profile("jaxmeta", derandomize=True, deadline=None)
hypothesis.settings.load_profile("jaxmeta")
