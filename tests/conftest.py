"""What every test runs under: the CPU, JAX at its strictest, and the same examples each time.

The number of devices is left alone: forcing more of them enlarges XLA's thread pool, and with it
changes the bits. Tests that need several devices start a process of their own.
"""

import json
import os
import tempfile

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# XLA writes pages about CPU features for each program that it takes from its cache.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Many tests, in several processes, compile the same small programs; the bits are those of a fresh
# compilation (docs/record.md). The first process makes the folder, and all that it starts inherit
# it.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    COMPILED = tempfile.TemporaryDirectory()
    os.environ["JAX_COMPILATION_CACHE_DIR"] = COMPILED.name
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"

# The true studies that several files read (tests.records): made once in a run.
if "JAXMETA_TRUE_STUDIES" not in os.environ:
    TRUE_STUDIES = tempfile.TemporaryDirectory()
    os.environ["JAXMETA_TRUE_STUDIES"] = TRUE_STUDIES.name

# The key of what processes believe of each other: nothing of the user's is read or written.
if "JAXMETA_STATE" not in os.environ:
    STATE = tempfile.TemporaryDirectory()
    os.environ["JAXMETA_STATE"] = STATE.name

import hypothesis  # noqa: E402
import jax  # noqa: E402
import pytest  # noqa: E402

import jaxmeta  # noqa: E402, F401  pins XLA's thread pool, which must happen before JAX starts
from jaxmeta.record.diff import differences  # noqa: E402

jax.config.update("jax_numpy_rank_promotion", "raise")

hypothesis.settings.register_profile("jaxmeta", derandomize=True, deadline=None)
hypothesis.settings.load_profile("jaxmeta")

# Where programs that draw are made. JAX runs every call of a compiled function in Python while it
# watches keys, and so takes three times as long for small ones.
DRAW = {"laws", "supervised", "training"}


@pytest.fixture(autouse=True, scope="module")
def no_key_is_used_twice(request):
    jax.config.update("jax_debug_key_reuse", not DRAW.isdisjoint(request.path.parts))


def pytest_assertrepr_compare(op, left, right):
    """Where journals part that should be the same, by name where there are several."""
    left, right = _named(left), _named(right)
    if op != "==" or left is None or right is None:
        return None
    said = ["journals that are the same"]
    for name in [*left, *(name for name in right if name not in left)]:
        one, other = left.get(name, []), right.get(name, [])
        if one != other:
            said += [f"{name}: {len(one)} lines and {len(other)}"]
        for n, (a, b) in enumerate(zip(one, other, strict=False)):
            parts = [part for part in differences(a, b) if not part.startswith("prev:")]
            said += [f"{name}, line {n}, {part[:300]}" for part in parts]
    return said


def _named(journals):
    """The lines of each journal, by its name or number; None where there is something else."""
    if isinstance(journals, bytes | list):
        journals = dict(enumerate([journals] if isinstance(journals, bytes) else journals))
    if not isinstance(journals, dict) or not all(map(_is_journal, journals.values())):
        return None
    return {name: [_line(line) for line in x.splitlines()] for name, x in journals.items()}


def _is_journal(x):
    return isinstance(x, bytes) and x.startswith(b'{"prev"')


def _line(text):
    try:
        return json.loads(text)
    except ValueError:
        return {"no line": repr(text)}
