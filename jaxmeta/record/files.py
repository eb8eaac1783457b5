"""Files of a study's folder, which somebody else may have made.

Only regular files are read and written: a link leads out of the folder, a pipe or a device never
ends. Lines are read one at a time up to a limit, so that no size takes memory.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from jaxmeta.record.error import JournalError

LINE = 2**24  # bytes in a line
LINES = 250_000
WHOLE = 2**27  # bytes in a file of lines


def regular(path: str | os.PathLike[str], flags: int) -> int:
    """A descriptor of the regular file at `path`; an opener for `open`.

    Raises:
      JournalError: something else is there.
      OSError: it cannot be opened.
    """
    safe = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags | safe, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise _other(path) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _other(path)
    return descriptor


def new_or_regular(path: str, flags: int) -> int:
    """`regular`, which makes the file where nothing is."""
    return regular(path, flags | os.O_CREAT)


def raw_lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """The lines of `file`, newlines included; the last may be without one.

    Raises:
      JournalError: the file, one of its lines or their number is beyond the limits.
    """
    size, number = os.fstat(file.fileno()).st_size, 0
    if size > WHOLE:
        raise JournalError(
            f"{path} has {size} bytes, and at most {WHOLE} are read; restore it from a copy"
        )
    while raw := file.readline(LINE + 1):
        number += 1
        if len(raw) > LINE:
            raise JournalError(
                f"line {number} of {path} has more than {LINE} bytes, and no study writes so "
                "many; restore it from a copy",
                number,
            )
        if number > LINES:
            raise JournalError(
                f"{path} has more than {LINES} lines, and no study writes that many; restore it "
                "from a copy",
                number,
            )
        yield raw


def append(path: Path, content: bytes) -> None:
    """Add `content` to a file that costs little if it is lost: without a word where it cannot."""
    with suppress(OSError, JournalError), open(path, "ab", opener=regular) as file:
        file.write(content)


def is_folder(path: Path) -> bool:
    """Whether `path` is a folder itself, and no link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _other(path: str | os.PathLike[str]) -> JournalError:
    kinds = (
        (stat.S_ISLNK, "a link"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISREG, "a file"),
    )
    try:
        mode = os.lstat(path).st_mode
        kind = next((word for test, word in kinds if test(mode)), "a device or socket")
    except OSError:
        kind = "none"
    return JournalError(
        f"{os.fspath(path)} is {kind}, and only a regular file is read or written; put the file "
        "itself there"
    )
