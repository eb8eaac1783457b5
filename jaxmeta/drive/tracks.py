"""Closed tracks drawn from a seed: the middle line is a circle whose radius is a Fourier series."""

from dataclasses import dataclass

import numpy as np

LENGTHS = (35.0, 45.0)  # metres
HALF_WIDTH = 1.0  # metres
POINTS = 512  # of the middle line, at equal distances
WAVES = np.arange(2, 7)  # of the series
TIGHTEST = 1.6  # metres, the smallest radius of a bend


@dataclass(frozen=True)
class Track:
    """A closed track.

    Attributes:
      seed: what it was drawn from.
      middle: float64[POINTS, 2], metres, in the direction of driving.
      length: of the middle line, metres.
    """

    seed: int
    middle: np.ndarray
    length: float

    @property
    def along(self) -> np.ndarray:
        """Unit vectors in the direction of driving, float64[POINTS, 2]."""
        step = np.roll(self.middle, -1, 0) - np.roll(self.middle, 1, 0)
        return step / np.linalg.norm(step, axis=1, keepdims=True)

    def at(self, s: float) -> np.ndarray:
        """The point of the middle line `s` metres from its start, float64[2]."""
        place = s / self.length * POINTS % POINTS
        i, part = int(place), place - int(place)
        return (1 - part) * self.middle[i % POINTS] + part * self.middle[(i + 1) % POINTS]

    def nearest(self, point: np.ndarray) -> tuple[float, float]:
        """Where `point` is: metres along the middle line, and to its left (negative: right)."""
        i = int(np.argmin(((self.middle - point) ** 2).sum(1)))
        forward, away = self.along[i], point - self.middle[i]
        s = i * self.length / POINTS + float(forward @ away)
        return s % self.length, float(forward[0] * away[1] - forward[1] * away[0])

    def border(self, left: float) -> np.ndarray:
        """The line `left` metres to the left of the middle, float64[POINTS, 2]."""
        return self.middle + left * self.along[:, ::-1] * [-1, 1]


def track(seed: int) -> Track:
    """The track of `seed`, 35 to 45 m long, driven in one direction or the other."""
    draw = np.random.default_rng([20, seed])
    angle = np.linspace(0, 2 * np.pi, 16 * POINTS, endpoint=False)
    while True:
        waves = draw.normal(size=(2, len(WAVES))) * 0.35 / WAVES
        radius = 1 + waves[0] @ np.cos(np.outer(WAVES, angle))
        radius += waves[1] @ np.sin(np.outer(WAVES, angle))
        line = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        if radius.min() < 0.3:
            continue
        length = draw.uniform(*LENGTHS)
        middle = _evenly(line) * (length / _lengths(line)[-1])
        if draw.random() < 0.5:
            middle = np.ascontiguousarray(middle[::-1])
        made = Track(seed, middle, length)
        if _tightest(made) > TIGHTEST and _apart(made):
            return made


def _lengths(line: np.ndarray) -> np.ndarray:
    """From the start of a closed line to each of its points, and to the start again."""
    steps = np.linalg.norm(np.roll(line, -1, 0) - line, axis=1)
    return np.concatenate([[0], np.cumsum(steps)])


def _evenly(line: np.ndarray) -> np.ndarray:
    lengths, closed = _lengths(line), np.concatenate([line, line[:1]])
    at = np.linspace(0, lengths[-1], POINTS, endpoint=False)
    return np.stack([np.interp(at, lengths, closed[:, k]) for k in (0, 1)], 1)


def _tightest(made: Track) -> float:
    turned = np.roll(made.along, -4, 0) - np.roll(made.along, 4, 0)
    return 8 * made.length / POINTS / np.linalg.norm(turned, axis=1).max()


def _apart(made: Track) -> bool:
    """Whether no two parts of the road come closer than its width and a metre."""
    some = np.arange(0, POINTS, 4)
    away = np.linalg.norm(made.middle[some, None] - made.middle[some], axis=2)
    steps = np.abs(some[:, None] - some)
    steps = np.minimum(steps, POINTS - steps) * made.length / POINTS
    return away[steps > 5].min() > 2 * HALF_WIDTH + 1
