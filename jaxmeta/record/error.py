"""What is wrong with a record, in one sentence."""

import json
from typing import Any

SHOWN = 200  # characters of a record's own words in a sentence


class JournalError(Exception):
    """A journal that is not what it should be, in one sentence.

    Attributes:
      number: the line, from 1; None where it is not of one line.
    """

    def __init__(self, sentence: str, number: int | None = None) -> None:
        super().__init__(sentence)
        self.number = number


class Mismatch(JournalError):
    """A line that the study of line 1 cannot have: where, what was found, what is right."""

    number: int

    def __init__(self, number: int, field: str, recorded: Any, expected: Any) -> None:
        super().__init__(
            f"line {number} must have {field} = {shown(expected)}, and has {shown(recorded)}; "
            "the record was changed after it was made",
            number,
        )
        self.field, self.recorded, self.expected = field, recorded, expected


def shown(value: Any) -> str:
    """A record's own words as short ASCII, which no terminal obeys."""
    try:
        text = json.dumps(value)
    except (RecursionError, TypeError, ValueError):
        return "something that is no JSON"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
