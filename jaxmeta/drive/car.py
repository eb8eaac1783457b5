"""A 1:10 car with Ackermann steering and a front camera, in MuJoCo.

Source of the proportions: the F1TENTH car (wheelbase 0.33 m, steering up to 0.4189 rad). The camera
is 64 x 36 rays (`mj_multiRay`), each as bright as what it meets: it needs no OpenGL.
"""

from typing import Any

import mujoco as _mujoco
import numpy as np

from jaxmeta.drive.tracks import HALF_WIDTH, POINTS, Track

mujoco: Any = _mujoco  # its functions are compiled, and a checker of types does not see them
WHEELBASE, AXLE, WHEEL = 0.33, 0.24, 0.05  # metres: between axles, between wheels, a wheel's radius
MOST = 0.4189  # rad, of steering to either side
SPEED = 1.5  # m/s
TIMESTEP = 0.002  # s
WIDTH, HEIGHT = 64, 36  # of a frame
VIEW = np.deg2rad(50)  # from the middle of a frame to its side
PITCH = np.deg2rad(20)  # of the camera, downwards
CAMERA = (0.12, 0.0, 0.2)  # from the middle of the car, metres
PIECES = 32  # of a road: MuJoCo skips those that a ray points away from
LINE = 0.1  # metres, the width of the white lines at the sides of the road
FAR = 30.0  # metres; what is farther is sky
# Brightness of a ray by the name of what it meets; of one that meets nothing.
BRIGHTNESS, SKY = {"ground": 110, "road": 50, "left": 240, "right": 240}, 190


class Car:
    """The car on a track; `place` puts it there, `drive` lets time go by, `frame` looks ahead."""

    def __init__(self, track: Track) -> None:
        self.model = mujoco.MjModel.from_xml_string(_xml(track))
        self.data = mujoco.MjData(self.model)
        names = [self.model.geom(i).name for i in range(self.model.ngeom)]
        self._brightness = np.array(
            [*(BRIGHTNESS.get(n.partition(" ")[0], 0) for n in names), SKY], np.uint8
        )

    def place(self, point: np.ndarray, heading: float) -> None:
        """At rest of its steering and at full speed, `point` below the middle of the car."""
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:7] = [*point, WHEEL, np.cos(heading / 2), 0, 0, np.sin(heading / 2)]
        self.data.qvel[:2] = SPEED * np.cos(heading), SPEED * np.sin(heading)
        for wheel in ("front_left", "front_right", "rear_left", "rear_right"):
            self.data.joint(wheel).qvel[0] = SPEED / WHEEL
        mujoco.mj_forward(self.model, self.data)

    def drive(self, steering: float, steps: int) -> None:
        """`steps` time steps with the steering at `steering` rad, positive to the left."""
        turn = np.tan(np.clip(steering, -MOST, MOST)) * AXLE / 2 / WHEELBASE
        slope = np.tan(np.clip(steering, -MOST, MOST))
        self.data.ctrl[:] = [
            np.arctan(slope / (1 - turn)),
            np.arctan(slope / (1 + turn)),
            SPEED / WHEEL * (1 - turn),
            SPEED / WHEEL * (1 + turn),
        ]
        mujoco.mj_step(self.model, self.data, steps)

    @property
    def point(self) -> np.ndarray:
        """The middle of the car on the ground, float64[2], metres."""
        return self.data.qpos[:2].copy()

    @property
    def heading(self) -> float:
        """rad, 0 along x."""
        forward = self.data.body("car").xmat
        return float(np.arctan2(forward[3], forward[0]))

    def frame(self) -> np.ndarray:
        """What the camera sees, uint8[HEIGHT, WIDTH, 1]."""
        turned = self.data.body("car").xmat.reshape(3, 3)
        rays = RAYS @ turned.T
        down = np.flatnonzero(rays[:, 2] < 0)  # the others meet the sky
        n, world = len(down), np.array([1, 0, 0, 0, 0, 0], np.uint8)  # the car is in group 1
        met, distance = np.full(n, -1, np.int32), np.empty(n)
        eye = self.data.qpos[:3] + turned @ CAMERA
        mujoco.mj_multiRay(
            self.model, self.data, eye, rays[down].ravel(), world, True, -1, met, distance, None,
            n, FAR,
        )  # fmt: skip
        seen = np.full(len(rays), SKY, np.uint8)
        seen[down] = self._brightness[met]
        return seen.reshape(HEIGHT, WIDTH, 1)


def _rays() -> np.ndarray:
    """Unit vectors of the pixels, by rows, in the frame of the car: float64[HEIGHT * WIDTH, 3]."""
    right = (np.arange(WIDTH) + 0.5 - WIDTH / 2) * np.tan(VIEW) / (WIDTH / 2)
    down = (np.arange(HEIGHT) + 0.5 - HEIGHT / 2) * np.tan(VIEW) / (WIDTH / 2)
    down, right = np.meshgrid(down, right, indexing="ij")
    forward = np.cos(PITCH) - down * np.sin(PITCH)
    up = -np.sin(PITCH) - down * np.cos(PITCH)
    rays = np.stack([forward, -right, up], -1).reshape(-1, 3)
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


RAYS = _rays()


def _xml(track: Track) -> str:
    """The world: the road and its lines lie flat above the ground, and nothing collides with
    them."""
    edge = HALF_WIDTH - LINE
    ribbons = {
        "road": (track.border(HALF_WIDTH), track.border(-HALF_WIDTH), 0.001),
        "left": (track.border(HALF_WIDTH), track.border(edge), 0.002),
        "right": (track.border(-edge), track.border(-HALF_WIDTH), 0.002),
    }
    meshes = "".join(_ribbon(name, *ribbon) for name, ribbon in ribbons.items())
    geoms = "".join(
        f'<geom name="{name} {k}" type="mesh" mesh="{name} {k}" contype="0" conaffinity="0"/>'
        for name in ribbons
        for k in range(PIECES)
    )
    wheel = f'type="cylinder" size="{WHEEL} 0.02" zaxis="0 1 0" mass="0.15" friction="1.2"'
    wheels = "".join(
        f'<body pos="{x} {y} 0">{knuckle}<joint name="{end}_{side}" axis="0 1 0" damping="0.001"/>'
        f"<geom {wheel}/></body>"
        for end, x in (("front", WHEELBASE / 2), ("rear", -WHEELBASE / 2))
        for side, y in (("left", AXLE / 2), ("right", -AXLE / 2))
        for knuckle in [
            f'<joint name="steer_{side}" axis="0 0 1" damping="0.1" armature="0.002"/>'
            if end == "front"
            else ""
        ]
    )
    steering = "".join(
        f'<position joint="steer_{side}" kp="20" ctrlrange="-0.6 0.6"/>'
        for side in ("left", "right")
    )
    motors = "".join(f'<velocity joint="rear_{side}" kv="0.1"/>' for side in ("left", "right"))
    return f"""
<mujoco>
  <option timestep="{TIMESTEP}" integrator="implicitfast"/>
  <default><geom group="1"/></default>
  <asset>{meshes}</asset>
  <worldbody>
    <geom name="ground" type="plane" size="100 100 1" group="0"/>
    {geoms.replace("/>", ' group="0"/>')}
    <body name="car" pos="0 0 {WHEEL}">
      <freejoint/>
      <geom type="box" size="0.2 0.09 0.03" pos="0 0 0.01" mass="2.9"/>
      {wheels}
    </body>
  </worldbody>
  <actuator>{steering}{motors}</actuator>
</mujoco>"""


def _ribbon(name: str, left: np.ndarray, right: np.ndarray, height: float) -> str:
    """A closed band between two lines, in PIECES meshes without thickness."""
    n = POINTS // PIECES
    i = np.arange(n)
    faces = np.stack([i, i + n + 1, i + 1, i + 1, i + n + 1, i + n + 2], 1).ravel()
    meshes = []
    for k in range(PIECES):
        rows = np.arange(k * n, (k + 1) * n + 1) % POINTS
        vertices = " ".join(
            f"{x:.6f} {y:.6f} {height}" for x, y in np.concatenate([left[rows], right[rows]])
        )
        meshes.append(
            f'<mesh name="{name} {k}" inertia="shell" vertex="{vertices}" '
            f'face="{" ".join(map(str, faces))}"/>'
        )
    return "".join(meshes)
