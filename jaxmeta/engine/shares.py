"""What all engines with several workers do alike: share out what is wanted, pass on what comes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

from jaxmeta.engine.protocol import Event, Job
from jaxmeta.record import environment

Surroundings = list[dict[str, Any]]  # see `protocol.Engine`, by each recipe


class Worker(Protocol):
    lanes: int  # it has room for so many; 0 until it has said so
    jobs: list[Job]  # that it was told to run


class Crew(ABC):
    """Workers at work; the lanes are those of all that are ready."""

    def __init__(self) -> None:
        self._workers: list[Any] = []  # each a Worker
        self._events: list[Event] = []
        self._surroundings: Surroundings = []  # of the first that was ready
        self._wanted: list[Job] = []
        self._done: set[str] = set()  # and are wanted by somebody who has not heard of it yet

    @property
    def lanes(self) -> int:
        return sum(worker.lanes for worker in self._workers)

    def surroundings(self, recipe: int = 0) -> dict[str, Any]:
        return self._surroundings[recipe]

    def _differences(self, found: Surroundings) -> list[str]:
        """What tells the environment of another worker from that of the first, in words."""
        self._surroundings = self._surroundings or found
        pairs = zip(self._surroundings, found, strict=True)
        changes = [one for pair in pairs for one in environment.differences(*pair)]
        return list(dict.fromkeys(changes))

    def want(self, jobs: Sequence[Job]) -> None:
        self._wanted = list(jobs)
        self._done &= {job.name for job in jobs}
        self._share()

    def next(self) -> list[Event]:
        while not self._events:
            self._listen()
        events, self._events = self._events, []
        return events

    def _share(self) -> None:
        """Give each worker its part of what is wanted: what it has, and new ones where it has
        room."""
        wanted = [job for job in self._wanted if job.name not in self._done]
        for worker, share in zip(self._workers, shares(wanted, self._workers), strict=True):
            self._give(worker, share)

    def _heard(self, events: list[Event]) -> None:
        self._done |= {event.name for event in events if event.done}
        self._events += events

    @abstractmethod
    def _give(self, worker: Any, jobs: list[Job]) -> None:
        """Tell a worker what to run."""

    @abstractmethod
    def _listen(self) -> None:
        """Wait until a worker says something, or dies, or for a while."""


def shares(wanted: Sequence[Job], workers: Sequence[Worker]) -> list[list[Job]]:
    """For each worker what it has and is still wanted, and new trials where it has room."""
    names = {job.name for job in wanted}
    found = [[job for job in worker.jobs if job.name in names] for worker in workers]
    taken = {job.name for share in found for job in share}
    room = [worker.lanes - len(share) for worker, share in zip(workers, found, strict=True)]
    for job in (job for job in wanted if job.name not in taken):
        # Where most room is, so that no worker has two while another has none.
        most = max(room, default=0)
        if most <= 0:
            break
        at = room.index(most)
        room[at] -= 1
        found[at].append(job)
    return found
