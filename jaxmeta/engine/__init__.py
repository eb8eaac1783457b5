"""Engines: what runs trials, here or elsewhere, and the schedule of them."""

from jaxmeta.engine.local import Local
from jaxmeta.engine.place import LOCAL, Place
from jaxmeta.engine.protocol import Engine, Event, Job, Recipe
from jaxmeta.engine.workers import Workers

__all__ = ["Engine", "Event", "Job", "Local", "Place", "Recipe", "Workers", "start"]


def start(recipe: Recipe, workers: int = 0, place: Place = LOCAL) -> Engine:
    """An engine of so many worker processes, on the machines that `place` names. With 0 of this
    process; on a cluster of as many as it has room for."""
    if place.engine == "ray":
        from jaxmeta.engine.ray_cluster import RayCluster

        return RayCluster(recipe, workers, place)
    return Workers(recipe, workers) if workers else Local(recipe)
