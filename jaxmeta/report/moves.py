"""How a tuner that makes moves came to its position: a draw on each axis, and what it fell into.

Probabilities are recorded in units whose sum is certainty (`tuning.moves`), and are fractions here.
"""

from typing import Any, NamedTuple

from jaxmeta.record.error import JournalError
from jaxmeta.space import Axis, Space, show

WORDS = ("up", "keep", "down")  # of an ordered axis: the poster's c = 1, 2, 3
ARROWS = {"up": "↑ up", "keep": "= keep", "down": "↓ down"}


class Move(NamedTuple):
    """Why an axis is where it is.

    Attributes:
      c: the number of the move, from 1; 0: the axis did not move.
      word: "up", "keep" or "down", the name of a choice, or "".
      held: the move would have left the axis, and was cut short or not taken.
      u: the draw in [0, 1) that picked the move; None where nothing was drawn. (The record has 0
        there. A draw is 0 once in 2**28.)
      p: the probability of each move when the draw was made.
    """

    c: int
    word: str
    held: bool
    u: float | None
    p: tuple[float, ...]

    @property
    def sign(self) -> str:
        """The move in a word with an arrow."""
        arrow = ARROWS.get(self.word, f"→ {self.word}") if self.word else "–"
        return f"{arrow} held" if self.held else arrow


def words(axis: Axis) -> tuple[str, ...]:
    """A word for each move on `axis`: move c is at c - 1."""
    if axis.ordered:
        return WORDS
    low, high = axis.bounds
    return tuple(show(axis.value(k)) for k in range(low, high + 1))


def read_moves(space: Space, asked: dict[str, Any]) -> tuple[Move, ...]:
    """The moves that a tuner recorded, one an axis; none for a tuner that makes none.

    Raises:
      JournalError: they are not of this space.
    """
    if not {"u", "c", "held", "p"} <= asked.keys():
        return ()
    columns = (asked[name] for name in ("u", "c", "held", "p"))
    try:
        return tuple(_move(axis, *of) for axis, *of in zip(space.axes, *columns, strict=True))
    except (TypeError, ValueError, ZeroDivisionError):
        raise JournalError(
            "a decision has other moves than its search space; the record was changed after it "
            "was made, restore it from a copy"
        ) from None


def _move(axis: Axis, u: int, c: int, held: bool, p: list[int]) -> Move:
    named, one = words(axis), sum(p)
    if len(p) != len(named) or not 0 <= c <= len(p):
        raise ValueError
    masses = tuple(units / one for units in p)
    return Move(c, named[c - 1] if c else "", held, u / one if c and u else None, masses)
