"""Engines: what runs trials, here or elsewhere, and the schedule of them."""

from collections.abc import Sequence

from jaxmeta.engine.local import Local
from jaxmeta.engine.place import LOCAL, Place
from jaxmeta.engine.protocol import Engine, Event, Job, Recipe
from jaxmeta.engine.workers import Workers

__all__ = ["Engine", "Event", "Job", "Local", "Place", "Recipe", "Workers", "start"]


def start(recipes: Sequence[Recipe], workers: int = 0, place: Place = LOCAL) -> Engine:
    """An engine of so many worker processes, on the machines that `place` names, for trials by any
    of the recipes. With 0 of this process; on a cluster of as many as it has room for."""
    if place.engine == "ray":
        from jaxmeta.engine.ray_cluster import RayCluster

        return RayCluster(recipes, workers, place)
    return Workers(recipes, workers) if workers else Local(recipes)
