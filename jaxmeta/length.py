"""How long a training lasts: at most N epochs, and early stopping by patience."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Training:
    """How long a training lasts.

    Attributes:
      epochs: N, at most this many epochs.
      patience: stop when this many epochs in a row brought no better evaluation.
    """

    epochs: int = 20
    patience: int = 3

    def __post_init__(self) -> None:
        for name in ("epochs", "patience"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}; raise it")

    def ended(self, epochs: Any, best_epoch: Any, diverged: Any) -> Any:
        """Whether a training has come to its end: by its epochs, its patience, or a divergence.

        Args:
          epochs: done so far; an int, or a traced int32.
          best_epoch: the epoch (from 1) after which the best evaluation was seen first; 0: none.
          diverged: a bool, or a traced one.
        """
        return diverged | (epochs >= self.epochs) | (epochs - best_epoch >= self.patience)
