"""A search space: the hyperparameters that a study may change, by name, in a fixed order."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from keyword import iskeyword
from math import prod
from typing import Any, Self

from jaxmeta.space.axis import Axis
from jaxmeta.space.linear import Linear
from jaxmeta.space.lists import LETTERS, Choice, Values
from jaxmeta.space.log import Log
from jaxmeta.space.ranges import Range
from jaxmeta.trial import Position
from jaxmeta.trial import Values as Named

KINDS: dict[str, type[Axis]] = {kind.kind: kind for kind in (Linear, Log, Values, Choice)}
MOST_AXES = 64


@dataclass(frozen=True, init=False, repr=False)
class Space:
    """Named axes. A *position* of the space is an integer for each axis, in their order.

    >>> space = Space(width=Values(16, 32, 64), optimizer=Choice("adam", "sgd"))
    >>> space.values((0, 1))
    {'width': 16, 'optimizer': 'sgd'}
    """

    names: tuple[str, ...]
    axes: tuple[Axis, ...]

    def __init__(self, /, **axes: Axis) -> None:
        """The axes by the names of their hyperparameters, at least one.

        Raises:
          ValueError: there is none, a name is no identifier, or an axis is none.
        """
        if not 1 <= len(axes) <= MOST_AXES:
            raise ValueError(
                f"a space has 1 to {MOST_AXES} hyperparameters, got {len(axes)}; change it"
            )
        for name, axis in axes.items():
            if not name.isidentifier() or iskeyword(name) or len(name) > LETTERS:
                raise ValueError(
                    f"a hyperparameter's name must be an identifier, got {name!r:.100}; rename it"
                )
            if not isinstance(axis, Axis):
                raise ValueError(
                    f"{name} must be a Linear, Log, Values or Choice, got {axis!r:.100}; make one"
                )
        object.__setattr__(self, "names", tuple(axes))
        object.__setattr__(self, "axes", tuple(axes.values()))

    @property
    def d(self) -> int:
        """How many axes."""
        return len(self.axes)

    def axis(self, name: str) -> Axis:
        """The axis called `name`; a KeyError if there is none."""
        return dict(zip(self.names, self.axes, strict=True))[name]

    @property
    def bounds(self) -> tuple[Position, Position]:
        """The lowest and the highest position of every axis."""
        low, high = zip(*(axis.bounds for axis in self.axes), strict=True)
        return low, high

    @property
    def start(self) -> Position:
        """The position that is tried first."""
        return tuple(axis.first for axis in self.axes)

    @property
    def variants(self) -> int:
        """How many combinations of values there are that need a compilation of their own."""
        return prod(axis.variants for axis in self.axes)

    def values(self, position: Iterable[int]) -> Named:
        """The hyperparameters at `position`, one integer an axis, by name.

        Raises:
          ValueError: there is no such position.
        """
        position = tuple(position)
        if len(position) != self.d:
            raise ValueError(
                f"a position of this space has {self.d} integers, got {len(position)}: "
                f"{', '.join(self.names)}"
            )
        named = zip(self.names, self.axes, position, strict=True)
        return {name: axis.value(k) for name, axis, k in named}

    def resolve(self, how: Callable[[Range], Axis]) -> Self:
        """With positions for those ranges that had none: `how` gives them."""
        return self.replace(
            **{
                name: how(axis)
                for name, axis in zip(self.names, self.axes, strict=True)
                if isinstance(axis, Range) and not axis.resolved
            }
        )

    def replace(self, **axes: Axis) -> Self:
        """With other axes for some of its hyperparameters.

        Raises:
          ValueError: it has no such hyperparameter.
        """
        for name in axes.keys() - set(self.names):
            raise ValueError(f"the space has {', '.join(self.names)}, and no {name}; leave it out")
        return type(self)(**dict(zip(self.names, self.axes, strict=True)) | axes)

    def to_record(self) -> dict[str, Any]:
        """The space as JSON; `from_record` gives it back."""
        return {n: axis.to_record() for n, axis in zip(self.names, self.axes, strict=True)}

    @classmethod
    def from_record(cls, record: Any) -> Self:
        """The space that `to_record` described. A record is a stranger's text.

        Raises:
          ValueError: `to_record` did not write it.
        """
        if not isinstance(record, dict) or len(record) > MOST_AXES:
            raise ValueError(
                f"the record's space must have 1 to {MOST_AXES} hyperparameters by name; "
                "use the version of jaxmeta that wrote the record"
            )
        return cls(**{str(name): _axis(name, of) for name, of in record.items()})

    def __repr__(self) -> str:
        named = zip(self.names, self.axes, strict=True)
        return f"Space({', '.join(f'{name}={axis!r}' for name, axis in named)})"


def _axis(name: Any, record: Any) -> Axis:
    """The axis that was written as `record`; a ValueError unless it would be written so again."""
    try:
        options = dict(record)
        axis = KINDS[options.pop("kind")]._made(options)
        if json.dumps(axis.to_record()) == json.dumps(record):
            return axis
        why = "it would be written in another way"
    except ValueError as error:
        why = str(error)
    except (TypeError, KeyError, OverflowError, RecursionError):
        why = "its fields are those of no axis that is known here"
    raise ValueError(f"the record's axis {str(name)!r:.100} cannot be read: {why}")
