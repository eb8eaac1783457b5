"""The levels of the promise: one study, in other surroundings, and whether its bits are the same.

`make repro` prints the table that docs/record.md shows.
"""

import os

import pytest

from jaxmeta.record.diff import diff
from jaxmeta.record.journal import read
from tests.repro.processes import finish, jaxmeta

pytestmark = pytest.mark.repro

TUNE = ["--i-max", "2", "--epochs", "1", "--preset", "logarithmic"]
DEVICES = "--xla_force_host_platform_device_count="

PROMISED = {
    "a fresh process, another hash seed": {"PYTHONHASHSEED": "7"},
    "compiled anew": {"JAX_ENABLE_COMPILATION_CACHE": "false"},
    "1 thread": {"NPROC": "1"},
    "2 threads": {"NPROC": "2"},
    "3 threads": {"NPROC": "3"},
    "32 threads": {"NPROC": "32"},
    "2 devices in the process": {"XLA_FLAGS": DEVICES + "2"},
    "4 devices in the process": {"XLA_FLAGS": DEVICES + "4"},
    "XLA's own code for AVX2": {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"},
}
NOT_PROMISED = {
    "XLA's own code for SSE4.2, no fused multiply-add": {"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"},
    "fast math": {"XLA_FLAGS": "--xla_cpu_enable_fast_math=true"},
    "optimisation level 0": {"XLA_FLAGS": "--xla_backend_optimization_level=0"},
}


def study(folder, task, *options, **environment):
    finish(
        jaxmeta(
            "tune", f"tests.repro.networks:{task}", *TUNE, *options, "--out", folder, **environment
        )
    )
    return read(folder)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("levels")


@pytest.fixture(scope="module")
def reference(home):
    return study(home / "reference", "poster")


def same_bits(a, b) -> bool:
    found = diff(a, b)
    return found.parting is None and not found.end


@pytest.mark.parametrize("level", PROMISED)
def test_promised(level, home, reference):
    other = study(home / level, "poster", **PROMISED[level])
    print(f"\n{level}: {'the same bits' if same_bits(reference, other) else 'OTHER BITS'}")
    assert same_bits(reference, other)
    assert other == reference or "NPROC" not in PROMISED[level]  # the record does not know it


def test_promised_on_one_core(home, reference):
    """And so with one thread: nobody says NPROC here."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        other = study(home / "one core", "poster", NPROC="")
    finally:
        os.sched_setaffinity(0, cores)
    print("\n1 core and 1 thread: the same journal")
    assert other == reference


@pytest.mark.parametrize("level", NOT_PROMISED)
def test_not_promised_is_recognised(level, home, reference):
    """Whatever the bits, the record says that the environment was another."""
    other = study(home / level, "poster", **NOT_PROMISED[level])
    print(f"\n{level}: {'the same bits' if same_bits(reference, other) else 'other bits'}")
    assert diff(reference, other).environment


def test_control_another_seed_differs(home, reference):
    assert not same_bits(reference, study(home / "seed", "poster", "--seed", "1"))


def test_control_plain_layers_do_depend_on_the_threads(home):
    """So the comparison can see a difference, and the fixed order is needed."""
    batch = ["--batch-size", "1000", "--epochs", "3"]
    one, eight = (study(home / f"plain {n}", "plain", *batch, NPROC=n) for n in ("1", "8"))
    print(f"\ncontrol, plain layers: {'the same bits' if same_bits(one, eight) else 'other bits'}")
    assert not same_bits(one, eight)
    assert any(row.startswith('threads: recorded "1"') for row in diff(one, eight).environment)
