"""Print the fingerprint of this environment, as records hold it, and what in it can change the bits
of a training. A record that was made in another one is recognised by it."""

import argparse
import json

from rich.table import Table

from jaxmeta.cli.common import JSON
from jaxmeta.cli.console import console
from jaxmeta.plain import plain

CODE = "the training's own code: another version may compute in another order"
DRAWS = "which numbers a key draws"
KERNELS = "XLA and its libraries pick kernels by it, and kernels differ in the order of sums"
FIELDS = {
    "jaxmeta": CODE,
    "source": f"SHA-256 of the package's own files; {CODE.partition(':')[0]}",
    "python": "no known effect on a compiled training; on a task's own Python code, its own",
    "jax": "traces the training, and draws its random numbers",
    "jaxlib": "XLA, which compiles it: another version may give other kernels",
    "flax": "layers and initial weights of networks that use it",
    "optax": "optimisers that come from it",
    "numpy": "data that a task makes or changes with it",
    "xla_flags": "what was set in XLA_FLAGS: fast math, instruction sets and optimisation "
    "levels change bits",
    "jax_default_matmul_precision": "how products are rounded on a GPU or TPU",
    "jax_enable_x64": "float64 instead of float32 wherever a task leaves it open",
    "jax_threefry_partitionable": DRAWS,
    "jax_numpy_dtype_promotion": "the type of mixed arithmetic",
    "platform": KERNELS,
    "device_kind": KERNELS,
    "platform_version": KERNELS,
    "machine": KERNELS,
    "cpu": KERNELS,
    "instruction_sets": KERNELS,
}
REST = (
    "A study's record adds what its own program is: digests of it as traced and as compiled, and "
    "the number of threads where it can change a bit. Decisions follow from the seed and the "
    "recorded scores alone, in any environment."
)


def add(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", **JSON)


def run(options: argparse.Namespace) -> int:
    from jaxmeta.record.environment import fingerprint

    found = fingerprint()
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    table = Table("field", "here", "what it can change", show_edge=False)
    for name, value in found.items():
        shown = " ".join(value) if isinstance(value, list) else value
        table.add_row(name, plain(shown) or "–", FIELDS[name])
    console().print(table)
    print(REST)
    return 0
