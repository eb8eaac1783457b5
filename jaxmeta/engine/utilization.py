"""How well an engine's lanes are used."""

import time
from dataclasses import dataclass, field


@dataclass
class Utilization:
    """How well the lanes were used since this process took the study up; for people alone.

    Attributes:
      lanes: trials that can run side by side.
      busy: trials that run now.
      trials: that came to their end.
      programs: variants that were compiled, in the engine that compiled most.
      hits: trials begun ahead of need, and needed.
      misses: trials begun ahead of need and given up, or not needed in the end.
      needed_seconds: that trials which decisions rest on took, each by itself.
      busy_seconds: the same of all trials, needed or not.
      seconds: since it began.
    """

    lanes: int
    busy: int = 0
    trials: int = 0
    programs: int = 0
    hits: int = 0
    misses: int = 0
    needed_seconds: float = 0.0
    busy_seconds: float = 0.0
    _began: float = field(default_factory=time.monotonic, repr=False)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def speed_up(self) -> float:
        """Over the needed trials one at a time, if each took as long as it took here."""
        return self.needed_seconds / self.seconds

    def totals(self) -> dict[str, float]:
        """For `times.jsonl`."""
        return {
            "lanes": self.lanes,
            "trials": self.trials,
            "hits": self.hits,
            "misses": self.misses,
            "needed_seconds": round(self.needed_seconds, 3),
            "busy_seconds": round(self.busy_seconds, 3),
            "elapsed": round(self.seconds, 3),
        }
