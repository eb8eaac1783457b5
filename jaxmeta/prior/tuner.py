"""The tuner that somebody asks for by name, with what earlier studies tell of its space."""

from collections.abc import Mapping, Sequence
from functools import cache
from glob import glob
from importlib import resources
from pathlib import Path
from typing import Any

from jaxmeta import tuning
from jaxmeta.prior.prior import Prior, Task, of_record
from jaxmeta.record.journal import NAME
from jaxmeta.space import Space
from jaxmeta.space.ranges import Range
from jaxmeta.tuning import RankGP, Tuner


@cache
def shipped() -> Prior:
    """The prior that comes with the package, made of its own small tasks."""
    return Prior.from_text(resources.files("jaxmeta.prior").joinpath("shipped.json").read_text())


def of_words(words: Sequence[str]) -> Prior:
    """The prior of folders of studies, of patterns of such folders, and of files of priors.

    Of a pattern's folders those count that hold a journal; a study with fewer than two trainings
    tells nothing.

    Raises:
      ValueError: a pattern meets no study, a file is no prior, or there are no tasks or more than a
        prior has room for.
      JournalError: a folder holds no study.
    """
    tasks: list[Task] = []
    for word in words:
        found = [word]
        if glob(word) != [word]:
            found = sorted(one for one in glob(word) if (Path(one) / NAME).is_file())
            if not found:
                raise ValueError(f"{word:.200} meets no study; name a folder of `jaxmeta tune`")
        for one in found:
            if Path(one).is_file():
                tasks += Prior.load(one).tasks
            elif task := of_record(Path(one)):
                tasks.append(task)
    return Prior.of(tasks)


def make(
    name: str | None,
    preset: str | None,
    space: Space,
    prior: Prior | bool,
    constants: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Tuner:
    """`tuning.make`, with a prior for the tuner that takes one.

    Args:
      prior: what to learn from; True: what comes with the package; False: nothing.
      constants: the hyperparameters that are not tuned, with their values.

    Raises:
      ValueError: see `tuning.make`; or a prior for a tuner that takes none.
    """
    name = name or tuning.default(preset, space)
    if name != RankGP.name:
        if isinstance(prior, Prior):
            raise ValueError(
                f"{name:.100} learns nothing from earlier studies; take {RankGP.name}, or leave "
                "them out"
            )
        return tuning.make(name, preset, space, **options)
    known = shipped() if prior is True else prior or None
    earlier = known.on(space.resolve(Range.steps), constants) if known else None
    if earlier is None and isinstance(prior, Prior):
        raise ValueError(
            "none of the earlier studies has two trainings in this space; learn from others, or "
            "leave them out"
        )
    return tuning.make(name, preset, space, **{**options, "prior": earlier})
