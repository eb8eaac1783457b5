"""The car on a track, behind Gymnasium's interface: a frame in, a steering angle out."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from jaxmeta.drive.car import HEIGHT, MOST, TIMESTEP, WHEELBASE, WIDTH, Car
from jaxmeta.drive.tracks import Track, track

STEPS = 25  # of physics between two frames: 20 frames a second
PERIOD = STEPS * TIMESTEP  # s
LOST = 0.85  # metres from the middle: the car is off the road
AHEAD = 1.0  # metres, where the expert looks
SLOWEST = 2.0  # an episode ends after so many times what a lap takes at 1.5 m/s


class Steering(gymnasium.Env[np.ndarray, np.ndarray]):
    """One lap of a track; speed is kept at 1.5 m/s.

    Observation: the frame, uint8[36, 64, 1]. Action: the steering angle, float32[1], rad, positive
    to the left. Reward: metres along the middle line. Terminated: off the road. Truncated: the lap
    is done, or takes too long. `info`: "expert", the angle of pure pursuit; "distance" to the left
    of the middle, m; "progress", m along the middle; "time", s; "point", m.

    Args:
      of: the track; None: another one for each seed of `reset`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": round(1 / PERIOD)}

    def __init__(self, of: Track | None = None, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.observation_space = spaces.Box(0, 255, (HEIGHT, WIDTH, 1), np.uint8)
        self.action_space = spaces.Box(-MOST, MOST, (1,), np.float32)
        self._fixed = of
        if of is not None:
            self._onto(of)

    def _onto(self, of: Track) -> None:
        self.track, self.car = of, Car(of)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        if self._fixed is None:
            self._onto(track(int(self.np_random.integers(2**31)) if seed is None else seed))
        self.progress, self.time = 0.0, 0.0
        self.put_back()
        return self.frame, self.info

    def put_back(self) -> None:
        """Onto the middle of the road, where the car is along it."""
        before, after = self.track.at(self.progress - 0.1), self.track.at(self.progress + 0.1)
        heading = float(np.arctan2(*(after - before)[::-1]))
        self.car.place(self.track.at(self.progress), heading)
        self._look()

    def _look(self) -> float:
        """Where the car is and what it sees; metres along the middle since the last look."""
        s, self.distance = self.track.nearest(self.car.point)
        half = self.track.length / 2
        moved = (s - self.progress + half) % self.track.length - half
        self.progress += moved
        self.frame = self.car.frame()
        return moved

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.car.drive(float(np.asarray(action).reshape(())), STEPS)
        self.time += PERIOD
        moved = self._look()
        done = self.progress >= self.track.length
        late = self.time > SLOWEST * self.track.length / 1.5
        return self.frame, float(moved), abs(self.distance) > LOST, done or late, self.info

    @property
    def info(self) -> dict[str, Any]:
        return {
            "expert": self.expert(),
            "distance": self.distance,
            "progress": self.progress,
            "time": self.time,
            "point": self.car.point,
        }

    def expert(self) -> float:
        """Pure pursuit (Coulter, "Implementation of the Pure Pursuit Path Tracking Algorithm",
        1992): the arc from the rear axle to the point of the middle line a metre ahead."""
        heading = self.car.heading
        forward = np.array([np.cos(heading), np.sin(heading)])
        away = self.track.at(self.progress + AHEAD) - (self.car.point - WHEELBASE / 2 * forward)
        sideways = forward[0] * away[1] - forward[1] * away[0]
        angle = np.arctan(2 * WHEELBASE * sideways / (away @ away))
        return float(np.clip(angle, -MOST, MOST))

    def render(self) -> np.ndarray | None:
        """The frame in colour, uint8[36, 64, 3]."""
        return None if self.render_mode is None else self.frame.repeat(3, -1)
