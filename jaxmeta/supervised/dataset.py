"""Data sets of examples: inputs and targets, held in memory, in three splits."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxmeta.space.axis import whole
from jaxmeta.training.data import digest


class Split(NamedTuple):
    """Examples and their targets; every array has an example a row."""

    x: Any  # an array [n, ...] or a pytree of them; images are uint8 [n, H, W, C]
    y: Any  # classes int32 [n] or [n, ...], or numbers float32 [n, ...]

    @property
    def examples(self) -> int:
        return len(jax.tree.leaves(self.y)[0])


@dataclass(frozen=True)
class Dataset:
    """A task's data; `digest` is the digest of the three splits under their names.

    Attributes:
      classes: how many classes there are; 0 where the targets are no labels.
      ignored: a label that has no part in loss and score; None: there is none.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: int
    digest: str
    ignored: int | None = None


def arrays(
    name: str,
    x: Any,
    y: np.ndarray,
    *,
    test: tuple[Any, np.ndarray],
    validation: int | None = None,
    ignored: int | None = None,
) -> Dataset:
    """A user's own NumPy arrays as a data set.

    Args:
      x: inputs, an array [n, ...] or a pytree of them, a dict say: uint8 for images, which training
        scales to [0, 1]; other integers, such as tokens, become int32, and floats float32.
      y: targets: integers [n] for classes 0, 1, 2, ..., or [n, ...] for several labels an example;
        or floats [n, ...].
      test: inputs and targets that are read once, at the end.
      validation: how many of the last examples of `x` are held out for the score; None: a twelfth.
      ignored: a label without a class, left out of loss and score, such as 255 or -1.

    Raises:
      ValueError: the arrays are no such thing, or a label stands in validation or test that
        training lacks.
    """
    examples = len(y)
    if examples < 2:
        raise ValueError(
            f"there must be an example to train on and one for validation, got {examples}; add some"
        )
    held_out = max(1, examples // 12)
    if validation is not None:
        held_out = whole("validation", validation, 1, examples - 1)
    pairs = {
        "train": _rows((x, y), slice(None, -held_out)),
        "validation": _rows((x, y), slice(-held_out, None)),
        "test": test,
    }
    splits = {part: _split(part, x, y, ignored) for part, (x, y) in pairs.items()}
    targets = splits["train"].y
    classes = 0
    if targets.dtype == np.int32:
        no_class = [] if ignored is None else [ignored]
        labels = {part: np.setdiff1d(split.y, no_class) for part, split in splits.items()}
        _check_labels(labels, held_out)
        classes = int(labels["train"].max(initial=-1)) + 1
    return Dataset(name=name, classes=classes, digest=digest(splits), ignored=ignored, **splits)


def _check_labels(labels: dict[str, np.ndarray], held_out: int) -> None:
    """Classes are counted on the training split: no other label can ever be learned."""
    for part in ("validation", "test"):
        lacks = np.setdiff1d(labels[part], labels["train"])
        if lacks.size:
            raise ValueError(
                f"every label must be among the training examples, and {lacks[0]} of the {part} "
                f"split is not; the last {held_out} examples are held out for validation as they "
                "come, so shuffle first (and give targets that are numbers as floats)"
            )


def _rows(tree: Any, rows: slice) -> Any:
    return jax.tree.map(lambda array: np.asarray(array)[rows], tree, is_leaf=_is_list)


def _is_list(x: Any) -> bool:
    """A list is numbers to be made an array of, and no pytree."""
    return isinstance(x, list)


def _split(part: str, x: Any, y: Any, ignored: int | None) -> Split:
    inputs, targets = jax.tree.map(_converted, x, is_leaf=_is_list), np.asarray(y)
    counts = {len(leaf) for leaf in jax.tree.leaves(inputs)}
    if counts != {len(targets)} or not len(targets):
        raise ValueError(
            f"the {part} split must have as many targets as inputs, and some, got "
            f"{' and '.join(map(str, sorted(counts))) or 'no'} inputs and {len(targets)} targets; "
            "check the arrays"
        )
    integral = np.issubdtype(targets.dtype, np.integer)
    if integral and (least := targets[targets != ignored].min(initial=0)) < 0:
        raise ValueError(
            f"labels must be 0, 1, 2, ..., got {least} in the {part} split; number them"
        )
    targets = targets.astype(np.int32 if integral else np.float32)
    if not all(np.isfinite(leaf).all() for leaf in [*jax.tree.leaves(inputs), targets]):
        raise ValueError(
            f"inputs and targets must be finite, and some of the {part} split are not; "
            "mend or leave out these examples"
        )
    return Split(inputs, targets)


def _converted(x: Any) -> np.ndarray:
    array = np.asarray(x)
    if array.dtype == np.uint8:
        return array
    return array.astype(np.int32 if np.issubdtype(array.dtype, np.integer) else np.float32)
