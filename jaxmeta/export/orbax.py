"""Plain weights: an Orbax checkpoint of dicts of arrays, with the trace as a file beside them."""

from pathlib import Path

from jaxmeta.export.model import Model
from jaxmeta.record import weights

TRACE = "trace.json"


def write(model: Model, path: Path) -> None:
    weights.save(path, model.kept)
    (path / TRACE).write_text(model.trace)


def trace(path: Path) -> str:
    return (path / TRACE).read_text()
