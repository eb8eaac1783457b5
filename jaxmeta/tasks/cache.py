"""The folder where data sets lie prepared: where it is, one process at a time, in silence."""

import contextlib
import contextvars
import io
import logging
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from jaxmeta.record.files import new_or_regular


def folder() -> Path:
    """The user's folder of prepared data sets, made if it is not there.

    `$JAXMETA_DATA`; else `$XDG_CACHE_HOME/jaxmeta`; else `~/.cache/jaxmeta`.

    Raises:
      OSError: it cannot be made or written.
    """
    path = _path()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(path, error) from error
    return path


def _path() -> Path:
    cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("JAXMETA_DATA") or Path(cache_home) / "jaxmeta").absolute()


def has(name: str) -> bool:
    """Whether something of the data set `name` lies in the folder."""
    base = re.split("[/:]", name)[0]
    return re.fullmatch("[a-z0-9_]+", base) is not None and (_path() / base).is_dir()


_downloads = contextvars.ContextVar("downloads", default=True)


@contextlib.contextmanager
def downloads(allowed: bool) -> Iterator[None]:
    """Whether data may be downloaded meanwhile; a record's words alone may not start that."""
    before = _downloads.set(allowed)
    try:
        yield
    finally:
        _downloads.reset(before)


def allow(name: str, here: bool) -> None:
    """Raise where the data set `name` is not `here`, on this machine, and may not be downloaded.

    Raises:
      ValueError: it may not.
    """
    if not here and not _downloads.get():
        raise ValueError(
            f"the data set {name} is not on this machine, and a record alone may not start its "
            "download; allow it with --allow-download"
        )


@contextlib.contextmanager
def locked(path: Path, name: str) -> Iterator[None]:
    """Holds the data set `name` of the folder `path` alone; a killed holder lets go by dying.

    Raises:
      OSError: the folder cannot be written.
      JournalError: something else than a file has the lock's name.
    """
    import fcntl  # POSIX, as is ArrayRecord, which holds the data

    try:
        lock = open(path / f"{name}.lock", "ab", opener=new_or_regular)
    except OSError as error:
        raise _not_writable(path, error) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _not_writable(path: Path, error: OSError) -> OSError:
    return type(error)(
        f"data sets are prepared in {path}, which cannot be written ({error.strerror}); "
        "set JAXMETA_DATA to a folder that can"
    )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silences TensorFlow Datasets: its prints, its progress bars, its warnings and its logs.

    absl, through which it logs, also gives the root logger a handler where it has none, and a
    later `logging.basicConfig` of the user would then do nothing: the handler is taken away.
    What other threads print meanwhile is lost.
    """
    from absl import logging as absl_logging

    nowhere = io.StringIO()
    levels = {
        log: log.level for log in (absl_logging.get_absl_logger(), logging.getLogger("urllib3"))
    }
    for log in levels:
        log.setLevel(logging.CRITICAL)
    try:
        with (
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in levels.items():
            log.setLevel(level)
        for handler in logging.root.handlers[:]:
            if isinstance(handler, logging.StreamHandler) and handler.stream is nowhere:
                logging.root.removeHandler(handler)
