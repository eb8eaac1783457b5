"""The six tracks with the path that was driven, and a short film of the first."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from jaxmeta.drive.car import LINE
from jaxmeta.drive.env import PERIOD
from jaxmeta.drive.laps import Lap
from jaxmeta.drive.tracks import HALF_WIDTH, Track

NAMES = ("tracks.png", "film.png")
SIDE = 420  # pixels of a track
GRASS, ROAD, EDGE, GOOD, BAD = "#e8ece4", "#8a8f98", "#ffffff", "#1664c0", "#d03020"
FILM, EVERY, SCALE = 15.0, 2, 6  # s of driving; a frame in so many; how much larger it is shown


def draw(driven: list[Lap], folder: Path) -> list[Path]:
    """Write `tracks.png`, and `film.png` (an APNG) where frames were kept; their paths.

    Raises:
      OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / NAMES[0]]
    _tracks(driven).save(paths[0])
    if len(driven[0].frames):
        paths.append(folder / NAMES[1])
        first, *rest = _film(driven[0])
        first.save(paths[1], save_all=True, append_images=rest, duration=EVERY * PERIOD * 1000)
    return paths


class _Map:
    """A track seen from above, drawn at twice its size so that lines are smooth."""

    def __init__(self, track: Track, side: int) -> None:
        middle = track.middle
        low, high = middle.min(0) - 1.5, middle.max(0) + 1.5
        self._scale = 2 * side / (high - low).max()
        self._corner = (low + high) / 2 - side / self._scale
        self._side = side
        self.image = Image.new("RGB", (2 * side, 2 * side), GRASS)
        self._draw = ImageDraw.Draw(self.image)
        edge = HALF_WIDTH - LINE
        sides = [HALF_WIDTH, edge, -edge, -HALF_WIDTH]
        if np.ptp(track.border(1), 0).prod() < np.ptp(track.border(-1), 0).prod():
            sides = sides[::-1]  # the outer one first
        for distance, colour in zip(sides, (EDGE, ROAD, EDGE, GRASS), strict=True):
            border = self._pixels(track.border(distance))
            self._draw.polygon([tuple(point) for point in border], colour)

    def line(self, points: np.ndarray, colour: str, pixels: float) -> None:
        at = [tuple(p) for p in self._pixels(points)]
        self._draw.line(at, fill=colour, width=round(pixels), joint="curve")

    def dot(self, point: np.ndarray, colour: str, pixels: float) -> None:
        x, y = self._pixels(point[None])[0]
        self._draw.ellipse([x - pixels, y - pixels, x + pixels, y + pixels], fill=colour)

    def _pixels(self, points: np.ndarray) -> np.ndarray:
        x, y = ((points - self._corner) * self._scale).T
        return np.stack([x, 2 * self._side - y], 1)

    def path(self, lap: Lap, until: int | None = None) -> None:
        """Where the car was; broken and marked where it was put back."""
        path = lap.path[:until]
        jumps = np.flatnonzero(np.linalg.norm(np.diff(path, axis=0), axis=1) > 0.5)
        for part in np.split(path, jumps + 1):
            if len(part) > 1:
                self.line(part, GOOD, 5)
        for i in jumps:
            self.dot(path[i], BAD, 9)

    def small(self) -> Image.Image:
        return self.image.resize((self._side, self._side), Image.Resampling.LANCZOS)


def _tracks(driven: list[Lap]) -> Image.Image:
    """Three tracks a row, each with a line of words."""
    rows = -(-len(driven) // 3)
    words, picture = 24, Image.new("RGB", (3 * SIDE, rows * (SIDE + 24)), "white")
    pen = ImageDraw.Draw(picture)
    for n, lap in enumerate(driven):
        x, y = n % 3 * SIDE, n // 3 * (SIDE + words)
        of = _Map(lap.track, SIDE)
        of.path(lap)
        of.dot(lap.path[0], "black", 10)
        picture.paste(of.small(), (x, y + words))
        end = "lap" if lap.completed else f"{lap.interventions} interventions"
        pen.text(
            (x + 8, y + 4),
            f"track {lap.track.seed}: {end}, {100 * lap.share:.0f} % of the way, "
            f"mean {lap.mean:.3f} m, largest {lap.largest:.2f} m",
            fill="black",
        )
    return picture


def _film(lap: Lap) -> list[Image.Image]:
    """What the camera sees, and beside it where the car is."""
    height, width = lap.frames.shape[1:3]
    side = height * SCALE
    above, images = _Map(lap.track, side), []
    for i in range(0, min(len(lap.frames), round(FILM / PERIOD)), EVERY):
        seen = Image.fromarray(lap.frames[i, ..., 0]).convert("RGB")
        above.path(lap, i + 1)
        image = Image.new("RGB", (width * SCALE + side, side))
        image.paste(seen.resize((width * SCALE, side), Image.Resampling.NEAREST), (0, 0))
        image.paste(above.small(), (width * SCALE, 0))
        images.append(image.quantize(32))
    return images
