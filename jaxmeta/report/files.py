"""Files that a report writes into a folder, which somebody else may have made."""

import secrets
from pathlib import Path

from jaxmeta.record.files import is_folder


def put(path: Path, content: bytes) -> None:
    """Write `path` at one stroke; a link that stood there is replaced, and never followed."""
    if not is_folder(path.parent):
        raise NotADirectoryError(
            f"{path.parent} must be a folder to draw into, and no link to one, and is not; "
            "name the folder itself"
        )
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
