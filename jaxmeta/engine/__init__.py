"""Engines: what runs trials, here or elsewhere, and the schedule of them."""

from jaxmeta.engine.local import Local
from jaxmeta.engine.protocol import Engine, Event, Job, Recipe
from jaxmeta.engine.workers import Workers

__all__ = ["Engine", "Event", "Job", "Local", "Recipe", "Workers", "start"]


def start(recipe: Recipe, workers: int = 0) -> Engine:
    """An engine of so many worker processes, or with 0 of this process."""
    return Workers(recipe, workers) if workers else Local(recipe)
