"""Which of the wanted trials each worker runs."""

from collections.abc import Sequence
from typing import Protocol

from jaxmeta.engine.protocol import Job


class Worker(Protocol):
    lanes: int  # it has room for so many; 0 until it has said so
    jobs: list[Job]  # that it was told to run


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
