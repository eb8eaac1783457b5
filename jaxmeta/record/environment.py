"""The fingerprint of an environment: whatever is known to change the bits of a training.

Versions, flags, thread pool, configuration, device kind, the
instruction sets by which XLA and its libraries pick their kernels, and the package's own source.

In portable arithmetic little of it can: the version of that arithmetic, which numbers a key draws,
and the packages that decisions hang on. All else stands under INFORMATION, and is not compared.
"""

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
from jax import config

from jaxmeta import runtime
from jaxmeta.arithmetic import FAST, PORTABLE, check
from jaxmeta.arithmetic import VERSION as ARITHMETIC
from jaxmeta.record.lines import INFORMATION
from jaxmeta.version import VERSION

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")
CONFIGURATION = (
    "jax_default_matmul_precision",
    "jax_enable_x64",
    "jax_threefry_partitionable",
    "jax_numpy_dtype_promotion",
)
DRAWS = "jax_threefry_partitionable"
INSTRUCTION_SETS = (
    *("avx", "avx2", "fma", "avx512f", "avx512bw", "avx512vl", "avx512_bf16", "avx512_vnni"),
    *("amx_tile", "amx_bf16", "asimd", "sve"),
)


def fingerprint(arithmetic: str = FAST, program: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The environment of this process, as JSON; where it is equal, equal bits are expected.

    Args:
      arithmetic: of the trainings.
      program: digests of the first trial's program.

    Raises:
      ValueError: JAX computes wrongly here, so that no record would be worth anything.
    """
    runtime.check_sums()
    found = {**_here(), **(program or {})}
    if arithmetic != PORTABLE:
        return found
    check()
    draws = {DRAWS: found.pop(DRAWS)}
    return {"arithmetic": ARITHMETIC, **draws, INFORMATION: found}


def _here() -> dict[str, Any]:
    device = jax.devices()[0]
    return {
        "jaxmeta": VERSION,
        "source": source_digest(),
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in PACKAGES},
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        **{name: str(getattr(config, name)) for name in CONFIGURATION},
        "platform": device.platform,
        "device_kind": device.device_kind,
        "platform_version": device.client.platform_version.splitlines()[0],
        **_processor(),
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of packages that decisions hang on; "none" where one is not installed."""

    def version(package: str) -> str:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return "none"

    return {package: version(package) for package in packages}


def _processor() -> dict[str, Any]:
    """Architecture, model and instruction sets of the CPU; Linux tells, elsewhere less is known."""
    fields: dict[str, str] = {}
    info = Path("/proc/cpuinfo")
    if info.exists():
        for row in info.read_text().splitlines():
            name, _, value = row.partition(":")
            fields.setdefault(name.strip(), value.strip())
    flags = set(fields.get("flags", fields.get("Features", "")).split())
    return {
        "machine": platform.machine(),
        "cpu": fields.get("model name", platform.processor()),
        "instruction_sets": [name for name in INSTRUCTION_SETS if name in flags],
    }


def source_digest() -> str:
    """SHA-256 over the package's own Python files: their names and bytes, in the order of names."""
    package = Path(__file__).parent.parent
    total = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        total.update(f"{path.relative_to(package).as_posix()}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def differences(recorded: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """What differs, one sentence part a field: 'jaxlib: recorded "0.9.2", here "0.10.1"'.

    Empty where both are the same JSON text but for INFORMATION, and nowhere else.
    """
    a, b = (
        {name: json.dumps(one[name]) for name in one if name != INFORMATION}
        for one in (recorded, here)
    )
    found = [
        f"{name}: recorded {a.get(name, 'nothing')}, here {b.get(name, 'nothing')}"
        for name in sorted(a.keys() | b.keys())
        if a.get(name) != b.get(name)
    ]
    return found or ["the order of the fields"] * (list(a) != list(b))
