"""Studies that share one engine: what is most urgent among all that they want runs."""

from collections.abc import Generator, Mapping
from typing import Any

from jaxmeta.engine.protocol import Engine, Event, Job
from jaxmeta.engine.scheduler import Scheduler

Course = Generator[None, None, Any]  # a study: each `yield` waits for its scheduler's trials


def together(engine: Engine, studies: Mapping[str, tuple[Scheduler, Course]]) -> dict[str, Any]:
    """Run every study to its end; what each returned, by its name.

    No lane idles while any study could use it. Which study's trials run when changes nothing that
    a study decides.
    """
    going = {name: course for name, (_, course) in studies.items()}
    schedulers = {name: scheduler for name, (scheduler, _) in studies.items()}
    ends: dict[str, Any] = {}
    turn = list(going)  # those that may go on
    ran: dict[str, str] = {}  # whose a job is
    lanes = 0  # there were, when they were shared out
    while True:
        for name in turn:
            try:
                next(going[name])
            except StopIteration as stop:
                ends[name] = stop.value
                del going[name], schedulers[name]
        if not going:
            engine.want([])
            return ends
        if turn or engine.lanes > lanes:  # a worker has joined
            lanes = engine.lanes
            jobs = _most_urgent(max(lanes, 1), schedulers)  # Ray may have lost all
            ran = {job.name: name for name, of in jobs.items() for job in of}
            engine.want([job for of in jobs.values() for job in of])
        heard: dict[str, list[Event]] = {}
        for event in engine.next():
            if (name := ran.get(event.name)) is not None:  # else nobody wants it any more
                heard.setdefault(name, []).append(event)
        turn = [name for name, events in heard.items() if schedulers[name].heard(events)]


def _most_urgent(lanes: int, schedulers: Mapping[str, Scheduler]) -> dict[str, list[Job]]:
    """As many jobs as there are lanes, if the studies want so many, by study.

    Each is asked for its share of the lanes first, to the next power of two: to look further ahead
    takes time, and so does to look anew whenever a study ends.
    """
    share = min(lanes, 1 << (-(-lanes // len(schedulers)) - 1).bit_length())
    while True:
        wanted = {name: scheduler.wanted(share) for name, scheduler in schedulers.items()}
        enough = sum(map(len, wanted.values())) >= lanes
        if enough or share >= lanes or all(len(wants) < share for wants in wanted.values()):
            break
        share = min(2 * share, lanes)
    every = [(urgency, name, job) for name, wants in wanted.items() for urgency, job in wants]
    every.sort(key=lambda want: want[0])  # stable: what a study wants first stays first
    chosen: dict[str, list[str]] = {name: [] for name in schedulers}
    for _, name, job in every[:lanes]:
        chosen[name].append(job)
    return {name: schedulers[name].runs(jobs, lanes) for name, jobs in chosen.items()}
