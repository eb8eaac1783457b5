"""Check the chain, compute every decision again, run trainings again and compare them epoch by
epoch. The verdict is noted beside the record, in verdicts.jsonl.

Exit status: 0 identical and complete; 3 unfinished (all that is there came out again) or consistent
(what was checked holds, not all could be or was); 1 different; 2 there is no record to read."""

import argparse
import json
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from jaxmeta import verify
from jaxmeta.cli.common import JSON, WORKERS, add_folder, add_trust
from jaxmeta.plain import plain
from jaxmeta.record import verdicts
from jaxmeta.record.error import JournalError
from jaxmeta.record.journal import digest, read
from jaxmeta.version import VERSION


def add(command: argparse.ArgumentParser) -> None:
    add_folder(command)
    command.add_argument(
        "--trainings",
        default="all",
        metavar="all|N|i,j,...",
        help="which to run again: all (default), a sample of N, another one each time, "
        "or these (7, for one)",
    )
    command.add_argument(
        "--sample-seed", type=int, metavar="SEED", help="draw a sample of N that was printed again"
    )
    add_trust(command)
    command.add_argument("--workers", **WORKERS)
    command.add_argument("--json", **JSON)


def run(options: argparse.Namespace) -> int:
    before = _journal(options.folder)
    verdict = verify.verify(
        options.folder,
        options.trainings,
        options.task,
        options.workers,
        options.sample_seed,
        options.allow_download,
    )
    if before is not None:
        _note(options.folder, before, verdict)
    if options.json:
        print(json.dumps(asdict(verdict), indent=2))
    else:
        print(plain(f"{verdict.answer}: {verdict.sentence}"))
        if verdict.sample_seed is not None:
            print(f"  drawn with --sample-seed {verdict.sample_seed}")
        for difference in verdict.environment:
            print(plain(f"  environment: {difference}"))
    return {verify.IDENTICAL: 0, verify.DIFFERENT: 1}.get(verdict.answer, 3)


def _journal(folder: Path) -> str | None:
    """Its digest, taken first: a study that runs may write on while it is checked, and a verdict
    is of no more than was read. None where the record cannot be read."""
    with suppress(JournalError):
        return digest(read(folder))


def _note(folder: Path, journal: str, verdict: verify.Verdict) -> None:
    """Beside the record, for the page's evidence."""
    verdicts.note(
        folder,
        journal=journal,
        answer=verdict.answer,
        sentence=verdict.sentence,
        jaxmeta=VERSION,
        utc=datetime.now(UTC).isoformat(" ", "seconds"),
    )
