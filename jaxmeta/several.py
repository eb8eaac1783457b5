"""Several studies on one engine, of one task or more, from one seed or more: a folder for each, in
one folder.

The journal of each is that of the study by itself. No worker waits while any of them can use it.
"""

import json
import re
import resource
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from jaxmeta.record import schema
from jaxmeta.record.error import JournalError
from jaxmeta.record.journal import NAME, Journal, Line
from jaxmeta.record.several import folders, name_of
from jaxmeta.replay import same
from jaxmeta.running import Means, Nobody, Open, Watcher, go_on, study_in
from jaxmeta.study import Study
from jaxmeta.training import Trainable

MOST = 10_000
OTHERS = 1_000  # files that a process has open beside its journals
Watchers = Callable[[str, Study], Watcher]  # who looks on, by name


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


def named(studies: Sequence[Study], seeds: Iterable[int]) -> dict[str, Study]:
    """Each of `studies`, one a task, from each of `seeds`, by names (`record.several.name_of`).

    Raises:
      ValueError: the seeds do not fit, or two tasks have one name.
    """
    given = _fitting(seeds)
    tasks = [one.task.name for one in studies] if len(studies) > 1 else [""]
    found = {
        name_of(seed, task): one.seeded(seed)
        for task, one in zip(tasks, studies, strict=True)
        for seed in given
    }
    if len(found) < len(studies) * len(given):
        raise ValueError(
            f"several tasks must have names of their own, got {', '.join(tasks)}; name each once"
        )
    return found


def run(
    studies: Mapping[str, Study],
    folder: Path | str,
    means: Means | None = None,
    watchers: Watchers | None = None,
) -> dict[str, Line]:
    """Run `studies`, by their names, or go on with those that are in `folder` already; the last
    lines of the journals, by name.

    Raises:
      ValueError: they are more than this process may have files open.
      JournalError: what is in `folder` is another study; see also `running.resume`.
    """
    if (Path(folder) / NAME).exists():
        raise JournalError(
            f"{folder} must be a folder for several studies, and holds one; choose another"
        )
    _may_open(len(studies))
    with ExitStack() as stack:
        opened = {}
        for name, one in studies.items():
            journal = stack.enter_context(_journal(Path(folder, name)))
            if journal.lines:
                _same(one, journal, folder)
            opened[name] = Open(one, journal, watchers(name, one) if watchers else Nobody())
        return go_on(opened, folder, means or Means())


def resume(
    folder: Path | str,
    task: Trainable | str | None = None,
    accept_environment: bool = False,
    allow_download: bool = False,
    means: Means | None = None,
    watchers: Watchers | None = None,
) -> dict[str, Line]:
    """Go on with all studies in `folder`; the last lines of their journals, by name.

    Args:
      task, accept_environment, allow_download: see `running.resume`.

    Raises:
      JournalError: one of them never began, or see `running.resume`.
      ValueError: a task is given, and they are of several.
    """
    homes = folders(folder)
    _may_open(len(homes))
    with ExitStack() as stack:
        journals = {n: stack.enter_context(Journal.open(home)) for n, home in homes.items()}
        of = {n: json.dumps(one.lines[0].get("task")) for n, one in journals.items() if one.lines}
        if task is not None and len(set(of.values())) > 1:
            raise ValueError(
                f"{folder} holds studies of several tasks, and one is given; go on with each "
                "task's folder by itself, or say again what began them"
            )
        made: dict[str | None, Trainable] = {}  # once for all studies of a task
        opened = {}
        for name, journal in journals.items():
            one = study_in(journal, made.get(of.get(name), task), allow_download)
            made[of.get(name)] = one.task
            opened[name] = Open(one, journal, watchers(name, one) if watchers else Nobody())
        return go_on(opened, folder, means or Means(), accept_environment)


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


def _same(wanted: Study, journal: Journal, home: Path | str) -> None:
    schema.check(journal.lines)
    for name, value in wanted.configuration().items():
        if not same(journal.lines[0].get(name), value):
            raise JournalError(
                f"{journal.folder} must hold the study that is asked for, and its {name} is "
                "another; choose another folder, or go on with what is there: jaxmeta resume "
                f"{home}"
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
