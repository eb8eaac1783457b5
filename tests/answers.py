"""What the command line answers, and whether a person can bear it: in time, in memory, in one
sentence, with nothing in it that commands a terminal."""

import io
import resource
import signal
import unicodedata
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from jaxmeta import cli

# A net under what hangs, no promise of speed: seconds at work, and seconds that wait for something.
SECONDS, WAITING = 20, 200
MEMORY = 4 << 30  # bytes that an answer may ask for, beside what is there
LONG = 3000  # characters of a sentence that nobody reads to its end


class Hangs(BaseException):
    """No answer."""


@contextmanager
def bounded(memory: int = MEMORY):
    """Stop what takes too long or asks for too much memory."""

    def ring(*_):
        raise Hangs(f"no answer in {SECONDS} s of work, or in {WAITING} s")

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + memory, hard))
    clocks = {
        signal.SIGPROF: (signal.ITIMER_PROF, SECONDS),
        signal.SIGALRM: (signal.ITIMER_REAL, WAITING),
    }
    before = {number: signal.signal(number, ring) for number in clocks}
    for clock, seconds in clocks.values():
        signal.setitimer(clock, seconds)
    try:
        yield
    finally:
        for clock, _ in clocks.values():
            signal.setitimer(clock, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        for number, handler in before.items():
            signal.signal(number, handler)


def harmless(text: str) -> bool:
    """No character that moves a terminal's cursor, or turns the direction of a line."""
    return all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs") for c in text)


class Answer(NamedTuple):
    status: int
    out: str
    err: str

    def check(self, *statuses: int) -> "Answer":
        """One of these statuses, harmless words, and one sentence where it is 2."""
        assert self.status in statuses, self
        assert harmless(self.out) and harmless(self.err), self
        if self.status == 2:
            assert self.err.startswith("jaxmeta: ") and self.err.count("\n") == 1, self
            assert len(self.err) < LONG, len(self.err)
        else:
            assert "Traceback" not in self.err, self
        return self


def said(*arguments: Any) -> Answer:
    """What the command line answers, its output as a file gets it."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        status = cli.main([str(argument) for argument in arguments])
    for stream in (out, err):
        stream.flush()
    return Answer(status, *(stream.buffer.getvalue().decode() for stream in (out, err)))
