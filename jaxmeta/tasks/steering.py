"""Behavioural cloning: PilotNet learns from frames of a front camera how far to steer.

Source: the poster's outlook, "train a CNN that should solve behavioural cloning (steering angle
prediction)". The frames come with the package: `jaxmeta.drive.recording` drove them, and makes them
again. Or they are a user's own (`driving_log`).
"""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxmeta.models.pilot import PilotNet
from jaxmeta.supervised import Dataset, Split, Task, arrays, regression
from jaxmeta.tasks import driving_log
from jaxmeta.training.data import digest

SHIPPED = Path(__file__).parent / "frames" / "steering.npz"
SHA256 = "defc4c592fe91082c5ab0e6f19423a3176234ef25feeef55fc01adfe34d0e691"
UNIT = 1e-4  # rad; angles are stored as whole multiples, so that no processor's last bits show
SPLITS = ("train", "validation", "test")


def steering(
    data: str | None = None,
    crop_top: int = 0,
    crop_bottom: int = 0,
    train_size: int | None = None,
) -> Task:
    """PilotNet on frames uint8[36, 64, 1]; targets are angles in rad, positive to the left.

    The score is minus the sum of squared errors, so its RMSE is sqrt(-score / examples). Training
    examples are each frame and its mirror image, one after the other. Its bits are those of one
    program at one width, as of `sine`.

    Args:
      data: a folder with images and a CSV, see `driving_log.read`; None: the package's own.
      crop_top, crop_bottom: of the user's images, rows that are cut off before they are resized.
      train_size: train on the first so many examples only; None for all.

    Raises:
      ValueError: the folder holds no such data, or not enough; or `train_size` is out of range.
      ModuleNotFoundError: pillow is not installed, which a folder needs.
    """
    if data is None and (crop_top or crop_bottom):
        raise ValueError(
            f"crop_top and crop_bottom are for images of --data, got {crop_top} and {crop_bottom} "
            "without it; name a folder, or leave them out"
        )
    splits = shipped() if data is None else driving_log.read(Path(data), crop_top, crop_bottom)
    return regression(
        "steering",
        PilotNet,
        _dataset(splits, train_size),
        defaults={"batch_size": 64},
        options={
            "data": data,
            "crop_top": crop_top,
            "crop_bottom": crop_bottom,
            "train_size": train_size,
        },
    )


def _dataset(splits: Mapping[str, Split], train_size: int | None) -> Dataset:
    x, y = mirrored(splits["train"])
    if train_size is not None and train_size not in range(1, len(y) + 1):
        raise ValueError(
            f"train_size must be a whole number from 1 to {len(y)} for steering, got "
            f"{train_size!r}; leave it out for all"
        )
    held_out = splits["validation"]
    x = np.concatenate([x[:train_size], held_out.x])
    y = np.concatenate([y[:train_size], held_out.y])
    test = splits["test"]
    return arrays("steering", x, y, test=(test.x, test.y), validation=len(held_out.y))


def mirrored(split: Split) -> Split:
    """Each frame, and the frame in the mirror with the angle to the other side."""
    x, y = split
    x = np.stack([x, x[:, :, ::-1]], 1).reshape(-1, *x.shape[1:])
    return Split(x, np.stack([y, -y], 1).reshape(-1))


def shipped() -> dict[str, Split]:
    """The package's frames, float32 angles in rad: train, validation and test, of whole tracks.

    Raises:
      ValueError: the file is not the original one.
    """
    stored: dict[str, np.ndarray] = {}
    try:
        with np.load(io.BytesIO(SHIPPED.read_bytes()), allow_pickle=False) as file:
            stored = {name: file[name] for name in file.files}
    except Exception as error:  # whatever zip and NumPy say of damaged bytes
        raise ValueError(
            f"{SHIPPED} must be the file of frames that came with jaxmeta, and cannot be read "
            f"({error}); install jaxmeta again"
        ) from error
    if (found := digest({"all": stored})) != SHA256:
        raise ValueError(
            f"{SHIPPED} must hold the arrays of SHA-256 {SHA256}, and holds those of {found}; "
            "install jaxmeta again"
        )
    return {
        part: Split(stored[f"{part}_x"], stored[f"{part}_y"].astype(np.float32) * np.float32(UNIT))
        for part in SPLITS
    }
