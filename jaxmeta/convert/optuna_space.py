"""A search space as Optuna describes one."""

from typing import TYPE_CHECKING, Any

from jaxmeta.space import Axis, Log, Space
from jaxmeta.space.ranges import Range
from jaxmeta.trial import Value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def distributions(space: Space) -> "dict[str, BaseDistribution]":
    """Of each hyperparameter: a range is a `FloatDistribution`, a list of values or of choices a
    `CategoricalDistribution`."""
    return {n: _distribution(axis) for n, axis in zip(space.names, space.axes, strict=True)}


def _distribution(axis: Axis) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if isinstance(axis, Range):
        return FloatDistribution(axis.low, axis.high, log=isinstance(axis, Log))
    low, high = axis.bounds
    return CategoricalDistribution([axis.value(k) for k in range(low, high + 1)])


def contained(distribution: Any, value: Value) -> Value:
    """`value`, where rounding to float32 has put it beyond an end, the end: the same float32."""
    if isinstance(value, float) and hasattr(distribution, "low"):
        return min(max(value, distribution.low), distribution.high)
    return value
