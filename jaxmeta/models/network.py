"""One form for Flax networks, Linen or NNX: two pure functions, `init` and `apply`.

init(key, x)                 -> params, rest       `rest`: batch statistics and the like
apply(params, rest, x, key)  -> outputs, rest      `key` is for dropout; None: not training
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from flax import linen as nn
from flax import nnx

from jaxmeta import keys


class Network(NamedTuple):
    init: Callable[[jax.Array, jax.Array], tuple[Any, Any]]
    apply: Callable[[Any, Any, jax.Array, jax.Array | None], tuple[jax.Array, Any]]


def network(source: nn.Module | Callable[[nnx.Rngs], nnx.Module]) -> Network:
    """The network of a Linen module, or of a function (or class) that makes an NNX module from
    Rngs.

    A Linen module is called as `module(x, train=...)` where its `__call__` has such an argument,
    else as `module(x)`; dropout finds its key under "dropout". An NNX module is put into `train()`
    or `eval()` mode and called as `module(x)`; its streams "dropout" and "default" are set anew for
    each step.
    """
    if isinstance(source, nn.Module):
        return _linen(source)
    if callable(source):
        return _nnx(source)
    raise TypeError(
        "a network must be a flax.linen module or a function from nnx.Rngs to an nnx.Module, "
        f"got {type(source).__name__}; for NNX pass the class, or lambda rngs: Net(..., rngs=rngs)"
    )


def _linen(module: nn.Module) -> Network:
    takes_train = "train" in inspect.signature(type(module).__call__).parameters

    def mode(train: bool) -> dict[str, Any]:
        return {"train": train} if takes_train else {}

    def init(key, x):
        rngs = {name: keys.derive(key, name) for name in ("params", "dropout")}
        rest = dict(module.init(rngs, x, **mode(False)))
        return rest.pop("params", {}), rest

    def apply(params, rest, x, key) -> Any:
        variables = {"params": params, **rest}
        if key is None:
            return module.apply(variables, x, **mode(False)), rest
        outputs, changed = module.apply(
            variables, x, **mode(True), rngs={"dropout": key}, mutable=list(rest)
        )
        return outputs, dict(changed)

    return Network(init, apply)


def _nnx(make: Callable[[nnx.Rngs], nnx.Module]) -> Network:
    def split(model):
        # Streams of random keys are left out of `rest`: each step brings its own.
        return nnx.split(model, nnx.Param, nnx.RngState, ...)

    def fresh(key):
        return split(make(nnx.Rngs(params=keys.derive(key, "params"), default=key)))

    graph, _, streams, _ = nnx.eval_shape(lambda: fresh(keys.root(0)))

    def init(key, x):
        del x  # an NNX module knows its own shapes
        _, params, _, rest = fresh(key)
        return params, rest

    def apply(params, rest, x, key):
        step_key = keys.root(0) if key is None else key
        counted = jax.tree.map(
            lambda leaf: (
                step_key
                if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)
                else jax.numpy.zeros(leaf.shape, leaf.dtype)
            ),
            streams,
        )
        # A copy: these variables belong to the trace that this call is in.
        model = nnx.merge(graph, params, counted, rest, copy=True)
        if key is None:
            model.eval()
        else:
            model.train()
        outputs = model(x)
        return outputs, split(model)[3]

    return Network(init, apply)
