"""Variants: hyperparameters that are static, a compiled program for each combination of them.

A float is traced, and a new one never compiles. An int or a string changes shapes or code, so it is
static. A study of several batch sizes and optimisers has a program for each pair that it trains.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxmeta.arithmetic import FAST, PORTABLE
from jaxmeta.length import Training
from jaxmeta.training.data import Data
from jaxmeta.training.lanes import Lanes
from jaxmeta.training.program import Program
from jaxmeta.training.protocol import Trainable
from jaxmeta.trial import Value, Values


class Variant(NamedTuple):
    """What one compiled program serves: static values, and the names of those that are traced."""

    static: tuple[tuple[str, Value], ...]
    traced: tuple[str, ...]


def variant(values: Mapping[str, Value]) -> Variant:
    """The variant that trains at these values of a search space."""
    static = tuple(sorted((n, v) for n, v in values.items() if not isinstance(v, float)))
    return Variant(static, tuple(sorted(n for n, v in values.items() if isinstance(v, float))))


class Programs:
    """The compiled programs of one study on one device, made when first wanted, and kept.

    They share the data. A program that rests keeps its code, and no arrays.

    Args:
      trainable, training, scored_on, lanes, device, arithmetic: as for `Program`.
      fixed: the hyperparameters that are the same in all trials.
    """

    def __init__(
        self,
        trainable: Trainable,
        training: Training,
        fixed: Values,
        scored_on: str = "validation",
        lanes: Lanes = Lanes(),  # noqa: B008 it is frozen
        device: Any = None,
        arithmetic: str = FAST,
    ) -> None:
        self._same = trainable, training
        self._fixed, self._rest = fixed, (scored_on, lanes, device)
        self._data, self._arithmetic = Data(trainable, device), arithmetic
        self._programs: dict[Variant, Program] = {}

    def __len__(self) -> int:
        return len(self._programs)

    def of(self, values: Mapping[str, Value]) -> Program:
        """The program that trains at these values of the search space."""
        one = variant(values)
        if one not in self._programs:
            constants = {**self._fixed, **dict(one.static)}
            self._programs[one] = Program(
                *self._same, constants, one.traced, *self._rest, self._data, self._arithmetic
            )
        return self._programs[one]

    def admit(self, space: Any) -> None:
        """The door of portable arithmetic: see `Program.check`, for the values of `looked_at`."""
        if self._arithmetic == PORTABLE:
            seen = {variant(values): values for values in looked_at(space)}
            for values in seen.values():
                self.of(values).check()


def looked_at(space: Any) -> list[Values]:
    """The values at a space's first position, and with each axis at its ends, or if it is unordered
    at all its choices, and the other axes where they start."""
    start = space.values(space.start)
    examples = [start]
    for name, axis in zip(space.names, space.axes, strict=True):
        low, high = axis.bounds
        positions = (low, high) if axis.ordered else range(low, high + 1)
        examples += [{**start, name: axis.value(k)} for k in positions]
    return examples


def admit(trainable: Trainable, space: Any, fixed: Values) -> None:
    """The door: whether `trainable` can be trained at the values of `looked_at`, with `fixed` set.

    Raises:
      ValueError: it cannot, in one sentence.
    """
    if both := sorted(set(space.names) & fixed.keys()):
        raise ValueError(
            f"{', '.join(both)} must be tuned or set, not both; leave one of the two out"
        )
    examples = [{**trainable.defaults, **fixed, **values} for values in looked_at(space)]
    for values in examples:
        trainable.check(values)
    taken = {name for values in examples for name in trainable.takes(values)}
    if idle := sorted({*space.names, *fixed} - taken):
        raise ValueError(
            f"{', '.join(idle)} must change something, and nothing here takes it; what is taken: "
            f"{', '.join(sorted(taken))}"
        )
