"""The evidence: what names the study, where it ran, how anybody checks it, and the last verdict."""

import shlex
from pathlib import Path

from jaxmeta.plain import plain
from jaxmeta.record import journal, verdicts
from jaxmeta.record.journal import Line
from jaxmeta.record.lines import environments, fields_of

NEVER = "none is kept beside the record: run jaxmeta verify"


def evidence(folder: Path, lines: list[Line]) -> list[tuple[str, str]]:
    """Names and words; those that are commands begin with "jaxmeta ".

    A verdict is kept beside the record by `jaxmeta verify`. Whoever can write the folder can write
    one, so the words say that it is a note.
    """
    sha = journal.digest(lines)
    where, quoted = fields_of(environments(lines)[-1]), plain(shlex.quote(str(folder)))
    finished = lines[-1]["line"] == "end"
    return [
        ("SHA-256 of the journal", sha),
        ("lines", str(len(lines))),
        *_environment(where, len(environments(lines))),
        *([] if finished else [("go on", f"jaxmeta resume {quoted}")]),
        ("check decisions", f"jaxmeta replay {quoted}"),
        ("check everything", f"jaxmeta verify {quoted}{_task(lines[0])}"),
        ("last verdict", _verdict(folder, sha)),
    ]


def _task(first: Line) -> str:
    """Whoever verifies a task of their own names it: the record's own word is not trusted."""
    return " --task module:function" if ":" in str(first["task"]["name"]) else ""


def _environment(where: dict, count: int) -> list[tuple[str, str]]:
    names = ("python", "jaxmeta", "jax", "jaxlib", "flax", "optax", "numpy")
    words = ", ".join(f"{name} {where[name]}" for name in names if name in where)
    device = ", ".join(
        str(where[name]) for name in ("platform", "device_kind", "cpu") if where.get(name)
    )
    flags = where.get("xla_flags", "")
    found = [("versions", words), ("device", device), ("XLA flags", flags)]
    found = [(name, plain(said)) for name, said in found if said]
    return [*found, ("environments", f"{count}, one after the other")] if count > 1 else found


def _verdict(folder: Path, sha: str) -> str:
    last = verdicts.last(folder)
    if last is None:
        return NEVER
    words = f"{last['answer']}: {last['sentence']} (jaxmeta {last['jaxmeta']}, {last['utc']})"
    if last["journal"] != sha:
        words = f"of another journal, {last['journal'][:16]}…: {words}"
    return plain(f"{words}. A note beside the record, not a part of it.")
