"""`jaxmeta`, killed with SIGKILL at the N-th write boundary of its journal: python killer.py N ...

The boundaries are: before a line, in its middle, after it, after it reached the disk. The exit
status is that of the command where the study had fewer boundaries than N.
"""

import builtins
import io
import os
import signal
import sys

from jaxmeta import cli
from jaxmeta.record import journal

boundary, wanted = 0, int(sys.argv[1])


def reached() -> None:
    global boundary
    boundary += 1
    if boundary == wanted:
        os.kill(os.getpid(), signal.SIGKILL)


class KillingFile(io.FileIO):
    def write(self, content, /) -> int:
        reached()
        half = len(content) // 2
        super().write(content[:half])
        reached()
        super().write(content[half:])
        reached()
        return len(content)


def opening(path, mode, buffering=-1, opener=None):
    if buffering == 0 and path.name == journal.NAME:
        return KillingFile(path, mode.replace("b", ""), opener=opener)
    return builtins.open(path, mode, buffering, opener=opener)


def fsync(descriptor: int, sync=os.fsync) -> None:
    sync(descriptor)
    reached()


setattr(journal, "open", opening)  # noqa: B010 the module has no such name until now
journal.os.fsync = fsync
sys.exit(cli.main(sys.argv[2:]))
