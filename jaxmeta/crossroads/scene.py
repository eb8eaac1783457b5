"""A crossroads drawn from a seed: boxes, capsules and ellipsoids, each with its class and colour.

Lengths are in metres; x goes east, y north, z up; the two roads cross at the origin, at z = 0.
"""

from typing import NamedTuple

import numpy as np

from jaxmeta.tasks.crossroads_data import CLASSES

FAR = 70.0  # roads, pavements and rows of buildings end here
KERB = 0.15
LAMP = (0.20, 0.20, 0.22)


class Part(NamedTuple):
    """One solid. A box and an ellipsoid have half sizes, a capsule two ends and a radius."""

    kind: str  # "box", "ellipsoid" or "capsule"
    label: int  # an index of CLASSES
    colour: tuple[float, float, float]  # red, green, blue in [0, 1]
    size: tuple[float, ...]
    at: tuple[float, ...]  # the middle, or the six coordinates of a capsule's ends
    turn: float = 0.0  # degrees about z


class Scene(NamedTuple):
    parts: list[Part]
    eye: np.ndarray  # float64[3], where the camera hangs
    target: np.ndarray  # float64[3], what it looks at
    sun: np.ndarray  # float64[3], of length 1, to the sun


class _Draw:
    """Parts drawn one after another from one generator."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random, self.parts = random, []
        self.half_road = self.between(3.4, 4.4)
        self.pavement = self.between(2.8, 4.0)

    def between(self, low: float, high: float) -> float:
        return float(self.random.uniform(low, high))

    def grey(self, low: float, high: float) -> tuple[float, float, float]:
        level = self.between(low, high)
        red, green, blue = (level + self.between(-0.03, 0.03) for _ in range(3))
        return red, green, blue

    def colour(self, low: float = 0.1, high: float = 0.9) -> tuple[float, float, float]:
        red, green, blue = self.random.uniform(low, high, 3).tolist()
        return red, green, blue

    def add(self, kind: str, of: str, colour, size, at, turn: float = 0.0) -> None:
        self.parts.append(Part(kind, CLASSES.index(of), colour, tuple(size), tuple(at), turn))

    def ground(self) -> None:
        """Roads with a zebra crossing at each arm, and a pavement in each quarter."""
        dark = self.grey(0.22, 0.38)
        self.add("box", "road", dark, (FAR, FAR, 0.5), (0, 0, -0.5))
        light = self.grey(0.50, 0.66)
        half = (FAR - self.half_road) / 2
        for i in (-1, 1):
            for j in (-1, 1):
                middle = (i * (self.half_road + half), j * (self.half_road + half), 0)
                self.add("box", "pavement", light, (half, half, KERB), middle)
        white = self.grey(0.75, 0.9)
        for arm in range(4):
            for stripe in np.arange(-self.half_road + 0.7, self.half_road, 1.2):
                x, y = _turned(self.half_road + 1.6, float(stripe), arm)
                size = (1.2, 0.3, 0.01) if arm % 2 == 0 else (0.3, 1.2, 0.01)
                self.add("box", "road", white, size, (x, y, 0))

    def buildings(self) -> None:
        """Two rows in each quarter, along both of its roads."""
        edge = self.half_road + self.pavement
        for i in (-1, 1):
            for j in (-1, 1):
                for along_x in (True, False):
                    start = edge
                    while start < FAR - 8:
                        long, deep = self.between(4, 9), self.between(3, 5)
                        high = self.between(2.0, 7.0)
                        if self.random.uniform() < 0.85:
                            a, b = start + long / 2, edge + deep
                            middle = (i * a, j * b, high) if along_x else (i * b, j * a, high)
                            size = (long / 2, deep, high) if along_x else (deep, long / 2, high)
                            self.add("box", "building", self.colour(0.3, 0.85), size, middle)
                        start += long + self.between(0, 2)

    def poles(self) -> None:
        """Lamps with an arm, traffic lights, and trees, all at the kerb."""
        for arm in range(4):
            for side in (-1, 1):
                kerb = side * (self.half_road + 0.6)
                if self.random.uniform() < 0.7:
                    x, y = _turned(self.half_road + 0.8, kerb, arm)
                    self.pole(x, y, 3.2, self.between(0.14, 0.20))
                    self.add("box", "pole", (0.1, 0.1, 0.1), (0.25, 0.25, 0.5), (x, y, 3.2))
                away = self.half_road + self.between(4, 7)
                while away < 40:
                    x, y = _turned(away, kerb, arm)
                    if self.random.uniform() < 0.5:
                        self.lamp(x, y, *_turned(0, -side * 1.8, arm))
                    else:
                        self.tree(x, y)
                    away += self.between(5, 9)

    def pole(self, x: float, y: float, high: float, radius: float) -> None:
        self.add("capsule", "pole", LAMP, (radius,), (x, y, 0, x, y, high))

    def lamp(self, x: float, y: float, dx: float, dy: float) -> None:
        high, radius = self.between(5, 6.5), self.between(0.14, 0.20)
        self.pole(x, y, high, radius)
        self.add("capsule", "pole", LAMP, (radius,), (x, y, high, x + dx, y + dy, high + 0.2))

    def tree(self, x: float, y: float) -> None:
        high, wide = self.between(2.5, 4.0), self.between(0.9, 1.5)
        trunk = (0.35, 0.25, 0.15)
        green = (self.between(0.1, 0.35), self.between(0.35, 0.6), self.between(0.05, 0.25))
        self.add("capsule", "tree", trunk, (0.16,), (x, y, 0, x, y, high))
        self.add("ellipsoid", "tree", green, (wide, wide, wide * 1.25), (x, y, high))

    def cars(self) -> None:
        """On each lane some, one behind another, driving on the right; one may be turning."""
        for arm in range(4):
            for side in (-1, 1):
                away = self.between(2, 10) if side > 0 else self.half_road + self.between(3.5, 9)
                while away < 45:
                    if self.random.uniform() < 0.55:
                        x, y = _turned(away, side * self.half_road / 2, arm)
                        self.car(x, y, 90 * arm + self.between(-6, 6))
                    away += self.between(6, 12)

    def car(self, x: float, y: float, turn: float) -> None:
        colour, van = self.colour(), self.random.uniform() < 0.25
        long, wide = self.between(1.9, 2.3), self.between(0.85, 0.95)
        body, cabin = (0.75, 0.45) if van else (0.38, 0.32)
        self.add("box", "car", colour, (long, wide, body), (x, y, 0.3 + body), turn)
        glass = (0.12, 0.15, 0.2)
        shorter = long * (0.9 if van else 0.55)
        self.add("box", "car", glass, (shorter, wide * 0.9, cabin), (x, y, 0.3 + 2 * body), turn)

    def people(self) -> None:
        """On pavements near the corners and on the crossings."""
        for _ in range(int(self.random.integers(10, 21))):
            arm = int(self.random.integers(4))
            if self.random.uniform() < 0.35:
                x, y = _turned(
                    self.half_road + self.between(0.8, 2.4),
                    self.between(-self.half_road, self.half_road),
                    arm,
                )
            else:
                off = self.half_road + self.between(0.9, self.pavement - 0.5)
                side = -1 if self.random.uniform() < 0.5 else 1
                x, y = _turned(self.half_road + self.between(1, 14), side * off, arm)
            high, radius = self.between(1.5, 1.9), self.between(0.30, 0.38)
            self.add(
                "capsule", "pedestrian", self.colour(), (radius,), (x, y, 0.4, x, y, high - 0.6)
            )
            skin = (0.75, 0.58, 0.48)
            self.add("ellipsoid", "pedestrian", skin, (0.2, 0.2, 0.24), (x, y, high - 0.12))


def _turned(along: float, aside: float, arm: int) -> tuple[float, float]:
    """A point of the arm to the east, turned by `arm` quarters."""
    return [(along, aside), (-aside, along), (-along, -aside), (aside, -along)][arm]


def draw(seed: int) -> Scene:
    """The crossroads number `seed`; the same for the same number."""
    draw = _Draw(np.random.default_rng(seed))
    for add in (draw.ground, draw.buildings, draw.poles, draw.cars, draw.people):
        add()
    corner = draw.half_road + draw.between(0.3, draw.pavement - 0.6)
    eye = np.array([corner + draw.between(-0.3, 0.3), -corner, draw.between(4.5, 6.0)])
    target = np.array([draw.between(-7, -2), draw.between(2, 7), draw.between(0.0, 1.5)])
    around, up = draw.between(0, 2 * np.pi), draw.between(0.4, 1.2)
    sun = np.array([np.cos(around) * np.cos(up), np.sin(around) * np.cos(up), np.sin(up)])
    # What stands at the camera's own pole would hide the rest.
    parts = [part for part in draw.parts if not _near(part, eye)]
    return Scene(parts, eye, target, sun)


def _near(part: Part, eye: np.ndarray) -> bool:
    """Whether a solid other than the ground is within three metres of the camera's pole."""
    ground = part.label in (CLASSES.index("road"), CLASSES.index("pavement"))
    return not ground and bool(np.hypot(*(np.array(part.at[:2]) - eye[:2])) < 3)
