"""What is said of pictures that were labelled and measured: from outputs, in NumPy, on the host.

The formulas: one confusion matrix over all pictures, and depth over all pixels that have one, as in
Liu, Johns and Davison, "End-to-End Multi-Task Learning with Attention", 2019.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np


def confusion(
    label: np.ndarray, found: np.ndarray, classes: int, ignored: int | None = None
) -> np.ndarray:
    """int64[classes, classes]: pixels by label (rows) and by class found, the ignored left out."""
    label, found = label.ravel().astype(np.int64), found.ravel().astype(np.int64)
    if ignored is not None:
        label, found = label[label != ignored], found[label != ignored]
    return np.bincount(label * classes + found, minlength=classes**2).reshape(classes, classes)


def segmentation(counts: np.ndarray) -> dict[str, float]:
    """Mean intersection over union of the classes that occur, and the share of right pixels."""
    each = intersection_over_union(counts)
    return {
        "miou": float(np.nanmean(each)),
        "accuracy": float(np.trace(counts) / counts.sum()),
    }


def intersection_over_union(counts: np.ndarray) -> np.ndarray:
    """float64[classes]: of each class; NaN of one that is neither labelled nor found."""
    right = np.diag(counts)
    union = counts.sum(0) + counts.sum(1) - right
    return np.where(union > 0, right / np.maximum(union, 1), np.nan)


def depth(metres: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Mean absolute relative error, root mean square error in metres, and the share of pixels whose
    ratio to the truth is below 1.25; where `metres` is not finite there is no depth."""
    seen = np.isfinite(metres)
    true, found = metres[seen].astype(np.float64), found[seen].astype(np.float64)
    return {
        "abs_rel": float(np.mean(np.abs(found - true) / true)),
        "rmse": float(np.sqrt(np.mean((found - true) ** 2))),
        "delta": float(np.mean(np.maximum(found / true, true / found) < 1.25)),
    }


LOWER_IS_BETTER = ("abs_rel", "rmse")


def gain(both: Mapping[str, float], alone: Mapping[str, float]) -> float:
    """The mean relative gain of a network with several heads over those with one each, as a share.

    The mean over tasks of +-(both - alone) / alone, + where higher is better (Maninis, Radosavovic
    and Kokkinos, "Attentive Single-Tasking of Multiple Tasks", 2019, arXiv 1904.08918, equation 4).

    Args:
      alone: one measure for each task, by name, of the network trained for it alone.
    """
    signs = {name: -1 if name in LOWER_IS_BETTER else 1 for name in alone}
    return float(np.mean([signs[n] * (both[n] - alone[n]) / alone[n] for n in alone]))


def outputs(
    apply: Callable[[np.ndarray], np.ndarray], pictures: np.ndarray, batch: int = 25
) -> np.ndarray:
    """The outputs of all pictures, `batch` at a time."""
    parts: Sequence[np.ndarray] = [
        np.asarray(apply(pictures[at : at + batch])) for at in range(0, len(pictures), batch)
    ]
    return np.concatenate(parts)
