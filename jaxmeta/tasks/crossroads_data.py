"""The crossroads in the package: 900 pictures with exact labels and depth, checked when read.

`make crossroads-data` makes the file again from its seeds (`jaxmeta.crossroads`).
"""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np

from jaxmeta.tasks import npz

CLASSES = ("sky", "building", "pole", "road", "pavement", "tree", "car", "pedestrian")
HEIGHT, WIDTH = 72, 96
# Scenes of each split; scene i is that of seed i, counted through.
SIZES = {"train": 600, "validation": 150, "test": 150}
FILE = Path(__file__).parent / "crossroads.npz"
# Of the arrays, not of the file: another compressor packs the same arrays into other bytes.
SHA256 = "50cc34ebe84a564950acab5844e1cc54ad65ccf514e12d447c676c0a319630c8"

# Depth is kept as a code: 0 is none, the sky; 1 to 255 stand for metres in equal ratios.
NEAREST, FARTHEST = 2.0, 100.0


def encode(depth: np.ndarray, nearest: float = NEAREST, farthest: float = FARTHEST) -> np.ndarray:
    """Depth in metres, infinite for none -> uint8 codes; 1.5 % apart here."""
    seen, step = np.isfinite(depth), np.log(farthest / nearest) / 254
    steps = np.rint((np.log(np.where(seen, depth, 1.0)) - np.log(nearest)) / step)
    return np.where(seen, np.clip(steps, 0, 254) + 1, 0).astype(np.uint8)


def log_depths(nearest: float = NEAREST, farthest: float = FARTHEST) -> np.ndarray:
    """float32[256]: the natural logarithm of the metres of each code; of code 0 it is 0."""
    logs = np.log(nearest) + np.log(farthest / nearest) / 254 * (np.arange(256) - 1)
    return np.where(np.arange(256) == 0, 0.0, logs).astype(np.float32)


def names() -> list[str]:
    return [f"{split}_{what}" for split in SIZES for what in ("rgb", "label", "depth")]


def sha256(arrays: dict[str, np.ndarray]) -> str:
    """Of all bytes of all arrays, in the order of `names`."""
    return hashlib.sha256(b"".join(arrays[name].tobytes() for name in names())).hexdigest()


def pack(arrays: dict[str, np.ndarray]) -> bytes:
    """The npz file of the arrays; of depth each row less the one above, which packs tighter."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        for name in names():
            array = arrays[name]
            if name.endswith("depth"):
                array = np.diff(array, axis=1, prepend=np.zeros_like(array[:, :1]))
            with archive.open(f"{name}.npy", "w") as entry:
                np.lib.format.write_array(entry, np.ascontiguousarray(array), allow_pickle=False)
    return file.getvalue()


def read() -> dict[str, np.ndarray]:
    """The arrays `<split>_rgb` uint8[n, 72, 96, 3], `<split>_label` and `<split>_depth`
    uint8[n, 72, 96], the last in codes.

    Raises:
      ValueError: the file is damaged.
    """
    arrays = npz.read(FILE, names())
    for split in SIZES:  # modulo 256, as they were taken
        name = f"{split}_depth"
        arrays[name] = np.cumsum(arrays[name], axis=1, dtype=np.uint8)
    if sha256(arrays) != SHA256:
        raise ValueError(
            f"{FILE} must hold the arrays with the digest {SHA256}, and does not; install jaxmeta "
            "again, or run `make crossroads-data`"
        )
    return arrays
