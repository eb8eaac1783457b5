"""StableHLO as `jax.export` serialises it, for CPU, CUDA and TPU; JAX runs it, without jaxmeta.

Whatever follows the serialised program is not read by `jax.export.deserialize`. So the trace is the
file's last line.
"""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from jax import export

from jaxmeta.export.model import Model

PLATFORMS = ("cpu", "cuda", "tpu")
LINE = 2**16  # bytes of a trace that are looked for


def write(model: Model, path: Path) -> None:
    network, batch = model.traced()
    exported = export.export(jax.jit(network), platforms=PLATFORMS)(batch)
    path.write_bytes(bytes(exported.serialize()) + b"\n" + model.trace.encode())


def trace(path: Path) -> str:
    with open(path, "rb") as file:
        file.seek(max(0, file.seek(0, 2) - LINE))
        return file.read().rpartition(b"\n")[2].decode()


def load(path: Path) -> Callable[[list[np.ndarray]], list[np.ndarray]]:
    exported = export.deserialize(bytearray(path.read_bytes()))
    call = jax.jit(exported.call)

    def run(leaves: list[np.ndarray]) -> list[np.ndarray]:
        arguments, _ = jax.tree.unflatten(exported.in_tree, leaves)
        return [np.asarray(leaf) for leaf in jax.tree.leaves(call(*arguments))]

    return run
