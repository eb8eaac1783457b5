"""Whether the bits of a program can depend on the size of XLA's thread pool.

On a CPU a float sum, a convolution, and a matrix product that XLA leaves to Eigen are split among
the threads, and so added up in an order that goes with their number. The products that it leaves to
YNNPACK have one order: those whose contracted axis is contiguous in the first operand. So have all
networks of `jaxmeta.models` with the losses and optimisers of this package. What decides is the
program itself, as JAX traced it and as XLA compiled it; what is not known here counts as dependent.
"""

import re
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp

from jaxmeta import runtime

# Each entry of a result is made of one entry of each operand, or is one of theirs; or a product; or
# is zero (empty2: JAX 0.12, where nothing depends on it).
BY_ENTRY = frozenset(
    "abs acos acosh add add_any asin asinh atan atan2 atanh bitcast_convert_type "
    "broadcast_in_dim cbrt ceil clamp concatenate convert_element_type copy copy_p cos cosh "
    "cummax cummin device_put digamma div dot_general dynamic_slice dynamic_update_slice "
    "empty2 erf erf_inv erfc exp exp2 expand_dims expm1 floor gather integer_pow iota lgamma "
    "log log1p logistic max min mul neg nextafter optimization_barrier pad pow reduce_max "
    "reduce_min reduce_precision rem reshape rev round rsqrt scatter select_n sign sin sinh "
    "slice sort split sqrt square squeeze stack stop_gradient sub tan tanh tile top_k "
    "transpose".split()
)
# Programs within the program.
CALLS = frozenset(
    "closed_call cond core_call custom_jvp_call custom_vjp_call custom_vmap_call jit pjit remat "
    "checkpoint reduce scan while".split()
)
# What a reduction by a function of its own may do with two entries: choose, never add.
CHOICES = frozenset({"max", "min", "select_n"})


def threads(jaxpr: Any, compiled: str) -> str:
    """The size of XLA's CPU thread pool in this process, or "any" where it changes no bit.

    Args:
      jaxpr: the program as JAX traced it.
      compiled: the text of the program as XLA compiled it for a CPU.
    """
    return (
        "any" if sums_are_fixed(jaxpr) and products_are_fixed(compiled) else str(runtime.threads())
    )


def sums_are_fixed(jaxpr: Any, known: frozenset[str] = BY_ENTRY) -> bool:
    """Whether all float results of `jaxpr` but matrix products have one order of addition."""
    return all(_is_fixed(equation, known) for equation in jaxpr.eqns)


def _is_fixed(equation: Any, known: frozenset[str]) -> bool:
    name = equation.primitive.name
    if platforms := equation.params.get("branches_platforms"):  # one of them is for a CPU
        here = next(n for n, names in enumerate(platforms) if names is None or "cpu" in names)
        return sums_are_fixed(equation.params["branches"][here], known)
    if name in CALLS:
        rules = CHOICES if name == "reduce" else known
        return all(sums_are_fixed(jaxpr, rules) for jaxpr in inner(equation.params))
    if not any(jnp.issubdtype(out.aval.dtype, jnp.inexact) for out in equation.outvars):
        return True  # whole numbers have the same sum in any order
    return name in known


def products_are_fixed(compiled: str) -> bool:
    """Whether XLA left all matrix products of a program to YNNPACK."""
    to_ynnpack = set(re.findall(r"calls=%([\w.-]+),[^\n]*__ynn_fusion", compiled))
    for computation in compiled.split("\n\n"):
        name = re.match(r"\s*(?:ENTRY )?%([\w.-]+)", computation)
        if not (name and name[1] in to_ynnpack) and re.search(r" (dot|convolution)\(", computation):
            return False
    return True


def inner(params: Any) -> Iterator[Any]:
    """The jaxprs among the parameters of an equation."""
    if isinstance(params, dict):
        params = tuple(params.values())
    if isinstance(params, tuple | list):
        for value in params:
            yield from inner(value)
    elif hasattr(params, "eqns"):
        yield params
