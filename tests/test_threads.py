"""The size of XLA's thread pool: as XLA itself counts it, and no more than the process may use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxmeta import runtime

COUNT = """
import glob
import jaxmeta
from jaxmeta import runtime
said = runtime.threads()
names = [open(path).read().strip() for path in glob.glob("/proc/self/task/*/comm")]
print(said, names.count("tf_XLAEigen"))
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="counts its threads in /proc")


def said_and_seen(**environment: str) -> tuple[int, int]:
    """The size of the pool as `runtime.threads` has it, and how many threads XLA has made."""
    rest = {k: v for k, v in os.environ.items() if k not in (*runtime.VARIABLES, "XLA_FLAGS")}
    output = subprocess.check_output(
        [sys.executable, "-c", COUNT],
        text=True,
        env={**rest, "JAX_PLATFORMS": "cpu", **environment},
    )
    said, seen = map(int, output.split())
    return said, seen


@linux
@pytest.mark.parametrize(
    ("size", "environment"),
    [
        (3, {"NPROC": "3"}),
        (1, {"NPROC": "0"}),
        (5, {"NPROC": "3", "PJRT_NPROC": "5"}),
        (4, {"NPROC": "1", "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}),
        (runtime.cores(), {}),
        (runtime.cores(), {"NPROC": "many"}),
    ],
)
def test_the_size_is_what_xla_makes(size, environment):
    assert said_and_seen(**environment) == (size, size)


@linux
def test_one_core_has_one_thread():
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        assert said_and_seen() == (1, 1)
    finally:
        os.sched_setaffinity(0, cores)


@pytest.mark.parametrize(
    ("cores", "files"),
    [
        (64, {}),
        (64, {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000"}),
        (2, {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "200000 100000\n"}),
        (2, {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "150000 100000\n"}),
        (1, {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "1000 100000\n"}),
        (
            3,
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/cpu.max": "300000 100000\n",
                "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
            },
        ),
        (
            4,
            {
                "proc/self/cgroup": "4:memory:/a\n3:cpu,cpuacct:/a\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "50000\n",
            },
        ),
    ],
)
def test_cores_are_no_more_than_the_quota(cores, files, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(runtime, "_affinity", lambda: 64)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert runtime.cores(tmp_path) == cores
