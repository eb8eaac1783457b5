"""Where trials run. None of it changes a bit, so none of it is in the record."""

import hashlib
from dataclasses import astuple, dataclass
from pathlib import Path

ENGINES = ("local", "ray")


@dataclass(frozen=True)
class Place:
    """This machine, or the machines of a cluster.

    Attributes:
      engine: one of `ENGINES`: this machine, or a Ray cluster.
      address: of the cluster, "host:port"; "": that of the variable RAY_ADDRESS, else one that is
        started here.
      cpus_per_worker, gpus_per_worker: what of the cluster each worker takes.
      scratch: a folder that all machines reach, for trials in progress; "": none is saved, and a
        trial whose worker dies begins again.

    Raises:
      ValueError: there is no such place.
    """

    engine: str = "local"
    address: str = ""
    cpus_per_worker: float = 1
    gpus_per_worker: float = 0
    scratch: str = ""

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ValueError(
                f"engine must be one of {', '.join(ENGINES)}, got {self.engine!r}; choose one"
            )
        if self.cpus_per_worker < 0 or self.gpus_per_worker < 0:
            raise ValueError(
                f"a worker takes 0 CPUs and GPUs or more, got {self.cpus_per_worker:g} and "
                f"{self.gpus_per_worker:g}; raise them"
            )
        if not (self.cpus_per_worker or self.gpus_per_worker):
            raise ValueError("a worker must take a CPU or a GPU, got none of both; give it one")
        if self.engine == "local" and astuple(self)[1:] != ("", 1, 0, ""):
            raise ValueError(
                "an address, a worker's share and a scratch folder are for a cluster, and the "
                "engine is local; add --engine ray, or leave them out"
            )

    def saves(self, folder: Path | str) -> Path | None:
        """Where trials in progress of the study in `folder` are saved; None: nowhere."""
        if self.engine == "local":
            return Path(folder)
        mark = hashlib.sha256(str(Path(folder).absolute()).encode()).hexdigest()[:16]
        return Path(self.scratch, mark).absolute() if self.scratch else None


LOCAL = Place()
