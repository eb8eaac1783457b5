"""Tuners by name, with presets: how the command line and the record name them."""

from dataclasses import asdict, fields, replace
from typing import Any

from jaxmeta import options as declared
from jaxmeta.tuning.grid import Grid
from jaxmeta.tuning.lattice import Lattice
from jaxmeta.tuning.moves import ONE
from jaxmeta.tuning.optuna_search import OptunaSearch
from jaxmeta.tuning.protocol import Tuner
from jaxmeta.tuning.random_search import Random
from jaxmeta.tuning.three_way import ThreeWay
from jaxmeta.tuning.tune_learning_rate import TuneLearningRate

TUNERS = {tuner.name: tuner for tuner in (TuneLearningRate, ThreeWay, Grid, Random, OptunaSearch)}

# The poster gives no numbers; these are ours. "poster" keeps its additive step and bare simplex.
PRESETS: dict[str, TuneLearningRate] = {
    "poster": TuneLearningRate(),
    "logarithmic": TuneLearningRate(
        Lattice(lr0=1e-3, eps=1.0, geometry="logarithmic", lr_min=1e-6, lr_max=1.0), p_min=0.05
    ),
}
_LATTICE = {field.name for field in fields(Lattice)}


def make(name: str | None = None, preset: str | None = None, **options: Any) -> Tuner:
    """The tuner called `name` with `options` set.

    Args:
      name: None: three_way, or tune_learning_rate where a preset is named.
      preset: where tune_learning_rate starts from; None: the poster's.

    Raises:
      ValueError: an unknown tuner or preset, an option that the tuner has not, or a bad value.
    """
    if name is None:
        name = ThreeWay.name if preset is None else TuneLearningRate.name
    if name not in TUNERS:
        raise ValueError(f"tuner must be one of {', '.join(TUNERS)}, got {name!r}; choose one")
    if preset is not None and preset not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}; choose one")
    if preset is not None and name != TuneLearningRate.name:
        raise ValueError(
            f"a preset is of tune_learning_rate, got {preset!r} for {name}; leave it out"
        )
    tuner = PRESETS[preset or "poster"] if name == TuneLearningRate.name else TUNERS[name]()
    known = {field.name for field in fields(tuner)}
    if "lattice" in known:
        known = known - {"lattice"} | _LATTICE
    for option in options:
        if option not in known:
            raise ValueError(f"{name} takes {', '.join(sorted(known))}, got {option}; leave it out")
    if isinstance(tuner, TuneLearningRate):
        lattice = replace(tuner.lattice, **{n: v for n, v in options.items() if n in _LATTICE})
        rest = {n: v for n, v in options.items() if n not in _LATTICE}
        return replace(tuner, lattice=lattice, **rest)
    return replace(tuner, **options)


def to_record(tuner: Tuner) -> dict[str, Any]:
    """The tuner as JSON; `from_record` gives it back."""
    fields_of = asdict(tuner)  # pyright: ignore[reportArgumentType]: every tuner is a dataclass
    return {"name": tuner.name, "version": tuner.version, "one": ONE, **fields_of}


def from_record(record: dict[str, Any]) -> Tuner:
    """The tuner that `to_record` described.

    Raises:
      ValueError: this version of jaxmeta has no such tuner, or decides differently; or an option is
        not one of its fields, or of another type.
    """
    record = dict(record)
    name, version, one = record.pop("name"), record.pop("version"), record.pop("one")
    tuner = TUNERS.get(name)
    if tuner is None or tuner.version != version or one != ONE:
        raise ValueError(
            f"the record's tuner must be known here, and is {name!r} in version {version}; "
            "use the version of jaxmeta that wrote the record"
        )
    lattice = record.get("lattice")
    if isinstance(lattice, dict):
        declared.check("lattice", Lattice, lattice, every=True)
        record["lattice"] = Lattice(**lattice)
    declared.check(f"tuner {name}", tuner, record, every=True)
    return tuner(**record)
