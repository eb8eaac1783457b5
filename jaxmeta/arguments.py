"""Hyperparameters by the name of an argument: what a function takes, and what it is given."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def arguments(function: Callable[..., Any], skip: int = 0) -> dict[str, bool]:
    """The arguments of a function or class by name, and whether each must be given.

    `*args` and `**kwargs` name nothing. Of the arguments the first `skip` are left out.
    """
    signature = inspect.signature(_plain(function))
    parameters = list(signature.parameters.values())[skip:]
    return {p.name: p.default is p.empty for p in parameters if p.kind in _NAMED}


def given(function: Callable[..., Any], values: Mapping[str, Any], skip: int = 0) -> dict[str, Any]:
    """Those of `values` that `function` takes."""
    return {name: values[name] for name in arguments(function, skip) if name in values}


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A class by its `__init__`: a metaclass (NNX has one) may hide it from `inspect`."""
    if isinstance(function, functools.partial):
        inner = _plain(function.func)
        return functools.partial(inner, *function.args, **function.keywords)
    if isinstance(function, type):
        return functools.partial(function.__init__, None)
    return function
