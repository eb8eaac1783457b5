"""Small journals to be broken, and how a forger breaks them: in any place, with the chain of hashes
made to fit again."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxmeta.record.journal import FIRST_PREV, NAME, link
from jaxmeta.study import run
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


def real(folder: Path) -> dict[str, Path]:
    """Studies that were run for true, each in a folder of its own under `folder`."""
    studies = {
        "three_way": study(tuner="three_way", epochs=2, options={"i_max": 6}),
        "poster": study("sine", preset="poster", epochs=2, options={"i_max": 6}),
        "many": study(epochs=2, chains=2, replicates=2, keys="paired"),
        "four": study(space=FOUR, epochs=2, options={"axes": "all"}),
        "optuna": study("sine", "optuna", epochs=2, options={"i_max": 3}),
    }
    for name, one in studies.items():
        run(one, folder / name, keep_weights=False)
    return {name: folder / name for name in studies}


def seeds(folder: Path) -> dict[str, list[Any]]:
    """The lines of the studies of `real`, and of two that a forger would begin with: one not
    finished, one that changed its environment on the way."""
    journals = {name: lines_of(at) for name, at in real(folder).items()}
    whole = journals["three_way"]
    moved = {"line": "environment", "environment": {**whole[0]["environment"], "cpu": "other"}}
    journals["unfinished"] = whole[:4]
    journals["moved"] = [*whole[:3], moved, *whole[3:]]
    return journals
