"""Regularisers: each a hyperparameter by its own name, or one of them chosen, with its strength.

- l2: half the sum of the squares of all weights, times l2, is added to what is minimised; the loss
  that the record shows is without it.
- weight_decay: each step also takes the learning rate times weight_decay of every weight away
  (decoupled from the gradient).
- dropout: the network's argument of that name.
- label_smoothing: the loss's argument of that name.
"""

from collections.abc import Mapping
from typing import Any

import jax

from jaxmeta.arithmetic import times
from jaxmeta.supervised.optimizers import is_off
from jaxmeta.trial import Value

# The strength of each where none is given.
STRENGTHS = {"l2": 1e-4, "weight_decay": 1e-2, "dropout": 0.5, "label_smoothing": 0.1}
REGULARIZERS = ("none", *STRENGTHS)


def check(values: Mapping[str, Value]) -> None:
    """Whether these hyperparameters name a regulariser in one way.

    Raises:
      ValueError: there is no such regulariser, or it is named in two ways, or in none.
    """
    if "regularizer" not in values:
        if "strength" in values:
            raise ValueError(
                "strength is that of a regularizer, and none is chosen; tune or set regularizer "
                f"too, or set one by its own name: {', '.join(STRENGTHS)}"
            )
        return
    if values["regularizer"] not in REGULARIZERS:
        raise ValueError(
            f"regularizer must be one of {', '.join(REGULARIZERS)}, got "
            f"{values['regularizer']!r}; choose one"
        )
    if twice := [name for name in STRENGTHS if name in values]:
        raise ValueError(
            f"regularizer chooses one of {', '.join(STRENGTHS)}, and {', '.join(twice)} is given "
            "by its own name as well; leave one of the two out"
        )


def resolve(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with each regulariser by its own name: the chosen one on, the others off."""
    if "regularizer" not in values:
        return dict(values)
    chosen, rest = values["regularizer"], {n: v for n, v in values.items() if n != "strength"}
    del rest["regularizer"]
    rest.update(dict.fromkeys(STRENGTHS, 0.0))
    if chosen != "none":
        rest[chosen] = values.get("strength", STRENGTHS[chosen])
    return rest


def add_l2(l2: Any, gradient: Any, params: Any) -> Any:
    """The gradient with that of the penalty; `l2` may be traced."""
    if is_off(l2):
        return gradient
    return jax.tree.map(lambda g, w: g + times(w, l2), gradient, params)
