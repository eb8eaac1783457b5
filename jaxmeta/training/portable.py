"""Whether a program has portable bits: which operations it is made of.

In portable arithmetic a float32 is chosen, moved, negated, or made by one sum of two, which IEEE
754 settles; all else is done by `arithmetic.exact`. What a layer or an optimiser of another package
does besides cannot be made portable from outside.
"""

import math
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxmeta.arithmetic.exact import SCOPE
from jaxmeta.training.order import BY_ENTRY, CHOICES, inner

# Results of these may differ in the last bit from one machine to the next.
SAME = BY_ENTRY - frozenset(
    "acos acosh asin asinh atan atan2 atanh cbrt cos cosh digamma div dot_general erf erf_inv erfc "
    "exp exp2 expm1 integer_pow lgamma log log1p logistic mul pow reduce_precision rem rsqrt sin "
    "sinh sqrt square tan tanh".split()
)


def check(jaxpr: Any) -> None:
    """Raise where an operation is not portable.

    Args:
      jaxpr: the program as JAX traced it.

    Raises:
      ValueError: the first one, and the layer that it stands in; or a result has 64 bits, which
        JAX has on while it traces, so that arrays without a dtype get them.
    """
    for place, operation in _foreign(jaxpr, SAME, ""):
        raise ValueError(
            f"all that a training computes must be portable, and {operation} of "
            f"{place or 'something outside of all layers'} is not; use the layers, losses and "
            "optimisers of jaxmeta, or --arithmetic fast"
        )
    for found in jaxpr.out_avals:
        if found.dtype in (jnp.float64, jnp.int64, jnp.uint64):
            raise ValueError(
                f"what a training keeps must have at most 32 bits in portable arithmetic, and "
                f"{found.dtype}{list(found.shape)} is there; give each array a dtype, "
                "jnp.float32 for example, or use --arithmetic fast"
            )


def _foreign(jaxpr: Any, known: frozenset[str], around: str) -> Iterator[tuple[str, str]]:
    """Where they stand, by Flax's and JAX's names, and what they are."""
    powers: set[Any] = set()  # variables that are powers of two
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        place = "/".join(filter(None, (around, str(equation.source_info.name_stack))))
        if SCOPE in place:
            continue
        if jaxprs := list(inner(equation.params)):
            for one in jaxprs:
                yield from _foreign(one, CHOICES if name == "reduce" else known, place)
        elif any(jnp.issubdtype(out.aval.dtype, jnp.inexact) for out in equation.outvars):
            factors = [_is_power(x, powers) for x in equation.invars]
            if name in ("broadcast_in_dim", "convert_element_type") and factors[0]:
                powers.update(equation.outvars)
            if name not in known and not (name == "mul" and any(factors)):
                yield place, name


def _is_power(of: Any, powers: set[Any]) -> bool:
    """Whether this is one power of two: a multiplication by it is exact."""
    if not hasattr(of, "val"):
        return of in powers
    value = np.asarray(of.val)
    return value.ndim == 0 and math.frexp(abs(float(value)))[0] == 0.5
