"""Options that a record names: only what a function or a dataclass declares, by name and type.

What is declared stands in its signature, `dataset: str = "mnist"` or `train_size: int | None`, so
there is no second list to keep.
"""

import inspect
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, get_args

PLAIN = (str, int, float, bool, NoneType)


def check(who: str, declared: Callable[..., Any], options: Mapping[str, Any], every: bool) -> None:
    """Raise where `declared`, called `who`, does not declare these `options`.

    Args:
      every: whether all that it declares must be there.

    Raises:
      ValueError: an option is missing, is not declared, or is of another type.
    """
    try:
        parameters = inspect.signature(declared).parameters
    except (TypeError, ValueError):
        parameters = {}
    takes = {
        name: one.annotation
        for name, one in parameters.items()
        if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    }
    extra, missing = [n for n in options if n not in takes], [n for n in takes if n not in options]
    if extra or (every and missing):
        words = f"has {', '.join(map(ascii, extra))}" if extra else f"lacks {', '.join(missing)}"
        raise ValueError(
            f"the record's {who} must have options that it declares ("
            f"{', '.join(takes) or 'none'}), and {words}; the record was "
            "changed, or is of another version"
        )
    for name, value in options.items():
        kinds = get_args(takes[name]) or (takes[name],)
        if takes[name] is inspect.Parameter.empty:
            kinds = PLAIN
        if not any(_fits(value, kind) for kind in kinds):
            raise ValueError(
                f"the record's {who} must have {name} of type "
                f"{' or '.join(kind.__name__ for kind in kinds)}, and has a "
                f"{type(value).__name__}; the record was changed after it was made"
            )


def _fits(value: Any, kind: Any) -> bool:
    """Exactly: true is no int. A whole number is a float too, as in Python's own signatures."""
    if kind is None:
        return value is None
    return type(value) is kind or (kind is float and type(value) is int)
