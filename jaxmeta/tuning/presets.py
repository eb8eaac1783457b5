"""Tuners by name, with presets: how the command line and the record name them."""

import json
from dataclasses import fields
from typing import Any, get_type_hints

from jaxmeta.space import Space
from jaxmeta.tuning.earlier import Earlier
from jaxmeta.tuning.grid import Grid
from jaxmeta.tuning.moves import ONE
from jaxmeta.tuning.optuna_search import OptunaSearch
from jaxmeta.tuning.poster_rule import PosterRule
from jaxmeta.tuning.protocol import Tuner
from jaxmeta.tuning.random_search import Random
from jaxmeta.tuning.rank_gp import RankGP
from jaxmeta.tuning.three_way import ThreeWay

TUNERS: dict[str, type] = {
    tuner.name: tuner for tuner in (PosterRule, ThreeWay, RankGP, Grid, Random, OptunaSearch)
}

# The poster gives no numbers; these are ours. What a preset tunes is the task's business.
PRESETS: dict[str, dict[str, Any]] = {
    "poster": {"p_eps": 0.1, "i_max": 100, "noprog_max": 10},
    "logarithmic": {"p_eps": 0.1, "p_min": 0.05, "i_max": 100, "noprog_max": 10},
}


def options(name: str) -> dict[str, type]:
    """The options of the tuner called `name`, with their types."""
    hints = get_type_hints(TUNERS[name])
    return {field.name: hints[field.name] for field in fields(TUNERS[name])[1:]}


def default(preset: str | None, space: Space) -> str:
    """The tuner where none is named: the poster's with a preset; else by the number of axes."""
    if preset is not None:
        return PosterRule.name
    return ThreeWay.name if space.d == 1 else RankGP.name


def make(name: str | None, preset: str | None, space: Space, **given: Any) -> Tuner:
    """The tuner called `name` over `space`.

    Args:
      name: None: see `default`.
      preset: whose options the poster's starts from; None: its own.
      space: what is tuned.
      given: options of the tuner; they count more than the preset's.

    Raises:
      ValueError: an unknown tuner or preset, an option that the tuner has not, or a bad value.
    """
    name = name or default(preset, space)
    if name not in TUNERS:
        raise ValueError(f"tuner must be one of {', '.join(TUNERS)}, got {name!r:.100}; choose one")
    if preset is not None and preset not in PRESETS:
        raise ValueError(
            f"preset must be one of {', '.join(PRESETS)}, got {preset!r:.100}; choose one"
        )
    if preset is not None and name != PosterRule.name:
        raise ValueError(
            f"presets are of the tuner {PosterRule.name}, got {preset} with {name}; leave one out"
        )
    known = options(name)
    for option in given:
        if option not in known:
            raise ValueError(f"{name} takes {', '.join(known)}, got {option:.100}; leave it out")
    return TUNERS[name](space, **(PRESETS[preset] if preset else {}) | given)


def to_record(tuner: Tuner) -> dict[str, Any]:
    """The tuner as JSON, without its space; `from_record` gives it back."""
    given = {name: getattr(tuner, name) for name in options(tuner.name)}
    if isinstance(prior := given.get("prior"), Earlier):
        given["prior"] = prior.to_record()
    said = {"name": tuner.name, "version": tuner.version, "one": ONE}
    return said | {"decisions": tuner.decisions} | given


def from_record(record: Any, space: Space) -> Tuner:
    """The tuner over `space` that `to_record` described. A record is a stranger's text.

    Raises:
      ValueError: `to_record` did not write it, or this version of jaxmeta decides differently.
    """
    if not isinstance(record, dict):
        raise ValueError(
            "the record's tuner is no object with a name; "
            "use the version of jaxmeta that wrote the record"
        )
    given = dict(record)
    name, version, one = (given.pop(key, None) for key in ("name", "version", "one"))
    given.pop("decisions", None)  # at most; it follows from the others
    if not isinstance(name, str) or name not in TUNERS:
        raise ValueError(
            f"the record's tuner {name!r:.100} is not known here; "
            "use the version of jaxmeta that wrote the record"
        )
    if version != TUNERS[name].version or one != ONE:
        raise ValueError(
            f"the record's tuner is {name} in version {version!r:.100}, and here it is in version "
            f"{TUNERS[name].version}; use the version of jaxmeta that wrote the record"
        )
    known = options(name)
    if given.keys() != known.keys():
        raise ValueError(
            f"the record's tuner {name} must have {', '.join(known)} and nothing else; "
            "use the version of jaxmeta that wrote the record"
        )
    if given.get("prior") is not None:
        given["prior"] = Earlier.from_record(given["prior"])
    for option, kind in known.items():
        if option != "prior" and type(given[option]) is not kind:
            raise ValueError(
                f"the record's {option} must be of type {kind.__name__}, "
                f"got {given[option]!r:.100}; restore the record"
            )
    tuner = TUNERS[name](space, **given)
    if tuner.space != space or json.dumps(to_record(tuner)) != json.dumps(record):
        raise ValueError(
            f"the record's tuner {name} would be written in another way; restore the record"
        )
    return tuner
