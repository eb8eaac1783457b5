"""Trials in this process: a thread for each device, and on each device the lanes of its programs.

A device holds as many trials as a program has lanes, of whatever variants (`training.variants`):
the lanes of each program hold trials of one variant, and the programs take turns, an epoch each. So
no trial waits for another variant to be finished. A lane is refilled whenever its trial comes to
its end, at the end of an epoch of all, so that one that stops early or diverges holds nobody up.
"""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import jax
import jax.numpy as jnp

from jaxmeta import keys
from jaxmeta.engine.protocol import Event, Job, Recipe
from jaxmeta.record import environment, weights
from jaxmeta.record.checkpoint import Checkpoints
from jaxmeta.training import Program, Programs, Stack
from jaxmeta.training.variants import Variant, variant

Kind = tuple[int, Variant]  # what one program serves: the recipe, and the variant


def programs_of(recipe: Recipe, device: Any = None) -> Programs:
    """Train_N as `recipe` has it, a program for each variant."""
    return Programs(
        recipe.trainable,
        recipe.training,
        recipe.constants,
        recipe.scored_on,
        recipe.lanes,
        device,
        recipe.arithmetic,
    )


class Local:
    """Every device of this process at work, for trials by any of the recipes.

    A device holds as many trials as the narrowest of the recipes has lanes.
    """

    def __init__(self, recipes: Sequence[Recipe]) -> None:
        self._recipes = list(recipes)
        self._width = min(recipe.lanes.width for recipe in recipes)
        # The default device is left unnamed, so that its program is that of a process with one.
        self._programs = [
            [programs_of(recipe, None if d == 0 else device) for recipe in recipes]
            for d, device in enumerate(jax.local_devices())
        ]
        self._wanted: list[Job] = []
        self._running: dict[str, int] = {}  # the device of each trial in a lane
        self._done: set[str] = set()  # ended trials that are wanted until their event is read
        self._changed = threading.Condition()
        self._closing = False
        self._happened: SimpleQueue[list[Event] | BaseException] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    @property
    def lanes(self) -> int:
        return len(self._programs) * self._width

    def surroundings(self, recipe: int = 0) -> dict[str, Any]:
        first = self._programs[0][recipe].of(self._recipes[recipe].start)
        return environment.fingerprint(self._recipes[recipe].arithmetic, first.digests())

    def want(self, jobs: Sequence[Job]) -> None:
        with self._changed:
            self._wanted = list(jobs)
            self._done &= {job.name for job in jobs}
            self._changed.notify_all()

    def next(self) -> list[Event]:
        happened = self._happened.get()
        if isinstance(happened, BaseException):
            raise happened
        return happened

    def __enter__(self) -> "Local":
        for d, programs in enumerate(self._programs):
            thread = threading.Thread(target=self._serve, args=(d, programs), daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _serve(self, d: int, programs: list[Programs]) -> None:
        """The life of one device."""
        at_work: dict[Kind, _Lanes] = {}
        try:
            while (jobs := self._jobs(d)) is not None:
                wanted: dict[Kind, list[Job]] = {}
                for job in jobs:
                    wanted.setdefault((job.recipe, variant(job.values)), []).append(job)
                for one in wanted.keys() - at_work.keys():
                    program = programs[one[0]].of(wanted[one][0].values)
                    at_work[one] = _Lanes(self._recipes[one[0]], program)
                for one, lanes in list(at_work.items()):
                    lanes.hold(wanted.get(one, []))
                    if not lanes.jobs:
                        del at_work[one]  # and with it the memory of its lanes; the code is kept
                for lanes in at_work.values():
                    compiled = sum(map(len, programs))
                    events = [e._replace(programs=compiled) for e in lanes.epoch()]
                    with self._changed:
                        self._done |= {event.name for event in events if event.done}
                    self._happened.put(events)
        except BaseException as error:  # noqa: BLE001 raised where it is heard, in `next`
            self._happened.put(error)

    def _jobs(self, d: int) -> list[Job] | None:
        """What device `d` runs next: what it has and is still wanted, and new ones while it has
        room; waits for some. None: it is time to go."""
        with self._changed:
            while not self._closing:
                wanted = [job for job in self._wanted if job.name not in self._done]
                names = {job.name for job in wanted}
                self._running = {n: at for n, at in self._running.items() if at != d or n in names}
                mine = [job for job in wanted if self._running.get(job.name) == d]
                free = [job for job in wanted if job.name not in self._running]
                new = free[: self._width - len(mine)]
                self._running |= {job.name: d for job in new}
                if mine or new:
                    return mine + new
                self._changed.wait()
        return None


class _Lanes:
    """The lanes of one program and the jobs in them."""

    def __init__(self, recipe: Recipe, program: Program) -> None:
        self._recipe, self._program = recipe, program
        data = recipe.trainable.data_record()
        self._checkpoints = Checkpoints(
            Path(recipe.folder) if recipe.folder else None,
            f"{recipe.trainable.name} {data} {recipe.constants} {recipe.training} "
            f"{recipe.scored_on} {recipe.lanes}",
        )
        self._stack = Stack(program)
        self._jobs: list[Job | None] = [None] * recipe.lanes.width
        self._epochs = [0] * recipe.lanes.width  # done, of each
        self._since = [0.0] * recipe.lanes.width

    @property
    def jobs(self) -> list[Job]:
        return [job for job in self._jobs if job is not None]

    def hold(self, jobs: list[Job]) -> None:
        """Give up what is not among `jobs`, and start what is not yet here in the free lanes."""
        names = {job.name for job in jobs}
        for job in self.jobs:
            if job.name not in names:  # here, where it cannot be in the middle of being saved
                self._checkpoints.forget(job.name)
        self._jobs = [job if job and job.name in names else None for job in self._jobs]
        here = {job.name for job in self.jobs}
        for job in jobs:
            if job.name not in here:
                self._start(self._jobs.index(None), job)

    def _start(self, lane: int, job: Job) -> None:
        self._since[lane] = time.monotonic()
        at = self._program.fresh(_key(job), job.values)
        at = self._checkpoints.load(job.name, at, f"{job.key} {job.values}") or at
        self._stack.start(lane, at, _key(job), job.values)
        self._jobs[lane], self._epochs[lane] = job, int(at.epoch)

    def epoch(self) -> list[Event]:
        """One epoch of every job."""
        real = [(lane, job) for lane, job in enumerate(self._jobs) if job is not None]
        self._stack.advance({lane: self._epochs[lane] + 1 for lane, _ in real})
        results, events = self._stack.results(), []
        for lane, job in real:
            result = results[lane]
            self._epochs[lane] = result.epochs
            done = result.epochs == job.epochs or self._recipe.training.ended(
                result.epochs, result.best_epoch, result.diverged
            )
            test = self._at_the_end(lane, job) if done else None
            seconds = time.monotonic() - self._since[lane]
            events.append(Event(job.name, result, done, seconds, test=test))
            if done:
                self._jobs[lane] = None
            elif self._checkpoints.due(job.name):
                self._checkpoints.save(job.name, result.epochs, self._stack.progress(lane))
        return events

    def _at_the_end(self, lane: int, job: Job) -> int | None:
        """The score on the test set, and what is kept is kept, where `job` wants it."""
        if not (job.test or job.keep):
            return None
        at = self._stack.progress(lane)
        kept = self._recipe.trainable.kept(at.state) if job.keep else None
        if kept is not None:
            weights.save(Path(job.keep), kept)
        return self._program.score("test", _key(job), job.values, at) if job.test else None


def _key(job: Job) -> jax.Array:
    return jax.random.wrap_key_data(jnp.array(job.key, jnp.uint32), impl=keys.IMPL)
