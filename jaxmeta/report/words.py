"""A study in words: its options, its values, and how it ended; all fit to be shown (`plain`)."""

from collections.abc import Mapping
from typing import Any

from jaxmeta.plain import plain
from jaxmeta.space import show
from jaxmeta.trial import Values

NAME, OPTIONS = 100, 500  # characters that are shown


def show_values(values: Values, limit: int = OPTIONS) -> str:
    """Hyperparameters by name, exactly."""
    return plain(", ".join(f"{name} = {show(value)}" for name, value in values.items()), limit)


def show_options(options: Mapping[str, Any]) -> str:
    """Those of the `options` that were set, as on the command line."""
    words = (f"{name}={value}" for name, value in options.items() if value is not None)
    return plain("  ".join(words), OPTIONS)


def show_task(task: Mapping[str, Any]) -> str:
    """A task's name and options."""
    options = show_options({name: value for name, value in task.items() if name != "name"})
    name = plain(task["name"], NAME)
    return f"{name} ({options})" if options else name


def short(name: str, most: int) -> str:
    """`name`, cut to `most` characters."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def ending(done: int, at_most: int, chains: int, noprog: int, finished: bool) -> str:
    """How far a study came, or how it ended.

    Args:
      done: decisions, of `at_most`.
      chains: of the study.
      noprog: decisions in a row, at the end, that were worse than the one before.
    """
    of = f"{done} of at most {at_most} decisions"
    if not finished:
        return f"not finished: {of} so far"
    if done == at_most:
        return f"finished: all {done} decisions"
    if chains > 1:
        return f"finished: {of} in {chains} chains"
    return f"finished: {of}" + (f", since {noprog} in a row got worse" if noprog else "")
