"""A score as people read it: a count out of so many, a number, or the word "diverged"."""

from typing import NamedTuple


class Score(NamedTuple):
    """What a trial reached on some examples.

    Attributes:
      value: a count (int), another number (float), or None: it diverged.
      of: how many a count is out of; None where that is not known, and for a float.
    """

    value: int | float | None
    of: int | None

    def __str__(self) -> str:
        if self.value is None:
            return "diverged"
        if isinstance(self.value, float):
            return f"{self.value:.6g}"
        if self.of is None:
            return str(self.value)
        return f"{self.value}/{self.of} = {100 * self.value / self.of:.2f} %"

    @property
    def plotted(self) -> float | None:
        """In percent where it is a count out of so many, else as it is; None: it diverged."""
        if self.value is None or self.of is None:
            return self.value
        return 100 * self.value / self.of


def read_score(recorded: int | str, of: int | None) -> Score:
    """A score from the record's form: a count, a hexadecimal float, or the word "diverged"."""
    if recorded == "diverged":
        return Score(None, of)
    return (
        Score(float.fromhex(recorded), None) if isinstance(recorded, str) else Score(recorded, of)
    )
