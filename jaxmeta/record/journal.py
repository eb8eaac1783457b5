"""The journal: a study's folder holds `journal.jsonl`, append-only, one JSON object a line.

Each line carries, as "prev", the SHA-256 of the bytes of the line before it (the first line:
zeros), so that no line can be changed, removed, doubled or moved without a trace. A line is on the
disk before `append` returns. What a kill leaves behind is at most a torn last line, without its
newline: it is cut away when the journal is opened again, never guessed at. One process at a time
writes: an operating-system lock on the file, which dies with its holder.

There is no clock inside: two runs of one study give the same bytes. Times go into `times.jsonl`,
which nothing reads back but a person.
"""

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

FORMAT = 2
NAME = "journal.jsonl"
TIMES = "times.jsonl"
FIRST_PREV = "0" * 64

Line = dict[str, Any]


class JournalError(Exception):
    """A journal that is not what it should be, in one sentence."""


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
    except ValueError as error:
        raise JournalError(
            f"line {number} must be a JSON object, and is not ({error}); "
            "the journal was changed, restore it from a copy"
        ) from None
    if not isinstance(line, dict) or line.get("prev") != prev:
        found = line.get("prev") if isinstance(line, dict) else None
        raise JournalError(
            f"line {number} must carry the SHA-256 of the line before it, {prev}, and carries "
            f"{found}; a line was changed, removed, doubled or moved, restore the journal "
            "from a copy"
        )
    if encode(line) != raw:
        raise JournalError(
            f"line {number} must be compact JSON as jaxmeta writes it, and is not; "
            "the journal was changed, restore it from a copy"
        )
    if number == 1 and (line.get("line") != "study" or line.get("format") != FORMAT):
        raise JournalError(
            f"line 1 must open a study in format {FORMAT}, and opens {line.get('line')!r} "
            "in format "
            f"{line.get('format')!r}; read it with the version of jaxmeta that wrote it"
        )
    return line


def split(content: bytes) -> tuple[list[bytes], bytes]:
    """The complete lines (newlines included) and what follows the last newline."""
    *complete, torn = content.split(b"\n")
    return [raw + b"\n" for raw in complete], torn


def decode_all(raws: list[bytes]) -> Iterator[Line]:
    """The lines, checked one after the other."""
    prev = FIRST_PREV
    for number, raw in enumerate(raws, 1):
        yield decode(raw, number, prev)
        prev = link(raw)


def read(folder: Path) -> list[Line]:
    """The complete lines of the journal in `folder`, checked; a torn last line is left out."""
    try:
        content = (folder / NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise JournalError(
            f"{folder} must hold a {NAME}, and does not; name a folder that `jaxmeta tune` wrote"
        ) from None
    return list(decode_all(split(content)[0]))


class Journal:
    """A journal open for appending, and locked; use it in a `with` statement.

    Attributes:
      folder: where it is.
      lines: all lines so far, decoded.
      cut: how many bytes of a torn last line were cut away when it was opened.
    """

    def __init__(self, folder: Path, file: BinaryIO) -> None:
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
            self._open()
        except BaseException:
            file.close()
            raise

    def _open(self) -> None:
        self._file.seek(0)
        raws, torn = split(self._file.read())
        self.lines = list(decode_all(raws))
        self.cut = len(torn)
        self._prev = link(raws[-1]) if raws else FIRST_PREV
        self._end = sum(map(len, raws))
        if torn:
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
            (folder / NAME).touch()
            file = open(folder / NAME, "r+b", buffering=0)
        except OSError as error:
            raise JournalError(
                f"{folder} must be a folder that can be written to, and is not "
                f"({error.strerror}); choose another"
            ) from None
        _sync_folder(folder)
        _sync_folder(folder.parent)
        journal = cls(folder, file)
        if journal.lines:  # another process was quicker
            journal.close()
            raise _in_use(folder)
        return journal

    @classmethod
    def open(cls, folder: Path) -> "Journal":
        """The journal in `folder`, to go on with; a torn last line is cut away."""
        try:
            file = open(folder / NAME, "r+b", buffering=0)
        except FileNotFoundError:
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
        with suppress(OSError), open(self.folder / TIMES, "ab") as file:
            file.write(encode(entry))

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
    return not entries or entries == [folder / NAME] and b"\n" not in entries[0].read_bytes()


def _sync_folder(folder: Path) -> None:
    """Make the folder's entries durable, where the system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
