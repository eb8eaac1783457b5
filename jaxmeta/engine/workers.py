"""Trainings in worker processes on this machine, each with an engine of its own (`local`).

A worker is a Python at the other end of a pair of sockets. It looks for modules where this process
found some, and never first in the current folder, which may be a stranger's study. One that dies is
replaced and its trainings are given to others, which go on from what it saved; a worker whose
parent dies ends itself.
"""

import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait

from jaxmeta.engine.protocol import Job, Recipe
from jaxmeta.engine.sending import environment_of, packed, searched
from jaxmeta.engine.shares import Crew, Surroundings
from jaxmeta.record.journal import JournalError

START = """import sys
sys.path += [path for path in sys.argv[2:] if path not in sys.path]
from jaxmeta.engine.worker import main
main(int(sys.argv[1]))"""

# So many workers in a row may die without finishing an epoch between them.
DEATHS = 5


class Workers(Crew):
    """`n` processes at work; the lanes are those of all of them."""

    def __init__(self, recipes: Sequence[Recipe], n: int) -> None:
        super().__init__()
        self._recipes = packed(recipes)
        self._n = n
        self._deaths = 0

    def __enter__(self) -> "Workers":
        try:
            for _ in range(self._n):
                self._workers.append(_Worker())
            for worker in self._workers:  # all are starting by now
                worker.begin(self._recipes)
            while not all(worker.lanes for worker in self._workers):
                self._listen()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.connection.close()
        for worker in self._workers:
            worker.process.wait()

    def _give(self, worker: "_Worker", jobs: list[Job]) -> None:
        worker.give(jobs)

    def _listen(self) -> None:
        """Wait until a worker says something, or dies."""
        ready = wait([worker.connection for worker in self._workers])
        for worker in [worker for worker in self._workers if worker.connection in ready]:
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                self._replace(worker)
                continue
            if isinstance(message, BaseException):
                raise message
            if isinstance(message, list):
                self._deaths = 0
                self._heard(message)
            else:
                worker.lanes, surroundings = message
                self._compare(surroundings)
                self._share()

    def _compare(self, surroundings: Surroundings) -> None:
        if changes := self._differences(surroundings):
            raise JournalError(
                "all workers must have one environment, and they differ ("
                + "; ".join(changes)
                + "); restore it, and resume"
            )

    def _replace(self, worker: "_Worker") -> None:
        """Another in the place of one that died; what it ran is shared out anew."""
        worker.connection.close()
        status = worker.process.wait()
        self._deaths += 1
        if self._deaths > DEATHS:
            raise JournalError(
                f"a worker process must stay alive, and {self._deaths} in a row ended (the last "
                f"with exit status {status}); look for what ends them, memory for one, then resume"
            )
        new = self._workers[self._workers.index(worker)] = _Worker()
        new.begin(self._recipes)
        self._share()


class _Worker:
    """One process, and this end of the line to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", START, str(theirs.fileno()), *searched()],
                pass_fds=[theirs.fileno()],
                env=environment_of(),
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the parent, who tells its workers
            )
        self.connection = Connection(ours.detach())
        self.lanes = 0  # until it has said how many
        self.jobs: list[Job] = []

    def begin(self, recipes: bytes) -> None:
        """Tell it what it is to train."""
        with suppress(OSError):  # it is dead, and `next` will see it
            self.connection.send_bytes(recipes)

    def give(self, jobs: list[Job]) -> None:
        """Tell it what to run, if that is news."""
        if jobs != self.jobs:
            self.jobs = jobs
            with suppress(OSError):  # as above
                self.connection.send(jobs)
