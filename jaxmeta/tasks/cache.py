"""The folder where data sets lie prepared: where it is, one process at a time, in silence."""

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path


def folder() -> Path:
    """The user's folder of prepared data sets, made if it is not there.

    `$JAXMETA_DATA`; else `$XDG_CACHE_HOME/jaxmeta`; else `~/.cache/jaxmeta`.

    Raises:
      OSError: it cannot be made or written.
    """
    cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(os.environ.get("JAXMETA_DATA") or Path(cache_home) / "jaxmeta").absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(path, error) from error
    return path


@contextlib.contextmanager
def locked(path: Path, name: str) -> Iterator[None]:
    """Holds the data set `name` of the folder `path` alone; a killed holder lets go by dying.

    Raises:
      OSError: the folder cannot be written.
    """
    import fcntl  # POSIX, as is ArrayRecord, which holds the data

    try:
        lock = (path / f"{name}.lock").open("w")
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
