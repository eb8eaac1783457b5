"""One study from several seeds, on one engine: a folder `seed-N` for each, in one folder.

The journal of each is that of the study by itself. No worker waits while any of them can use it.
"""

import re
import resource
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from jaxmeta.record import schema
from jaxmeta.record.error import JournalError
from jaxmeta.record.journal import NAME, Journal, Line
from jaxmeta.record.seeds import folders, of_seed
from jaxmeta.replay import same
from jaxmeta.running import Means, Nobody, Open, Watcher, go_on, study_in
from jaxmeta.study import Study
from jaxmeta.training import Trainable

MOST = 10_000
OTHERS = 1_000  # files that a process has open beside its journals
Watchers = Callable[[int, Study], Watcher]  # who looks on, by seed


def parse(text: str) -> list[int]:
    """Seeds as they are written: "0:20" are 0 to 19; or "3,5,8".

    Raises:
      ValueError: it is neither, or a seed is there twice, or they are too many.
    """
    if match := re.fullmatch(r"(\d{1,10}):(\d{1,10})", text):
        seeds = range(int(match[1]), int(match[2]))
    elif re.fullmatch(r"\d{1,10}(,\d{1,10})*", text):
        seeds = [int(seed) for seed in text.split(",")]
    else:
        raise ValueError(f"seeds are written as 0:20 (0 to 19) or as 3,5,8, got {text!r}; mend it")
    return _fitting(seeds)


def run(
    study: Study,
    seeds: Iterable[int],
    folder: Path | str,
    means: Means | None = None,
    watchers: Watchers | None = None,
) -> dict[int, Line]:
    """Run `study` from each of `seeds`, or go on with those that are in `folder` already; the last
    lines of the journals, by seed.

    Raises:
      ValueError: the seeds do not fit, or are more than this process may have files open.
      JournalError: what is in `folder` is another study; see also `running.resume`.
    """
    studies = {seed: study.seeded(seed) for seed in _fitting(seeds)}
    if (Path(folder) / NAME).exists():
        raise JournalError(
            f"{folder} must be a folder for several studies, and holds one; choose another"
        )
    _may_open(len(studies))
    with ExitStack() as stack:
        opened = {}
        for seed, one in studies.items():
            journal = stack.enter_context(_journal(of_seed(folder, seed)))
            if journal.lines:
                _same(one, journal)
            opened[seed] = Open(one, journal, watchers(seed, one) if watchers else Nobody())
        return _go_on(opened, folder, means or Means(), False)


def resume(
    folder: Path | str,
    task: Trainable | str | None = None,
    accept_environment: bool = False,
    allow_download: bool = False,
    means: Means | None = None,
    watchers: Watchers | None = None,
) -> dict[int, Line]:
    """Go on with all studies in `folder`; the last lines of their journals, by seed.

    Args:
      task, accept_environment, allow_download: see `running.resume`.

    Raises:
      JournalError: one of them never began, or see `running.resume`.
    """
    homes = folders(folder)
    _may_open(len(homes))
    with ExitStack() as stack:
        opened = {}
        for seed, home in homes.items():
            journal = stack.enter_context(Journal.open(home))
            one = study_in(journal, task, allow_download)
            task = one.task  # made once
            opened[seed] = Open(one, journal, watchers(seed, one) if watchers else Nobody())
        return _go_on(opened, folder, means or Means(), accept_environment)


def _go_on(
    opened: dict[int, Open], folder: Path | str, means: Means, accept_environment: bool
) -> dict[int, Line]:
    named = {f"seed-{seed}": one for seed, one in opened.items()}
    ends = go_on(named, folder, means, accept_environment)
    return {seed: ends[f"seed-{seed}"] for seed in opened}


def _fitting(seeds: Iterable[int]) -> list[int]:
    given = list(islice(seeds, MOST + 1))
    if not 1 <= len(given) <= MOST or len(set(given)) < len(given):
        raise ValueError(
            f"seeds must be 1 to {MOST:,} numbers, each once, and are not; name others"
        )
    return given


def _journal(folder: Path) -> Journal:
    """That of the study in `folder`; a new one where none began."""
    path = folder / NAME
    begun = path.is_file() and b"\n" in path.read_bytes()
    return Journal.open(folder) if begun else Journal.create(folder)


def _same(wanted: Study, journal: Journal) -> None:
    schema.check(journal.lines)
    for name, value in wanted.configuration().items():
        if not same(journal.lines[0].get(name), value):
            raise JournalError(
                f"{journal.folder} must hold the study that is asked for, and its {name} is "
                "another; choose another folder, or go on with what is there: jaxmeta resume "
                f"{journal.folder.parent}"
            )


def _may_open(journals: int) -> None:
    """Let this process have so many journals open at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = journals + OTHERS
    if resource.RLIM_INFINITY == soft or needed <= soft:
        return
    if resource.RLIM_INFINITY != hard and needed > hard:
        raise ValueError(
            f"{journals:,} studies at once need {needed:,} open files, and the system allows this "
            f"process {hard:,}; name fewer seeds, or allow more (ulimit -Hn)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
