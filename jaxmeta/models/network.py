"""One form for Flax networks, Linen or NNX: two pure functions of weights and inputs.

init(key, x)                 -> params, rest       `rest`: batch statistics and the like
apply(params, rest, x, key)  -> outputs, rest      `key` is for dropout; None: not training
"""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
from flax import linen as nn
from flax import nnx
from jax.core import Tracer

from jaxmeta import keys
from jaxmeta.arguments import arguments, given

# Arguments of networks that are no hyperparameters.
NOT_TUNED = ("rngs", "name", "parent")


class Network(NamedTuple):
    """A network at given values of its hyperparameters."""

    init: Callable[[jax.Array, Any], tuple[Any, Any]]
    apply: Callable[[Any, Any, Any, jax.Array | None], tuple[jax.Array, Any]]


class Source(NamedTuple):
    """Where networks come from.

    Attributes:
      takes: the hyperparameters by name, and whether each must be given.
      network: from hyperparameters by name, traced scalars among them, to the network.
    """

    takes: Mapping[str, bool]
    network: Callable[[Mapping[str, Any]], Network]


def source(net: Any) -> Source:
    """The networks of `net`, one of:

    - a Linen module; it takes no hyperparameter;
    - a function or class that makes an NNX module, with an argument `rngs`;
    - any other function or class: it makes a Linen module.

    The arguments of a function or class are hyperparameters by name; of `functools.partial` those
    that are left. A Linen module is called as `module(x, train=...)` where its `__call__` has such
    an argument, else as `module(x)`; dropout finds its key under "dropout". An NNX module is put
    into `train()` or `eval()` mode and called as `module(x)`; its streams "dropout" and "default"
    are set anew for each step.

    Raises:
      TypeError: it is none of these.
    """
    if isinstance(net, nn.Module):
        return Source({}, lambda values: _linen(net))
    if not callable(net):
        raise TypeError(
            "a network must be a flax.linen module, or a function or class that makes one, or an "
            f"NNX module from rngs, got {type(net).__name__}; for NNX pass the class, or "
            "lambda rngs: Net(..., rngs=rngs)"
        )
    named = arguments(net)
    takes = {name: needed for name, needed in named.items() if name not in NOT_TUNED}
    build = _nnx if "rngs" in named else _made
    return Source(takes, lambda values: build(net, _only(net, values)))


def _only(make: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: v for name, v in given(make, values).items() if name not in NOT_TUNED}


def _made(make: Callable[..., Any], values: dict[str, Any]) -> Network:
    module = make(**values)
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"a network's function must make a flax.linen module, got {type(module).__name__}; "
            "for an NNX module give it an argument rngs"
        )
    return _linen(module)


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


def _nnx(make: Callable[..., Any], values: dict[str, Any]) -> Network:
    def split(model):
        # Streams of random keys are left out of `rest`: each step brings its own.
        return nnx.split(model, nnx.Param, nnx.RngState, ...)

    def fresh(key):
        return split(make(rngs=nnx.Rngs(params=keys.derive(key, "params"), default=key), **values))

    def form():
        """The module's structure and its streams. A traced value is kept in the structure, so that
        it is made anew in each trace; the weights that this draws are not used, and XLA drops
        them."""
        traced = any(isinstance(value, Tracer) for value in values.values())
        made = (fresh if traced else partial(nnx.eval_shape, fresh))(keys.root(0))
        return made[0], made[2]

    def init(key, x):
        del x  # an NNX module knows its own shapes
        _, params, _, rest = fresh(key)
        return params, rest

    def apply(params, rest, x, key):
        graph, streams = form()
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
