"""A compiled program, its text, and what of the text names it."""

import re
from contextlib import nullcontext
from typing import Any

import jax

from jaxmeta.arithmetic import FAST, PORTABLE, computing_in
from jaxmeta.training import portable
from jaxmeta.training.order import threads

IN_ORDER = "xla_cpu_copy_insertion_use_region_analysis"


class Executable:
    """`function` compiled for the shapes and dtypes of `arguments`, pytrees of arrays or shapes.

    Args:
      arithmetic: that it is traced in.

    Raises:
      ValueError: in portable arithmetic, and an operation of it is not.

    Attributes:
      written: the program as JAX wrote it, StableHLO.
      compiled: the program as XLA compiled it, without names, what says where in which file it was
        written, and in how many parts its loops run.
      threads: the size of XLA's thread pool, or "any" where it changes no bit.
      memory: the bytes that a run takes on the device: arguments, results, temporaries and code.
    """

    def __init__(self, function: Any, device: Any, *arguments: Any, arithmetic: str = FAST) -> None:
        here = nullcontext() if device is None else jax.default_device(device)
        with here, computing_in(arithmetic):
            traced = trace(function, *arguments, arithmetic=arithmetic)
            lowered = traced.lower()
            self._run = _compile(lowered)
        text = self._run.as_text() or ""
        self.memory: int = _memory(self._run.memory_analysis())
        self._device = device
        self.written: str = lowered.as_text()
        self.compiled: str = _nameless(text)
        platform = device.platform if device else jax.default_backend()
        fixed = arithmetic == PORTABLE or platform != "cpu"
        self.threads: str = "any" if fixed else threads(traced.jaxpr, text)

    def __call__(self, *arguments: Any) -> Any:
        """Its results; they are tied to the device, also where none of the arguments is."""
        return jax.device_put(self._run(*arguments), self._device)


def trace(function: Any, *arguments: Any, arithmetic: str = FAST) -> Any:
    """`function`, which is jitted, as JAX traces it for the shapes and dtypes of `arguments`.

    Raises:
      ValueError: in portable arithmetic, and an operation of it is not.
    """
    # By shapes alone: the name of a device would be a part of the text, and of the digest.
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), arguments)
    with computing_in(arithmetic):
        traced = function.trace(*shapes)
        if arithmetic == PORTABLE:
            portable.check(traced.jaxpr)
    return traced


def _compile(lowered: Any) -> Any:
    """Without the copies that XLA makes for a CPU where it does not look at the order of what reads
    and what writes: of all weights, in each step, if they are read for a gradient."""
    try:
        return lowered.compile({IN_ORDER: True})
    except jax.errors.JaxRuntimeError as error:
        if IN_ORDER not in str(error):
            raise
        return lowered.compile()  # a JAX that has no such option


def _memory(found: Any) -> int:
    """What XLA says that a run takes; what is donated counts once, and 0 where it says nothing."""
    if found is None:
        return 0
    taken = found.argument_size_in_bytes + found.output_size_in_bytes - found.alias_size_in_bytes
    return taken + found.temp_size_in_bytes + found.generated_code_size_in_bytes


def _nameless(hlo: str) -> str:
    """The text of a compiled program without what says where in which file it was written, and in
    how many parts its loops run: that goes by the number of threads. Names become numbers, since
    JAX's cache gives a program with those of whoever compiled it first."""
    tables = ("FileNames", "FunctionNames", "FileLocations", "StackFrames")
    parts = [part for part in hlo.split("\n\n") if not part.startswith(tables)]
    text = re.sub(r", metadata=\{[^}]*\}", "", "\n\n".join(parts))
    text = re.sub(r'"outer_dimension_partitions":\[[^]]*\],?', "", text)
    text = text.replace(", backend_config={}", "")
    text = re.sub(r"^((?:ENTRY )?%[\w.-]+) \(.*\) -> ", r"\1 -> ", text, flags=re.MULTILINE)
    numbers: dict[str, str] = {}
    return re.sub(r"%[\w.-]+", lambda name: numbers.setdefault(name[0], f"%{len(numbers)}"), text)
