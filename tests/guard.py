"""A watcher over what code does to the machine: processes, sockets, files, imports, other code.

It is an audit hook of Python, which cannot be taken away again: it is installed once, and sleeps
but inside `watching`. What is forbidden is stopped by an exception that nobody catches by accident,
and kept in a list, for those who catch everything.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Never, whatever the arguments; a name that ends in a dot stands for all that begin so.
NEVER = (
    *("subprocess.", "socket.", "ctypes.", "pty.", "winreg.", "urllib.", "http.", "ftplib."),
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.kill"),
    *("os.startfile", "os.putenv", "os.unsetenv", "os.chdir", "pickle.find_class", "marshal."),
    *("exec", "compile", "code.__new__", "builtins.input", "sys.addaudithook"),
)
# What Python itself does to import a module: who asked for that was judged before.
IMPORTING = ("exec", "compile", "marshal.loads", "open", "os.rename", "os.mkdir")
IMPORTERS = ("<frozen importlib", "_pytest/assertion/rewrite.py")
# Allowed under the study's folder alone: where among the arguments a path stands, and where the
# descriptor of the folder that it starts from.
PATHS = {
    "os.remove": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.rmdir": ((0, 1),),
    "os.mkdir": ((0, 2),),
    "os.truncate": ((0, None),),
    "os.link": ((0, 2), (1, 3)),
    "os.symlink": ((1, 2),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.utime": ((0, 3),),
    "os.setxattr": ((0, None),),
    "shutil.rmtree": ((0, 1),),
    "shutil.copyfile": ((1, None),),
    "shutil.move": ((0, None), (1, None)),
}
# These act on what a link leads to, the others on the link.
FOLLOW = ("os.truncate", "os.chmod", "os.chown", "os.utime", "os.setxattr", "shutil.copyfile")


class Forbidden(BaseException):
    """The watched code did what it must not."""


_folders: tuple[Path, ...] = ()  # none: it sleeps
_seen: list[str] = []
_installed = False
calls: list[str] = []  # of `trap`


def trap(*arguments: Any, **options: Any) -> None:
    """A function that a hostile record names: it is imported already, so only a call gives it
    away."""
    calls.append(f"trap called with {arguments} {options}")


@contextmanager
def watching(*folders: Path) -> Iterator[list[str]]:
    """Watch this process; what is seen stands in the list. Writing under `folders` is allowed."""
    global _folders, _installed
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True
    _seen.clear()
    calls.clear()
    _folders = tuple(folder.resolve() for folder in folders)
    try:
        yield _seen
    finally:
        _folders = ()
        _seen.extend(calls)


def _hook(event: str, arguments: tuple) -> None:
    if not _folders or event in IMPORTING and _importing():
        return
    if event == "import":
        # A part of a package that is loaded may come late; a package may not.
        package, dot, _ = arguments[0].partition(".")
        if not dot or package not in sys.modules:
            _stop(event, arguments[:1])
    if any(event.startswith(name) if name[-1] == "." else event == name for name in NEVER):
        _stop(event, arguments)
    if event == "open":
        path, _, flags = arguments
        if flags & WRITE and not _inside(path, -1, not flags & os.O_NOFOLLOW):
            _stop(event, arguments)
    for place, start in PATHS.get(event, ()):
        descriptor = -1 if start is None or start >= len(arguments) else arguments[start]
        if not _inside(arguments[place], descriptor, event in FOLLOW):
            _stop(event, arguments)


def _importing() -> bool:
    frame = sys._getframe(2)
    while frame is not None:
        if any(name in frame.f_code.co_filename for name in IMPORTERS):
            return True
        frame = frame.f_back
    return False


def _inside(path: Any, start: int | None, follow: bool) -> bool:
    if isinstance(path, int):  # a descriptor: its opening was seen
        return True
    try:
        name = os.fsdecode(path)
        if start is not None and start >= 0:
            name = os.path.join(f"/proc/self/fd/{start}", name)
        if not follow:
            folder, name = os.path.split(os.path.abspath(name))
            real = Path(os.path.realpath(folder), name)
        else:
            real = Path(os.path.realpath(name))
    except ValueError:
        return True  # no file has such a name
    return any(real.is_relative_to(folder) for folder in _folders)


def _stop(event: str, arguments: tuple) -> None:
    global _folders
    folders, _folders = _folders, ()  # formatting may open or import, and must not be seen
    try:
        _seen.append(f"{event} {str(arguments)[:300]}")
    finally:
        _folders = folders
    raise Forbidden(_seen[-1])
