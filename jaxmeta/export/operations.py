"""A traced function in plain operations, for formats that know no more than these.

Our layers say how they are differentiated, batched and fenced off from XLA's rewriting, and choose
a form by the platform. Inference elsewhere needs none of it: here a function's jaxpr is evaluated
once more, and each such operation replaced by what it means.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, Literal

from jaxmeta.arithmetic import first_maximum

# Calls, and where each keeps its function.
CALLS = {
    "closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vmap_call": "call",
    "jit": "jaxpr",
    "pjit": "jaxpr",
}
# Of a function's forms by platform, the one by a library's own convolution: every format has one.
FORM = "tpu"


def plain(function: Callable[[Any], Any], batch: Any) -> tuple[Callable[..., list[Any]], Any]:
    """`function` at the shapes of `batch`, from its leaves to the leaves of its outputs; and the
    shapes of these.

    All that JAX's functions mean is settled here: a converter may put its own in their place.
    """
    _larger()
    closed, outputs = jax.make_jaxpr(function, return_shape=True)(batch)
    return lambda *leaves: evaluate(closed, leaves), outputs


def evaluate(closed: ClosedJaxpr, inputs: Sequence[Any]) -> list[Any]:
    """The outputs of `closed`, as plain operations on `inputs`, which are being traced."""
    jaxpr = closed.jaxpr
    values: dict[Any, Any] = dict(zip(jaxpr.constvars, closed.consts, strict=True))
    values.update(zip(jaxpr.invars, inputs, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    for equation in jaxpr.eqns:
        found = _apply(equation, [read(atom) for atom in equation.invars])
        values.update(zip(equation.outvars, found, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _apply(equation: Any, x: list[Any]) -> list[Any]:
    name, params = equation.primitive.name, equation.params
    if name in CALLS:
        return evaluate(params[CALLS[name]], x)
    if name == "platform_index":
        return [_form(params["platforms"])]
    if name == "cond" and type(x[0]) is int:
        return evaluate(params["branches"][x[0]], x[1:])
    if name == "optimization_barrier":
        return x
    if name == "pad" and not any(within for _, _, within in params["padding_config"]):
        return [_pad(x[0], x[1], params["padding_config"])]
    if name == "reduce" and str(params["jaxpr"]) == _larger():
        (axis,) = params["dimensions"]
        return [lax.reduce_max(x[0], (axis,)), lax.argmax(x[0], axis, x[1].dtype)]
    found = equation.primitive.bind(*x, **params)
    return found if equation.primitive.multiple_results else [found]


def _form(platforms: Sequence[Sequence[str] | None]) -> int:
    """Which of them is FORM, else the default, which is last and named by none."""
    named = (n for n, names in enumerate(platforms) if names is not None and FORM in names)
    return next(named, len(platforms) - 1)


def _pad(x: jax.Array, value: jax.Array, edges: Sequence[tuple[int, int, int]]) -> jax.Array:
    """`lax.pad` by slices and concatenation, which jax2onnx can convert at a free batch size."""
    for axis, (low, high, _) in enumerate(edges):
        size = x.shape[axis]
        if min(low, high) < 0:
            x = lax.slice_in_dim(x, max(0, -low), size - max(0, -high), axis=axis)

        def edge(n: int, axis: int = axis, x: jax.Array = x) -> list[jax.Array]:
            shape = (*x.shape[:axis], n, *x.shape[axis + 1 :])
            return [lax.broadcast(value, shape)] if n > 0 else []

        if max(low, high) > 0:
            x = lax.concatenate([*edge(low), x, *edge(high)], axis)
    return x


@cache
def _larger() -> str:
    """The reducer of `first_maximum`, as text: a maximum and its place."""
    (call,) = jax.make_jaxpr(first_maximum)(jnp.zeros((2, 1))).eqns
    (reduce,) = (e for e in call.params["call_jaxpr"].eqns if e.primitive.name == "reduce")
    return str(reduce.params["jaxpr"])
