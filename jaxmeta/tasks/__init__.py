"""Tasks: what is trained. Data, a network, a loss and a score."""

import difflib
import importlib
from typing import Any

from jaxmeta.tasks.images import images
from jaxmeta.tasks.small import sine, spirals
from jaxmeta.tasks.task import Task, arrays, classification, regression

TASKS = {"mnist": images, "spirals": spirals, "sine": sine}

__all__ = ["TASKS", "Task", "arrays", "classification", "make", "regression"]


def make(name: str, **options: Any) -> Task:
    """The task called `name`, or the user's own: "package.module:function", called with `options`.

    Raises:
      ValueError: no such task, or it does not take one of the options.
    """
    make_task = TASKS.get(name) or _imported(name)
    try:
        task = make_task(**options)
    except TypeError as error:
        raise ValueError(
            f"task {name} must take the options given, and does not: {error}"
        ) from error
    if not isinstance(task, Task):
        raise ValueError(
            f"{name} must give a jaxmeta Task, got {type(task).__name__}; return a Task"
        )
    return task


def _imported(name: str) -> Any:
    module, _, function = name.partition(":")
    if not function:
        close = difflib.get_close_matches(name, TASKS, n=1)
        hint = f"did you mean {close[0]}?" if close else "choose one, or name your own function"
        raise ValueError(
            f"task must be one of {', '.join(TASKS)}, or module:function, got {name!r}; {hint}"
        )
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"task {name} must name a function that can be imported, and does not ({error}); "
            "run from the folder that holds the module"
        ) from error
