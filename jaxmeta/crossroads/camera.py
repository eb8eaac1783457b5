"""What a camera over a crossroads sees: colour, class and depth of each pixel, by MuJoCo's rays.

No OpenGL: one ray through the middle of each pixel says which solid it meets, how far away, and
with which normal. So labels and depth are exact, and the same on every machine that has no graphics
card.
"""

from typing import Any, NamedTuple

import numpy as np

from jaxmeta.crossroads.scene import FAR, Part, Scene
from jaxmeta.tasks.crossroads_data import CLASSES, HEIGHT, WIDTH

ANGLE = 68.0  # degrees, the field of view from left to right
SKY, BUILDING = CLASSES.index("sky"), CLASSES.index("building")
UP = np.array([0.0, 0.0, 1.0])


class Frame(NamedTuple):
    rgb: np.ndarray  # uint8[H, W, 3]
    label: np.ndarray  # uint8[H, W], an index of CLASSES
    depth: np.ndarray  # float64[H, W], metres along the camera's axis; infinite in the sky


def mujoco() -> Any:
    """MuJoCo, which an extra brings.

    Raises:
      ModuleNotFoundError: it is not installed.
    """
    try:
        import mujoco
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the crossroads camera needs MuJoCo, and it is not installed: "
            "pip install 'jaxmeta[drive]'"
        ) from error
    return mujoco


def look(scene: Scene, height: int = HEIGHT, width: int = WIDTH) -> Frame:
    """The picture of `scene`.

    Raises:
      ModuleNotFoundError: MuJoCo is not installed.
    """
    engine: Any = mujoco()
    model = engine.MjModel.from_xml_string(_xml(scene.parts))
    data = engine.MjData(model)
    engine.mj_forward(model, data)
    forward, rays = _rays(scene, height, width)
    met, away = np.zeros(len(rays), np.int32), np.zeros(len(rays))
    normals = np.zeros((len(rays), 3))
    engine.mj_multiRay(
        model, data, scene.eye, rays.ravel(), None, True, -1, met, away, normals.ravel(), len(rays),
        2 * FAR,
    )  # fmt: skip
    sky = met < 0
    points = scene.eye + np.where(sky, 0, away)[:, None] * rays
    labels = np.array([part.label for part in scene.parts])[met]
    colours = np.array([part.colour for part in scene.parts])[met]
    dark = (labels == BUILDING) & _window(points, normals)
    colours = np.where(dark[:, None], colours * 0.45, colours)
    light = 0.5 + 0.5 * np.maximum(normals @ scene.sun, 0)
    colours = colours * light[:, None]
    blue = np.array([0.55, 0.70, 0.90]) + 0.35 * (1 - np.clip(rays[:, 2:] * 3, 0, 1))
    shade = np.where(sky[:, None], np.minimum(blue, 1), colours)
    depth = np.where(sky, np.inf, away * (rays @ forward))
    return Frame(
        np.rint(np.clip(shade, 0, 1) * 255).astype(np.uint8).reshape(height, width, 3),
        np.where(sky, SKY, labels).astype(np.uint8).reshape(height, width),
        depth.reshape(height, width),
    )


def _rays(scene: Scene, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The camera's axis, and a direction of length 1 for each pixel, row by row."""
    forward = scene.target - scene.eye
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, UP)
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    pixel = 2 * np.tan(np.radians(ANGLE / 2)) / width
    columns = (np.arange(width) + 0.5 - width / 2) * pixel
    rows = (np.arange(height) + 0.5 - height / 2) * pixel
    rays = forward + columns[None, :, None] * right + rows[:, None, None] * down
    rays = rays.reshape(-1, 3)
    return forward, rays / np.linalg.norm(rays, axis=1, keepdims=True)


def _window(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Whether a point of a wall lies in one of its windows, 1.4 m wide and high, 3 m apart."""
    along = np.where(np.abs(normals[:, 0]) > 0.5, points[:, 1], points[:, 0])
    return (
        (np.mod(along, 3.0) < 1.4)
        & (np.mod(points[:, 2] - 1.0, 3.0) < 1.4)
        & (np.abs(normals[:, 2]) < 0.5)
    )


def _xml(parts: list[Part]) -> str:
    """The scene in MuJoCo's own format; numbers as short as a tenth of a millimetre."""

    def numbers(values: tuple[float, ...]) -> str:
        return " ".join(f"{value:.4f}" for value in values)

    geoms = "".join(
        f'<geom type="{part.kind}" size="{numbers(part.size)}" '
        + (
            f'fromto="{numbers(part.at)}"'
            if part.kind == "capsule"
            else f'pos="{numbers(part.at)}"'
        )
        + ("/>" if part.kind == "capsule" else f' euler="0 0 {part.turn:.4f}"/>')
        for part in parts
    )
    return f"<mujoco><worldbody>{geoms}</worldbody></mujoco>"
