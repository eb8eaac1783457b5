"""The only look at the test set, at a study's end: by the best weights of what is recommended.

The trials of that decision are run once more, up to their best epochs, and must give the weights
that the record names; so a machine that does not repeat its own arithmetic is found out.
"""

from pathlib import Path
from typing import Any

from jaxmeta import score
from jaxmeta.engine import Event, Job
from jaxmeta.engine.scheduler import job
from jaxmeta.record import lines
from jaxmeta.record.error import JournalError
from jaxmeta.record.schema import Line
from jaxmeta.tuning import Chains


def jobs(chains: Chains, journal: list[Line], keep: Path | None = None) -> list[Job]:
    """A job for each replicate; none where one of them diverged, or where there is nothing to do.

    Args:
      keep: write what is to be kept of the best replicate there; None: nowhere.
    """
    tested = "test" in journal[0]["score"]["of"]
    best, entries = _recommended(chains, journal)
    if not all(entry["best_epoch"] for entry in entries):
        return []
    kept = lines.best(lines.kind_of(journal[0]), entries) if keep else None
    return [
        job(chains, lines.trial_of(journal[0], best, entry))._replace(
            name=_name(entry),
            epochs=entry["best_epoch"],
            test=tested,
            keep=str(keep) if entry is kept else "",
        )
        for entry in entries
        if tested or entry is kept
    ]


def outcome(chains: Chains, journal: list[Line], events: dict[str, Event]) -> dict[str, Any] | None:
    """What came of `jobs`, for the last line; None where there is no test set.

    Raises:
      JournalError: the weights are not those of the record.
    """
    first, (best, entries) = journal[0], _recommended(chains, journal)
    kind, shown, points = lines.kind_of(first), [], []
    for entry in entries:
        if (event := events.get(_name(entry))) is None:
            continue
        if event.result.digests != entry["digests"][: entry["best_epoch"]]:
            raise JournalError(
                f"training {best['i']} gave other weights when it was run again than its line in "
                "the journal has; this machine does not repeat its own arithmetic: look at its "
                "memory and its flags"
            )
        if event.test is not None:
            points.append(event.test)
            weights = event.result.digests[-1]
            shown.append(
                {"r": entry["r"], "score": lines.show(kind, event.test), "weights": weights}
            )
    return of(first, entries, score.total(points, chains.exact) if points else None, shown)


def of(
    first: Line, entries: list[Line], points: int | None, trainings: list[Line]
) -> dict[str, Any] | None:
    """The test as the last line has it.

    Args:
      entries: the trials that it is of.
      points: their scores together; None where they diverged.
      trainings: an entry for each.
    """
    if "test" not in first["score"]["of"]:
        return None
    examples = first["score"]["of"]["test"]
    return {
        "score": "diverged" if points is None else lines.show(lines.kind_of(first), points),
        "of": None if examples is None else examples * len(entries),
        "trainings": trainings,
    }


def _recommended(chains: Chains, journal: list[Line]) -> tuple[Line, list[Line]]:
    """The decision whose weights meet the test set, and its trials."""
    best = lines.recommended(lines.kind_of(journal[0]), journal, chains.recommended)
    return best, lines.trainings_of(journal, best)


def _name(entry: Line) -> str:
    return f"test.{entry['r']}"
