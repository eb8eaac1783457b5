"""One round of each of six tracks that no data were recorded on, and what is measured."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxmeta.drive.env import Steering
from jaxmeta.drive.tracks import Track, track

SEEDS = (300, 301, 302, 303, 304, 305)
PENALTY = 6.0  # s, what PilotNet's rule takes an intervention to last
DISTURBED, PERIODS = 0.2, (1.5, 4.0)  # rad and s, of the disturbance

# From a frame and the environment's `info` to a steering angle, rad.
Driver = Callable[[np.ndarray, dict[str, Any]], float]


class Lap(NamedTuple):
    """One round.

    Attributes:
      track: which.
      interventions: how often the car was off the road, and was put back onto its middle.
      mean, largest: distance from the middle, m, over all frames.
      share: of the way that it came before the first intervention.
      time: s.
      path: float64[frames, 2], where the car was, m.
      distances: float64[frames], to the left of the middle, m.
      frames: uint8[frames, H, W, 1], what it saw, where they are kept; else empty.
    """

    track: Track
    interventions: int
    mean: float
    largest: float
    share: float
    time: float
    path: np.ndarray
    distances: np.ndarray
    frames: np.ndarray

    @property
    def completed(self) -> bool:
        return self.interventions == 0 and self.share == 1

    @property
    def autonomy(self) -> float:
        """1 - 6 s x interventions / time, and not below 0 (Bojarski et al., "End to End Learning
        for Self-Driving Cars", 2016, section 7.1)."""
        return max(0.0, 1 - PENALTY * self.interventions / self.time)


def lap(of: Track, driver: Driver, keep: bool = False) -> Lap:
    """Drive one round; `keep` the frames."""
    env = Steering(of)
    frame, info = env.reset()
    rows, frames, interventions, share, ended = [info], [], 0, 1.0, False
    while not ended:
        if keep:
            frames.append(frame)
        angle = float(driver(frame, info))
        frame, _, off, ended, info = env.step(np.array([angle if np.isfinite(angle) else 0.0]))
        rows.append(info)
        if off:
            interventions += 1
            share = min(share, max(0.0, info["progress"] / of.length))
            env.put_back()
            frame, info = env.frame, env.info
    if info["progress"] < of.length:
        share = min(share, max(0.0, info["progress"] / of.length))
    away = np.array([row["distance"] for row in rows])
    path = np.array([row["point"] for row in rows])
    return Lap(
        of, interventions, float(np.abs(away).mean()), float(np.abs(away).max()), share,
        info["time"], path, away, np.array(frames, np.uint8),
    )  # fmt: skip


def laps(driver_of: Callable[[int], Driver], keep: bool = False) -> list[Lap]:
    """A round of each track, by who drives it; the frames of the first are kept on request."""
    return [lap(track(seed), driver_of(seed), keep and seed == SEEDS[0]) for seed in SEEDS]


def expert(frame: np.ndarray, info: dict[str, Any]) -> float:
    """Pure pursuit, which knows where it is."""
    del frame
    return info["expert"]


def straight_on(frame: np.ndarray, info: dict[str, Any]) -> float:
    """The control that predicts zero."""
    del frame, info
    return 0.0


def disturbed(driver: Driver, seed: int, strength: float = DISTURBED) -> Driver:
    """`driver` with a sine added to its angle, of a period and phase drawn from `seed`."""
    draw = np.random.default_rng([21, seed])
    period, phase = draw.uniform(*PERIODS), draw.uniform(0, 2 * np.pi)

    def drive(frame: np.ndarray, info: dict[str, Any]) -> float:
        sine = np.sin(2 * np.pi * info["time"] / period + phase)
        return driver(frame, info) + strength * float(sine)

    return drive


def summary(driven: list[Lap]) -> dict[str, Any]:
    """The six laps as one row, for the table and as JSON: distances in metres, shares of one."""
    time = sum(one.time for one in driven)
    interventions = sum(one.interventions for one in driven)
    return {
        "laps": sum(one.completed for one in driven),
        "of": len(driven),
        "mean_distance": float(np.mean([one.mean for one in driven])),
        "largest_distance": max(one.largest for one in driven),
        "share": float(np.mean([one.share for one in driven])),
        "interventions": interventions,
        "autonomy": max(0.0, 1 - PENALTY * interventions / time),
    }


COLUMNS = ("laps", "mean, m", "largest, m", "way", "interventions", "autonomy")


def cells(row: dict[str, Any]) -> list[str]:
    """A `summary` in words, one for each of COLUMNS."""
    return [
        f"{row['laps']}/{row['of']}",
        f"{row['mean_distance']:.3f}",
        f"{row['largest_distance']:.2f}",
        f"{100 * row['share']:.0f} %",
        str(row["interventions"]),
        f"{100 * row['autonomy']:.0f} %",
    ]


# Who drives the track of a seed.
CONTROLS: dict[str, Callable[[int], Driver]] = {
    "the expert": lambda seed: expert,
    "the expert, disturbed": lambda seed: disturbed(expert, seed),
    "straight on": lambda seed: straight_on,
}
