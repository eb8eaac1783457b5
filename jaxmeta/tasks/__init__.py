"""What is trained, by name: tasks of data, a network, a loss and a score, or a user's own."""

import difflib
import importlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from jaxmeta import options as declared
from jaxmeta.record.error import shown
from jaxmeta.tasks import cache
from jaxmeta.tasks.crossroads import crossroads
from jaxmeta.tasks.images import images
from jaxmeta.tasks.small import sine, spirals
from jaxmeta.tasks.steering import steering
from jaxmeta.training import Trainable

TASKS: dict[str, Callable[..., Trainable]] = {
    "mnist": images,
    "spirals": spirals,
    "sine": sine,
    "steering": steering,
    "crossroads": crossroads,
}

__all__ = ["TASKS", "from_record", "make"]


def make(name: str, **options: Any) -> Trainable:
    """The trainable called `name`, or the user's own: "package.module:function", called with
    `options`.

    These must be the user's own words: a record's go to `from_record`.

    Raises:
      ValueError: no such task, or it does not take one of the options.
    """
    return _call(name, TASKS.get(name) or _imported(name), options)


def from_record(
    record: Mapping[str, Any], allowed: str | None = None, allow_download: bool = False
) -> Trainable:
    """The task that a record names, which may be a stranger's: nothing is imported or called for it
    but a task of this package with options that it declares, or what the user names as well.

    Args:
      record: "name" and options.
      allowed: the user's own words for the same task: a name, or "package.module:function".
      allow_download: whether a data set that is not on this machine may be downloaded.

    Raises:
      ValueError: the task is none of these, or does not declare one of the options.
    """
    options = dict(record)
    name = options.pop("name")
    if allowed is not None and allowed != name and (":" in name or ":" not in allowed):
        raise ValueError(
            f"the record asks for the task {shown(name)}, and --task names {shown(allowed)}; "
            "name the one that you trust, or leave it out"
        )
    if allowed is None and name not in TASKS:
        raise ValueError(
            f"the record asks for {shown(dict(record))}, which is no task of jaxmeta's own, and a "
            "record may call nothing else by itself; where you know that function and trust it, "
            "name it too: --task module:function"
        )
    make_task = TASKS.get(allowed or name) or _imported(allowed or name)
    declared.check(f"task {shown(name)}", make_task, options, every=False)
    with cache.downloads(allow_download):
        return _call(allowed or name, make_task, options)


def _call(name: str, make_task: Callable[..., Any], options: Mapping[str, Any]) -> Trainable:
    try:
        made = make_task(**options)
    except TypeError as error:
        raise ValueError(
            f"task {name} must take the options given, and does not: {error}"
        ) from error
    if not isinstance(made, Trainable):
        raise ValueError(
            f"{name} must give a jaxmeta trainable, got {type(made).__name__}; return what "
            "jaxmeta.classification, regression, trainable or objective makes"
        )
    return made


def _imported(name: str) -> Any:
    """A function that the user named. The current folder is searched too, after all others."""
    module, _, function = name.partition(":")
    if not function:
        close = difflib.get_close_matches(name, TASKS, n=1)
        hint = f"did you mean {close[0]}?" if close else "choose one, or name your own function"
        raise ValueError(
            f"task must be one of {', '.join(TASKS)}, or module:function, got {name!r}; {hint}"
        )
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.append(os.getcwd())
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"task {name} must name a function that can be imported, and does not ({error}); "
            "run from the folder that holds the module"
        ) from error
