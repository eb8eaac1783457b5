"""The journal: a study's folder holds `journal.jsonl`, append-only, one JSON object a line.

Each line carries, as "prev", the SHA-256 of the bytes of the line before it (the first line:
zeros), so that no line can be changed, removed, doubled or moved without a trace. A line is on the
disk before `append` returns. What a kill leaves behind is at most a torn last line, without its
newline: it is cut away when the journal is opened again, never guessed at. One process at a time
writes: an operating-system lock on the file, which dies with its holder.

There is no clock inside: two runs of one study give the same bytes. Times go into `times.jsonl`,
which nothing reads back but a person, and a plan.
"""

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from jaxmeta.record import schema
from jaxmeta.record.error import JournalError, shown
from jaxmeta.record.files import LINE, WHOLE, append, new_or_regular, raw_lines, regular
from jaxmeta.record.schema import FORMAT, Line

__all__ = ["FIRST_PREV", "FORMAT", "NAME", "TIMES", "Journal", "JournalError", "Line", "read"]

NAME = "journal.jsonl"
TIMES = "times.jsonl"
FIRST_PREV = "0" * 64


def encode(line: Line) -> bytes:
    """The one form of a line: compact JSON in ASCII, keys as they were put in, and a newline."""
    text = json.dumps(line, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode() + b"\n"


def link(raw: bytes) -> str:
    """What the line after `raw` (newline included) carries as "prev"."""
    return hashlib.sha256(raw).hexdigest()


def decode(raw: bytes, number: int, prev: str) -> Line:
    """Line `number` (from 1) from its bytes; JournalError says where it does not fit."""
    try:
        line = json.loads(raw)
        again = encode(line) if isinstance(line, dict) else b""
    except RecursionError:
        raise JournalError(
            f"line {number} must be flat JSON, and is nested too deep; the journal was changed, "
            "restore it from a copy",
            number,
        ) from None
    except ValueError as error:
        raise JournalError(
            f"line {number} must be a JSON object of numbers that float64 has, and is not "
            f"({error}); the journal was changed, restore it from a copy",
            number,
        ) from None
    if not isinstance(line, dict) or line.get("prev") != prev:
        found = line.get("prev") if isinstance(line, dict) else None
        raise JournalError(
            f"line {number} must carry the SHA-256 of the line before it, {prev}, and carries "
            f"{shown(found)}; a line was changed, removed, doubled or moved, restore the journal "
            "from a copy",
            number,
        )
    if again != raw:
        raise JournalError(
            f"line {number} must be compact JSON as jaxmeta writes it, and is not; "
            "the journal was changed, restore it from a copy",
            number,
        )
    if number == 1 and (line.get("line") != "study" or line.get("format") != FORMAT):
        raise JournalError(
            f"line 1 must open a study in format {FORMAT}, and opens {shown(line.get('line'))} "
            f"in format {shown(line.get('format'))}; read it with the version of jaxmeta that "
            "wrote it",
            1,
        )
    return line


def split(content: bytes) -> tuple[list[bytes], bytes]:
    """The complete lines (newlines included) and what follows the last newline."""
    *complete, torn = content.split(b"\n")
    return [raw + b"\n" for raw in complete], torn


def decode_all(raws: Iterable[bytes]) -> Iterator[Line]:
    """The lines, each checked against the one before."""
    prev = FIRST_PREV
    for number, raw in enumerate(raws, 1):
        yield decode(raw, number, prev)
        prev = link(raw)


class Content(NamedTuple):
    """What a journal's file holds."""

    lines: list[Line]  # the complete ones
    prev: str  # what the next one carries
    end: int  # their bytes
    torn: int  # bytes after them: of a line that a kill cut short


def content(file: BinaryIO, path: Path) -> Content:
    """The journal in `file`, its chain checked."""
    lines: list[Line] = []
    prev, end = FIRST_PREV, 0
    for raw in raw_lines(file, path):
        if lines and lines[-1].get("line") == "end":
            number = len(lines) + 1
            raise JournalError(
                f"line {number} must not be there: line {number - 1} is the end; "
                "bytes were added after the study, restore the journal from a copy",
                number,
            )
        if not raw.endswith(b"\n"):
            return Content(lines, prev, end, len(raw))
        lines.append(decode(raw, len(lines) + 1, prev))
        prev, end = link(raw), end + len(raw)
    return Content(lines, prev, end, 0)


def read_content(folder: Path) -> Content:
    """The journal in `folder`, its chain checked, and nothing but its chain.

    Raises:
      JournalError: there is none, or it is not what it should be.
    """
    path = folder / NAME
    try:
        with open(path, "rb", opener=regular) as file:
            return content(file, path)
    except (FileNotFoundError, NotADirectoryError):
        raise JournalError(
            f"{folder} must hold a {NAME}, and does not; name a folder that `jaxmeta tune` wrote"
        ) from None
    except OSError as error:
        raise JournalError(
            f"{path} could not be read ({error.strerror}); check its permissions"
        ) from None


def read(folder: Path) -> list[Line]:
    """The complete lines of the journal in `folder`, chain and form checked; a torn last line is
    left out."""
    lines = read_content(folder).lines
    schema.check(lines)
    return lines


def digest(lines: Iterable[Line]) -> str:
    """SHA-256 of the journal that has these complete `lines`, 64 hexadecimal digits: the study's
    name."""
    return link(b"".join(map(encode, lines)))


class Journal:
    """A journal open for appending, and locked; use it in a `with` statement.

    Attributes:
      folder: where it is.
      lines: all lines so far, decoded.
      cut: how many bytes of a torn last line were cut away when it was opened.
    """

    def __init__(self, folder: Path, file: BinaryIO, new: bool = False) -> None:
        self.folder, self._file = folder, file
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise JournalError(
                f"{folder} must be free, and another process is writing to it; "
                "wait for it, or choose another folder"
            ) from None
        try:
            self._open(new)
        except BaseException:
            file.close()
            raise

    def _open(self, new: bool) -> None:
        with open(os.dup(self._file.fileno()), "rb") as file:
            file.seek(0)
            self.lines, self._prev, self._end, self.cut = content(file, self.folder / NAME)
        if self.cut and (new or self.lines):  # without a line it is no study that goes on
            self._file.truncate(self._end)
            os.fsync(self._file.fileno())
        self._file.seek(self._end)

    @classmethod
    def create(cls, folder: Path) -> "Journal":
        """A new, empty journal in `folder`, which must not exist or be empty.

        A study that was killed before its first line was whole is begun again: nothing is lost.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not _unbegun(folder):
                raise _in_use(folder)
            file = open(folder / NAME, "r+b", buffering=0, opener=new_or_regular)
        except OSError as error:
            raise JournalError(
                f"{folder} must be a folder that can be written to, and is not "
                f"({error.strerror}); choose another"
            ) from None
        _sync_folder(folder)
        _sync_folder(folder.parent)
        journal = cls(folder, file, new=True)
        if journal.lines:  # another process was quicker
            journal.close()
            raise _in_use(folder)
        return journal

    @classmethod
    def open(cls, folder: Path) -> "Journal":
        """The journal in `folder`, to go on with; a torn last line is cut away."""
        try:
            file = open(folder / NAME, "r+b", buffering=0, opener=regular)
        except (FileNotFoundError, NotADirectoryError):
            raise JournalError(
                f"{folder} must hold a {NAME}, and does not; name a folder that `jaxmeta "
                "tune` wrote"
            ) from None
        except OSError as error:
            raise JournalError(
                f"{folder / NAME} must be writable, and is not ({error.strerror}); "
                "check its permissions"
            ) from None
        return cls(folder, file)

    def append(self, line: Line) -> Line:
        """Write `line`, chained to the one before, through to the disk; returned as written."""
        line = {"prev": self._prev, **line}
        raw = encode(line)
        if len(raw) > LINE or self._end + len(raw) > WHOLE:
            raise JournalError(
                f"{self.folder / NAME} holds at most {WHOLE} bytes, and {LINE} in a line, or "
                "nobody could read it; make a study of fewer epochs, chains or replicates"
            )
        try:
            self._write(raw)
        except OSError as error:
            raise JournalError(
                f"{self.folder / NAME} must take {len(raw)} more bytes, and did not "
                f"({error.strerror}); what was written before is kept: make room, then "
                f"jaxmeta resume {self.folder}"
            ) from None
        self.lines.append(line)
        self._prev = link(raw)
        return line

    def _write(self, raw: bytes) -> None:
        if not os.path.samestat(os.fstat(self._file.fileno()), os.stat(self.folder / NAME)):
            raise FileNotFoundError(errno.ENOENT, "it was replaced while the study ran")
        left = memoryview(raw)
        try:
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError:
            # A line that did not fit leaves nothing behind.
            self._file.truncate(self._end)
            self._file.seek(self._end)
            raise
        self._end += len(raw)

    def note_time(self, **entry: Any) -> None:
        """Append `entry` to times.jsonl: for people, not part of the record, so it may be lost."""
        append(self.folder / TIMES, encode(entry))

    def close(self) -> None:
        """Give the lock back."""
        self._file.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _in_use(folder: Path) -> JournalError:
    return JournalError(
        f"{folder} must be new or empty, and is not; choose another folder, or go on with what is "
        f"there: jaxmeta resume {folder}"
    )


def _unbegun(folder: Path) -> bool:
    """Nothing is in `folder`, or a journal without a single complete line."""
    entries = list(folder.iterdir())
    if entries != [folder / NAME]:
        return not entries
    with open(folder / NAME, "rb", opener=regular) as file:
        return not file.readline(LINE).endswith(b"\n") and not file.read(1)


def _sync_folder(folder: Path) -> None:
    """Make the folder's entries durable, where the system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
