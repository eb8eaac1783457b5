"""Small journals to be broken, and how a forger breaks them: in any place, with the chain of hashes
made to fit again; and the true studies that several tests begin with."""

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxmeta.record.journal import FIRST_PREV, NAME, link
from jaxmeta.running import run
from tests.studies import FOUR, study


@dataclass(frozen=True)
class Raw:
    """Text that goes into a journal as it stands, where `json.dumps` would refuse or change it."""

    text: str


def line_bytes(line: Any) -> bytes:
    """A line in the journal's own form, `Raw` values as they stand."""
    raws: list[Raw] = []

    def mark(raw: Raw) -> str:
        raws.append(raw)
        return f"\0raw{len(raws) - 1}\0"

    text = json.dumps(line, separators=(",", ":"), default=mark)
    for n, raw in enumerate(raws):
        text = text.replace(f'"\\u0000raw{n}\\u0000"', raw.text)
    return text.encode() + b"\n"


def chained(lines: list[Any]) -> bytes:
    """The journal of these lines with a chain that fits, as a forger would leave it."""
    prev, content = FIRST_PREV, b""
    for line in lines:
        if isinstance(line, dict):
            line = {**line, "prev": prev} if "prev" in line else {"prev": prev, **line}
        raw = line_bytes(line)
        prev = link(raw)
        content += raw
    return content


def lines_of(folder: Path) -> list[Any]:
    return [json.loads(raw) for raw in (folder / NAME).read_bytes().splitlines()]


def rewrite(folder: Path, change: Any) -> None:
    """Let `change` change the list of lines of the journal in `folder`."""
    lines = lines_of(folder)
    change(lines)
    (folder / NAME).write_bytes(chained(lines))


# Small studies that are run for true, on few programs: the same ones are compiled again and again.
STUDIES = {
    "one": study(options={"i_max": 6}),
    "three_way": study(tuner="three_way", options={"i_max": 6}),
    "poster": study("sine", preset="poster", options={"i_max": 6}),
    "many": study(chains=2, replicates=2, keys="paired", options={"i_max": 6}),
    "four": study(space=FOUR, options={"i_max": 6}),
    "four at once": study(space=FOUR, options={"axes": "all"}),
    "optuna": study("sine", "optuna", options={"i_max": 3}),
}


def true(name: str) -> Path:
    """The folder of a study of STUDIES that has ended: to be read, not to be changed.

    It is run once for all processes of a run of pytest.
    """
    folder = Path(os.environ["JAXMETA_TRUE_STUDIES"])
    with open(folder / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / f"{name}.done").exists():
            run(STUDIES[name], folder / name)
            (folder / f"{name}.done").touch()
    return folder / name


def seeds() -> dict[str, list[Any]]:
    """The lines of true studies, and of two that a forger would begin with: one not finished, one
    that changed its environment on the way."""
    names = ("three_way", "poster", "many", "four at once", "optuna")
    journals = {name: lines_of(true(name)) for name in names}
    whole = journals["three_way"]
    moved = {"line": "environment", "environment": {**whole[0]["environment"], "cpu": "other"}}
    journals["unfinished"] = whole[:4]
    journals["moved"] = [*whole[:3], moved, *whole[3:]]
    return journals
