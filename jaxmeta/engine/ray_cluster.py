"""Trials on the machines of a Ray cluster (docs.ray.io): actors, each with a local engine inside.

As many as the cluster has room for, or as the user says. They join when their machine does; one
that dies is replaced, and its trials are given to others. An actor has one call in flight, `step`:
run these, and say what the next epoch brought. So a trial that is not wanted any more is given up
at the end of an epoch, as by every engine.
"""

import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cloudpickle

from jaxmeta import runtime
from jaxmeta.engine import ray_head
from jaxmeta.engine.local import Local
from jaxmeta.engine.place import Place
from jaxmeta.engine.protocol import Event, Job, Recipe
from jaxmeta.engine.ray_head import PATIENCE
from jaxmeta.engine.sending import Files, environment_of, files_of, packed, searched, write
from jaxmeta.engine.shares import Crew, Surroundings
from jaxmeta.record.journal import JournalError

# So many actors may die without an epoch finished by any, beside one for each that there is.
DEATHS = 5
# What a worker's process has of this one's environment: all that may change a bit, and the cache.
INHERITED = ("JAX_", "XLA_", "TF_CPP_", "JAXMETA_")


class Worker:
    """An actor: a local engine in a process of its own, on some machine."""

    def __init__(self, packed: bytes, folders: list[str]) -> None:
        sys.path += [path for path in folders if path not in sys.path]
        recipes = cloudpickle.loads(packed)
        self._engine, self._recipes = Local(recipes).__enter__(), len(recipes)
        self._kept = tempfile.mkdtemp()

    def begin(self) -> tuple[int, Surroundings]:
        here = [self._engine.surroundings(n) for n in range(self._recipes)]
        return self._engine.lanes, here

    def step(self, jobs: list[Job]) -> tuple[list[Event], dict[str, Files]]:
        """Run `jobs`, and nothing else, to the next end of an epoch; with what is to be kept."""
        here = [job._replace(keep=self._folder(job)) if job.keep else job for job in jobs]
        self._engine.want(here)
        events = self._engine.next()
        done = {event.name for event in events if event.done}
        return events, {
            job.name: files_of(job.keep) for job in here if job.keep and job.name in done
        }

    def rest(self) -> None:
        """Nothing is wanted of it."""
        self._engine.want([])

    def _folder(self, job: Job) -> str:
        return str(Path(self._kept, job.name))


@dataclass(eq=False)
class _Hired:
    """An actor, as seen from here."""

    actor: Any
    lanes: int = 0  # until it has said how many
    refused: bool = False
    calling: bool = True  # a call is in flight, whose answer will come
    jobs: list[Job] = field(default_factory=list)  # that it is to run
    told: list[Job] = field(default_factory=list)  # that it was told to run


class RayCluster(Crew):
    """Actors on a Ray cluster; the lanes are those of all that have come.

    Args:
      recipes: what is trained. Every machine must reach their folder for trials in progress, if
        there is one.
      workers: so many actors; 0: as many as the cluster has CPUs or GPUs for, now and later.
      place: see `Place`.
    """

    def __init__(self, recipes: Sequence[Recipe], workers: int, place: Place) -> None:
        super().__init__()
        self._recipes, self._saves = packed(recipes), {recipe.folder for recipe in recipes} - {""}
        self._n, self._place = workers, place
        self._calls: dict[Any, _Hired] = {}  # what is in flight
        self._deaths = 0
        self._ours = False  # the connection to the cluster
        self._head: ray_head.Lookout | None = None

    def __enter__(self) -> "RayCluster":
        for folder in self._saves:
            try:
                Path(folder).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ValueError(
                    f"the scratch folder must be one that can be written, and is not ({error}); "
                    "name another, or none"
                ) from error
        self._ray, self._ours = ray_head.joined(self._place.address)
        try:
            self._head = ray_head.Lookout(self._ray)
            self._sent = self._ray.put(self._recipes)
            # Once: each of them is shown to the head, and there waited for, before its first actor.
            self._actor = self._ray.remote(Worker)
            while not self.lanes:
                self._listen()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._head:
            self._head.leave()
        if not (self._head and self._head.gone):  # else Ray would wait for it
            for worker in self._workers:
                self._ray.kill(worker.actor)
        self._workers, self._calls = [], {}
        if self._ours:
            self._ray.shutdown()

    def _give(self, worker: _Hired, jobs: list[Job]) -> None:
        worker.jobs = jobs
        if worker.calling or not worker.lanes:
            return
        if jobs:
            self._call(worker, worker.actor.step.remote(jobs))
        elif worker.told:
            self._call(worker, worker.actor.rest.remote())
        worker.told = jobs

    def _call(self, worker: _Hired, answer: Any) -> None:
        worker.calling = True
        self._calls[answer] = worker

    def _listen(self) -> None:
        """Hire where there is room; then wait until an actor answers or dies, or for a while."""
        assert self._head
        machines = self._head.machines()
        while len(self._workers) < (self._n or self._room(machines)):
            self._hire()
        if not self._calls:  # nobody can answer, until somebody comes
            time.sleep(PATIENCE)
            return
        ready, _ = self._ray.wait(list(self._calls), timeout=PATIENCE)
        for answer in ready:
            worker = self._calls.pop(answer)
            worker.calling = False
            try:
                self._hear(worker, self._ray.get(answer))
            except self._ray.exceptions.RayActorError as error:
                self._lose(worker, error)
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause or error from None
            self._share()

    def _hear(self, worker: _Hired, said: Any) -> None:
        if not worker.lanes and not worker.refused:
            self._begun(worker, *said)
        elif said is not None:
            events, kept = said
            self._deaths = 0
            for job in worker.told:
                if job.name in kept:
                    write(Path(job.keep), kept[job.name])
            self._heard(events)

    def _begun(self, worker: _Hired, lanes: int, surroundings: Surroundings) -> None:
        """An actor in another environment than the first one's gets nothing to do."""
        changes = self._differences(surroundings)
        if not changes:
            worker.lanes = lanes
            return
        # It stays, so that nobody is hired again in its place.
        worker.refused = True
        logging.getLogger("jaxmeta").warning(
            "jaxmeta: all workers must have one environment, and one that came differs (%s); the "
            "study goes on without it",
            "; ".join(changes),
        )

    def _room(self, machines: list[dict[str, float]]) -> int:
        """How many actors they can hold."""
        cpus, gpus = self._place.cpus_per_worker, self._place.gpus_per_worker
        room = 0
        for has in machines:
            fits = [has.get("CPU", 0) // cpus] if cpus else []
            fits += [has.get("GPU", 0) // gpus] if gpus else []
            room += int(min(fits))
        return room

    def _hire(self) -> None:
        actor = self._actor.options(
            num_cpus=self._place.cpus_per_worker,
            num_gpus=self._place.gpus_per_worker,
            max_restarts=0,  # we hire another at once; Ray's own way takes half a minute
            runtime_env={"env_vars": self._variables()},
        )
        worker = _Hired(actor.remote(self._sent, searched()))
        self._workers.append(worker)
        self._call(worker, worker.actor.begin.remote())

    def _variables(self) -> dict[str, str]:
        """Those of this process that a worker needs, set before its JAX starts."""
        here = environment_of()
        given = {name: value for name, value in here.items() if name.startswith(INHERITED)}
        if "PYTHONPATH" in here:
            given["PYTHONPATH"] = here["PYTHONPATH"]
        # What the user has settled holds everywhere; else a worker has as many as it was given.
        for name in runtime.VARIABLES:
            if name in here and not runtime.pinned():
                given[name] = here[name]
        if runtime.pinned():
            given["NPROC"] = str(max(1, int(self._place.cpus_per_worker)))
        return given

    def _lose(self, worker: _Hired, error: Exception) -> None:
        self._ray.kill(worker.actor)  # it may be a machine that cannot be reached just now
        self._workers.remove(worker)
        self._deaths += 1
        if self._deaths > DEATHS + len(self._workers):
            raise JournalError(
                f"workers must stay alive, and {self._deaths} in a row ended (the last: "
                f"{str(error).splitlines()[0]}); look for what ends them, memory for one, then "
                "resume"
            ) from error
