"""What the text of a compiled program tells: kernels of a step, traffic, calls, open orders.

The text is HLO, as XLA writes it; how its optimised form looks differs between devices.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

SIZES = {"pred": 1, "s8": 1, "u8": 1, "s16": 2, "u16": 2, "f16": 2, "bf16": 2, "s64": 8, "u64": 8}
# Instructions that name, place or await an array and start no kernel. What a TPU moves between its
# memories while it computes is no kernel either.
NO_KERNELS = frozenset(
    "parameter constant bitcast tuple get-tuple-element iota after-all broadcast reshape while "
    "call conditional partition-id copy-start copy-done slice-start slice-done async-start "
    "async-done all-gather-start opt-barrier domain".split()
)
NO_CALLS = frozenset(
    ("AllocateBuffer", "ConcatBitcast", "GatherScatterIndicesBitpacked")
    + ("AssumeGatherIndicesInBound", "Sharding", "SliceId")
)
_INSTRUCTION = re.compile(
    r"^\s*(?:ROOT )?%?([\w.-]+) = (\([^()]*(?:\([^()]*\)[^()]*)*\)|\S+) ([a-z][\w-]*)\((.*)$"
)


class Instruction(NamedTuple):
    name: str
    shape: str
    opcode: str
    rest: str  # operands and attributes


class Step(NamedTuple):
    """One training step of all lanes.

    Attributes:
      kernels: how many kernels or fusions; those of a loop within the step count once.
      bytes: their operands and results; of the training set, of which it takes few rows, nothing.
    """

    kernels: int
    bytes: int


def computations(text: str) -> dict[str, list[Instruction]]:
    """The instructions of each computation, by its name."""
    found: dict[str, list[Instruction]] = {}
    here: list[Instruction] = []
    for line in text.splitlines():
        if match := re.match(r"(?:ENTRY )?%?([\w.-]+)(?: \(.*)? \{$", line):
            here = found.setdefault(match[1], [])
        elif match := _INSTRUCTION.match(line):
            here.append(Instruction(*match.groups()))
    return found


def step(text: str, examples: int) -> Step:
    """The loop body that holds the gradients, of a program trained on so many `examples`."""
    found = computations(text)
    bodies = {name for i in _all(found) for name in re.findall(r" body=%?([\w.-]+)", i.rest)}

    def gradients(name: str) -> int:
        return sum("transpose(jvp" in i.rest for i in _inside(found, name, ("call",)))

    body = max(sorted(bodies), key=gradients)
    if not gradients(body):
        raise ValueError("a loop must hold a gradient, and none of this program does")
    kernels, moved = 0, 0
    shapes = {i.name: i.shape for i in _all(found)}
    for i in _inside(found, body):
        if i.opcode in NO_KERNELS or _target(i) in NO_CALLS:
            continue
        kernels += 1
        operands = re.findall(r"%([\w.-]+)", i.rest.split("), ")[0])
        # The room that a library asks for, as bytes beside its result, is no traffic.
        result = re.sub(r"\bs8\[\d+\]", "", i.shape) if i.opcode == "custom-call" else i.shape
        moved += sum(_bytes(s, examples) for s in (result, *(shapes.get(o, "") for o in operands)))
    return Step(kernels, moved)


def calls(text: str) -> dict[str, int]:
    """How often the program calls each library, written in its text once for each call."""
    targets = (_target(i) for i in _all(computations(text)) if i.opcode == "custom-call")
    return dict(sorted(Counter(t for t in targets if t not in NO_CALLS).items()))


def unordered(text: str) -> list[str]:
    """The operations whose float results may differ from run to run: they add up, or overwrite, in
    an order that is left open. Empty where the program has none.

    These are scatters into floats at indices that may be the same, select-and-scatter (the gradient
    of a max-pooling), cuDNN's gradients of convolutions, and random bits of the device's own.
    """
    found = []
    for i in _all(computations(text)):
        is_float = re.search(r"\b(bf16|f\d+)", i.shape) is not None
        target = _target(i)
        if (
            (i.opcode == "scatter" and is_float and "unique_indices=true" not in i.rest)
            or i.opcode in ("select-and-scatter", "rng", "rng-get-and-update-state")
            or (i.opcode == "rng-bit-generator" and "rng_default" in i.rest)
            or "convBackward" in target
        ):
            found.append(f"{target or i.opcode} {i.name}")
    return found


def _all(found: dict[str, list[Instruction]]) -> Iterator[Instruction]:
    return (i for instructions in found.values() for i in instructions)


def _inside(
    found: dict[str, list[Instruction]], name: str, opcodes: tuple[str, ...] = ("call", "while")
) -> Iterator[Instruction]:
    """The instructions of a computation and of those that it holds by one of `opcodes`."""
    for i in found.get(name, []):
        yield i
        if i.opcode in opcodes:
            for inner in re.findall(r"(?:to_apply|body)=%?([\w.-]+)", i.rest):
                yield from _inside(found, inner, opcodes)


def _target(i: Instruction) -> str:
    match = re.search(r'custom_call_target="([^"]*)"', i.rest)
    return match[1] if match else ""


def _bytes(shape: str, examples: int) -> int:
    total = 0
    for kind, dims in re.findall(r"\b([a-z]+\d*)\[([\d,]*)\]", shape):
        sizes = [int(n) for n in dims.split(",") if n]
        if not sizes or sizes[0] != examples:
            total += math.prod(sizes) * SIZES.get(kind, 4)
    return total
