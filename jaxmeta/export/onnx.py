"""ONNX by jax2onnx, for onnxruntime and others; one file, weights inside.

The trace stands in the model's metadata under "jaxmeta".
"""

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np

from jaxmeta.export.model import Model
from jaxmeta.export.operations import plain

KEY = "jaxmeta"
# Of onnxruntime 1.20, which runs on Python 3.10 too, as cars' computers have it.
OPSET, IR = 21, 10


def write(model: Model, path: Path) -> None:
    jax2onnx = _imported("jax2onnx")
    network, batch = model.traced()
    run, outputs = plain(network, batch)
    with _quiet():
        made = jax2onnx.to_onnx(
            run,
            jax.tree.leaves(batch),
            model_name="jaxmeta",
            opset=OPSET,
            input_names=_names(batch, "inputs"),
            output_names=_names(outputs, "outputs"),
        )
    made.ir_version = min(made.ir_version, IR)
    made.metadata_props.add(key=KEY, value=model.trace)
    path.write_bytes(made.SerializeToString())


def trace(path: Path) -> str:
    onnx = _imported("onnx")
    try:
        model = onnx.load(path, load_external_data=False)
    except OSError:
        raise
    except Exception as error:  # protobuf's own
        raise ValueError(str(error)) from error
    return next((entry.value for entry in model.metadata_props if entry.key == KEY), "")


def load(path: Path) -> Callable[[list[np.ndarray]], list[np.ndarray]]:
    """On one thread."""
    onnxruntime = _imported("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    return lambda leaves: session.run(None, dict(zip(names, leaves, strict=True)))


def _names(tree: Any, alone: str) -> list[str]:
    """A name for each array: its place in the pytree, "depth" say; `alone` where there is one."""
    paths = jax.tree_util.tree_leaves_with_path(tree)
    return [jax.tree_util.keystr(p, simple=True, separator="_") or alone for p, _ in paths]


def _imported(name: str) -> ModuleType:
    import importlib

    try:
        with _quiet():
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"ONNX needs {name}, and it is not installed: pip install 'jaxmeta[onnx]'"
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """jax2onnx and what it loads say much that is not for its users."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
