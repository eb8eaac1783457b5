"""How a command ends that did not do what it was asked: one sentence, and a status for scripts.

Status 1 is not among them: it is an answer ("different", "does not hold"), given by commands alone.
"""

import os
import select
import sys
import traceback

from jaxmeta.plain import plain
from jaxmeta.record.error import JournalError

BAD_INPUT, UNFORESEEN, STOPPED, UNREAD = 2, 70, 130, 141

# What files, options, a missing package or a full disk can cause.
CAUSED = (ValueError, JournalError, OSError, ImportError, RuntimeError, MemoryError, SystemExit)


def failed(error: BaseException) -> int:
    """Say on the standard error what went wrong; the exit status for it.

    An error that nobody foresaw is shown with its traceback. Where the standard output is a pipe
    that nobody reads any more (`| head`) nothing is said.
    """
    if isinstance(error, BrokenPipeError) and _unread():
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left goes there
        return UNREAD
    if isinstance(error, KeyboardInterrupt):
        return _say("stopped", STOPPED)
    if isinstance(error, CAUSED):
        return _say(_sentence(error), BAD_INPUT)
    for row in "".join(traceback.format_exception(error)).splitlines():
        print(plain(row), file=sys.stderr)
    hint = "if it is not of your own task's code, please report it with the lines above"
    return _say(f"{type(error).__name__}, which nobody foresaw: {error}; {hint}", UNFORESEEN)


def _sentence(error: BaseException) -> str:
    words = str(error) or type(error).__name__
    match error:
        case SystemExit():
            return f"a task must give a Task, and this one's code left with exit({error.code!r})"
        case MemoryError():
            return f"there must be memory for what was asked, and there is not ({words})"
        case RecursionError():
            return f"nothing may be nested so deep that it cannot be read ({words})"
    return words


def _say(words: str, status: int) -> int:
    print(f"jaxmeta: {plain(words)}", file=sys.stderr)
    return status


def _unread() -> bool:
    """Whether the standard output is a pipe that nobody reads; errors are all that is asked for."""
    asked = select.poll()
    try:
        asked.register(sys.stdout.fileno(), 0)
    except (AttributeError, OSError):  # there is none, or it is no file
        return False
    return bool(asked.poll(0))
