"""A finished study's best network as one file for somewhere else, and back from the file to the
study.

A format is a module of this room, and a line here. It has

  write(model, path)    the file
  trace(path)           the text that `write` put in, `Model.trace`

and, where the file can be run, `load(path)`: from the arrays of a batch to those of the outputs.
"""

import importlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from jaxmeta.export.model import Model, differs
from jaxmeta.export.timing import Latency, latency
from jaxmeta.outcome import load
from jaxmeta.plain import plain
from jaxmeta.training import Trainable

FORMATS = {
    "stablehlo": "for JAX alone, on CPU, GPU or TPU; on a CPU with the bits of training",
    "onnx": "for onnxruntime and many others, without JAX",
    "orbax": "the weights, as an Orbax checkpoint",
}

__all__ = ["FORMATS", "Exported", "Latency", "export", "trace"]


class Exported(NamedTuple):
    """What `export` wrote.

    Attributes:
      path: of the file; for "orbax" of a folder.
      trace: what it says of its origin, see `trace`.
      examples: on how many held-out examples its outputs were compared with the network's own; 0
        where the file holds weights alone.
      difference: the largest one between them, over the largest output.
      latency: of one example on one core; None for weights.
    """

    path: Path
    trace: dict[str, Any]
    examples: int = 0
    difference: float = 0.0
    latency: Latency | None = None


def export(
    folder: Path | str,
    to: str,
    out: Path | str,
    *,
    batch: int | None = None,
    task: Trainable | str | None = None,
    allow_download: bool = False,
) -> Exported:
    """Write the recommended network of the study in `folder`, as `out`/model.`to`.

    Its inputs are those of the data, uint8 for images, which are scaled inside; its outputs are the
    network's. Where they are not those of the network itself, on every held-out example, to 1e-5 of
    the largest output, nothing is left behind.

    Args:
      to: "stablehlo", "onnx" or "orbax".
      out: a folder; made where there is none.
      batch: how many examples a call takes; None: any number.
      task: where it was made in Python, or "module:function" to trust the record's own.
      allow_download: whether data that are not on this machine may be downloaded.

    Raises:
      ValueError: no such format; or the network has not the form for it.
      JournalError: the study has not ended, or its weights are not those of the record.
      ModuleNotFoundError: the format's package is not installed.
      RuntimeError: the file's outputs are others.
    """
    format = _format(to)
    found = load(folder)
    model = Model.of(found.lines, found.restored(task, allow_download), batch)
    path = Path(out) / f"model.{to}"
    path.parent.mkdir(parents=True, exist_ok=True)
    format.write(model, path)
    origin = trace(path)
    if not hasattr(format, "load"):
        return Exported(path, origin)
    try:
        examples, difference = differs(model, format.load(path))
    except RuntimeError:
        path.unlink()
        raise
    return Exported(path, origin, examples, difference, latency(path, to, model.example()))


def trace(path: Path | str) -> dict[str, Any]:
    """Where an exported file comes from.

    Returns:
      "study": the SHA-256 of its journal.jsonl; "task", "values": what was trained, and its
      hyperparameters; "weights": their digest in the journal; "score", "test"; "jaxmeta": the
      version that wrote the file.

    Raises:
      ValueError: the file holds nothing of this.
    """
    path = Path(path)
    try:
        found = json.loads(_format(path.suffix[1:]).trace(path))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} must be a file that jaxmeta export wrote, and is not "
            f"({plain(error, 200)}); name a model.onnx, model.stablehlo or model.orbax"
        ) from error
    if not isinstance(found, dict) or not isinstance(found.get("study"), str):
        raise ValueError(
            f"{path} must name the study that it comes from, and does not; export anew"
        )
    return found


def _format(name: str) -> Any:
    if name not in FORMATS:
        raise ValueError(
            f"the format must be one of {', '.join(FORMATS)}, got {name!r}; choose one"
        )
    return importlib.import_module(f"jaxmeta.export.{name}")
