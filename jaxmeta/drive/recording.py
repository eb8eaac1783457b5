"""Record the data of the steering task: frames, and what the expert would do in each.

    make steering-data        drives, and says whether the data are those of the package

The expert's steering is disturbed by a sine, so that frames away from the middle are seen; what is
recorded is its own angle there, undisturbed. A split is whole tracks: frames of one are alike.
"""

import argparse
from pathlib import Path

import numpy as np

from jaxmeta.drive.env import Steering
from jaxmeta.drive.laps import disturbed, expert
from jaxmeta.drive.tracks import track
from jaxmeta.tasks.steering import SHA256, UNIT
from jaxmeta.training.data import digest

SPLITS = {"train": range(0, 12), "validation": range(100, 103), "test": range(200, 203)}
EVERY = 2  # frame that is kept: 10 a second


def record(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """One round of a track: frames uint8[n, 36, 64, 1], angles int16[n] in 1e-4 rad."""
    env, driver = Steering(track(seed)), disturbed(expert, seed)
    frame, info = env.reset()
    frames, angles, ended = [], [], False
    while not ended:
        frames.append(frame)
        angles.append(info["expert"])
        frame, _, off, ended, info = env.step(np.array([driver(frame, info)]))
        if off:
            raise RuntimeError(f"the expert must stay on track {seed}, and left it; disturb less")
    return np.array(frames[::EVERY], np.uint8), np.rint(np.array(angles[::EVERY]) / UNIT).astype(
        np.int16
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m jaxmeta.drive.recording")
    parser.add_argument("--out", type=Path, default=Path("build/steering.npz"))
    options = parser.parse_args()
    arrays = {}
    for split, seeds in SPLITS.items():
        frames, angles = zip(*map(record, seeds), strict=True)
        arrays[f"{split}_x"], arrays[f"{split}_y"] = np.concatenate(frames), np.concatenate(angles)
        print(f"{split}: {len(arrays[f'{split}_y'])} frames of {len(seeds)} tracks", flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(options.out, **arrays)
    found = digest({"all": arrays})
    same = found == SHA256
    print(f"{options.out}: {options.out.stat().st_size} bytes, SHA-256 of the arrays {found}")
    print("the same as in the package" if same else "not those of the package: " + SHA256)
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
