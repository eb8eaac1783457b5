"""What this user's own processes wrote, told from what somebody else put into the folder.

Results and checkpoints beside a journal are believed when a study goes on, so each carries a mark:
an HMAC (RFC 2104) with SHA-256 under a secret key, which lies outside all studies and is never part
of one. What carries no right mark is left out, and trained again. Where the key can neither be read
nor made, nothing is marked and nothing believed: that costs time alone.
"""

import functools
import hmac
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from jaxmeta.record.error import JournalError
from jaxmeta.record.files import regular

NAME, BYTES = "key", 32


def folder() -> Path:
    """`$JAXMETA_STATE`; else `$XDG_STATE_HOME/jaxmeta`; else `~/.local/state/jaxmeta`."""
    if own := os.environ.get("JAXMETA_STATE"):
        return Path(own)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "jaxmeta"


def start(*words: str) -> "hmac.HMAC | None":
    """A mark begun, of what `words` say; None where there is no key."""
    try:
        key = _key(folder())
    except RuntimeError:  # there is no home
        return None
    if key is None:
        return None
    mark = hmac.new(key, digestmod="sha256")
    for word in words:
        add(mark, word.encode())
    return mark


def add(mark: "hmac.HMAC", part: bytes) -> None:
    """Go on with `part`, told from the parts before and after it."""
    mark.update(len(part).to_bytes(8, "big"))
    mark.update(part)


@functools.cache
def _key(home: Path) -> bytes | None:
    """The key in `home`, made if there is none."""
    with suppress(OSError, JournalError):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (home / NAME).exists():
            _make(home)
        with open(home / NAME, "rb", opener=regular) as file:
            status = os.fstat(file.fileno())
            private = not stat.S_IMODE(status.st_mode) & 0o077 and status.st_uid == os.geteuid()
            key = file.read(BYTES + 1)
        if private and len(key) == BYTES:
            return key
    return None


def _make(home: Path) -> None:
    """Whole or not at all, and of several processes the first one's."""
    path = home / f"{NAME}.{secrets.token_hex(8)}"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(path, home / NAME)
    finally:
        path.unlink(missing_ok=True)
