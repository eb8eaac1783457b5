"""One text for two: NumPy's functions on NumPy's arrays, and JAX's of the same names on JAX's.

A study decides on the host, by NumPy, which starts at once and compiles nothing; look-ahead and the
judge run the same functions under `jit` and `vmap`. All that decides is an integer, so both give
the same.
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any  # of NumPy or of JAX, whose import takes longer than a study's replay
ArrayLike: TypeAlias = Any

_OURS = {np.ndarray, np.int32, np.int64, np.uint32, np.bool_, int, bool}


def on_host(*values: Any) -> bool:
    """Whether none of these, nor anything in these lists, is an array of JAX."""
    if "jax" not in sys.modules:
        return True
    for value in values:
        kind = type(value)
        if kind in _OURS:
            continue
        if kind in (list, tuple):
            if not on_host(*value):
                return False
        elif isinstance(value, sys.modules["jax"].Array):
            return False
    return True


class _Both:
    """A function of the same name in NumPy and in JAX, whichever its arguments ask for."""

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """`a` and `b` are numbers or arrays, no lists."""
        if on_host(condition, a, b):
            if type(condition) is np.bool_ and getattr(a, "shape", ()) == getattr(b, "shape", ()):
                return a if condition else b  # a tenth of NumPy's time
            return np.where(condition, a, b)
        import jax.numpy

        return jax.numpy.where(condition, a, b)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        of_numpy = getattr(np, name)

        def function(*given: Any, **options: Any) -> Any:
            if on_host(*given):
                return of_numpy(*given, **options)
            import jax.numpy

            return getattr(jax.numpy, name)(*given, **options)

        setattr(self, name, function)
        return function


xp: Any = _Both()


def either(condition: Array, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """What `then` gives if `condition`, shape (), holds, or else what `otherwise` gives; on the
    host the other one is not even computed."""
    if on_host(condition):
        return then() if condition else otherwise()
    import jax

    return jax.tree.map(partial(jax.numpy.where, condition), then(), otherwise())


def put(x: Array, i: Array, value: Array) -> Array:
    """`x` with `value` at `i`."""
    if not on_host(x, i, value):
        import jax.numpy

        return jax.numpy.asarray(x).at[i].set(value)
    new: Any = np.array(x)
    new[i] = value
    return new


def sums(which: Array, values: Array) -> Array:
    """int32[n]: at k the sum of those `values` (int32[n]) whose `which` (int32[n]) is k."""
    if on_host(which, values):
        return np.bincount(which, values, len(which)).astype(np.int32)
    import jax.numpy

    return jax.numpy.zeros_like(values).at[which].add(values)


def int32(tree: Any) -> Any:
    """A NamedTuple of NumPy's integers, or of tuples of them, as int32."""
    if isinstance(tree, tuple):
        leaves = map(int32, tree)
        return type(tree)(*leaves) if hasattr(tree, "_fields") else tuple(leaves)
    return np.asarray(tree, np.int32)[()]


def flat(tree: Any) -> np.ndarray:
    """All integers of a NamedTuple of NumPy's, in the order of `jax.flatten_util.ravel_pytree`."""

    def leaves(tree: Any) -> list[np.ndarray]:
        if isinstance(tree, tuple):
            return [leaf for one in tree for leaf in leaves(one)]
        return [np.ravel(tree)]

    return np.concatenate(leaves(tree))
