"""What must hold of JAX itself: XLA's pool has the threads that it should, and its sums are right.

XLA makes as many threads as this process has cores, and knows nothing of a container's quota of
processor time: on two of 64 cores it makes 64 threads, which cost time. `import jaxmeta` sets the
environment variable NPROC, which XLA reads when JAX starts, to the cores that the process may use;
what the user has set stays. Whether the size can change a bit depends on the program: see
`training.order`.
"""

import functools
import math
import os
import re
import sys
from pathlib import Path

VARIABLES = ("PJRT_NPROC", "NPROC")  # where XLA looks for the size, the first one first
ROWS = 32769
_pinned: list[str] = []


def pin() -> None:
    """Settle the size of the thread pool, unless JAX has started or the user has settled it."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    started = bridge and bridge.backends_are_initialized()
    if not started and all(_number(os.environ.get(name)) is None for name in VARIABLES):
        os.environ["NPROC"] = str(cores())
        _pinned.append(os.environ["NPROC"])


def pinned() -> bool:
    """Whether `pin` settled it in this process, and not the user."""
    return os.environ.get("NPROC") in _pinned


def cores(root: Path = Path("/")) -> int:
    """How many cores this process may use: of its affinity and its control group the smaller.

    A quota that is no whole number is rounded up. `root` is where the file system begins.
    """
    return max(1, math.ceil(min(_affinity(), _quota(root))))


def threads() -> int:
    """The size of the pool of XLA's CPU backend in this process; starts JAX."""
    import jax

    # As XLA counts: xla/pjrt/utils.cc, DefaultThreadPoolSize, and a thread for each device.
    given = (_number(os.environ.get(name)) for name in VARIABLES)
    size = next((max(0, n) for n in given if n is not None), _affinity())
    return max(size, jax.local_device_count("cpu"))


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
    import jaxlib.version
    import numpy as np

    rows = np.arange(3 * ROWS).reshape(ROWS, 3) % 251
    sums = jax.jit(lambda eye, x: jnp.sum(jnp.square(eye @ x.T), axis=0))
    given = jax.device_put((np.eye(3, dtype=np.float32), rows.astype(np.float32)))
    wrong = int((jax.device_get(sums(*given)) != np.square(rows).sum(axis=1)).sum())
    if wrong:
        raise ValueError(
            f"{wrong:,} of {ROWS:,} sums came out wrong and all must be right: jaxlib "
            f"{jaxlib.version.__version__} cannot be trusted on {jax.default_backend()} (jax issue "
            "39103 is such a fault, of jaxlib 0.10.2); install another"
        )


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota(root: Path) -> float:
    """Cores' worth of processor time, by version 2 of Linux's control groups or by version 1."""
    quotas = [math.inf]
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        own = top / path.lstrip("/")
        # A group is bound by those around it; inside a container only the top one may be seen.
        for group in (group for group in (own, *own.parents) if group.is_relative_to(top)):
            if controllers:
                limit = _read(group / "cpu.cfs_quota_us") + " " + _read(group / "cpu.cfs_period_us")
            else:
                limit = _read(group / "cpu.max")
            if match := re.fullmatch(r"(\d+)\s+([1-9]\d*)\s*", limit):  # not "max", not -1
                quotas.append(int(match[1]) / int(match[2]))
    return min(quotas)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\s*[+-]?\d+\s*", text) else None
