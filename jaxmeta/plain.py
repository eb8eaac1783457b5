"""Text that somebody else may have written, made fit to be shown.

A record's names and sentences could hold escape sequences that command a terminal, marks that turn
the direction of reading, newlines that make false rows, or megabytes.
"""

LIMIT = 1_000


def plain(text: object, limit: int = LIMIT) -> str:
    r"""`text` in one line of at most about `limit` characters, each of them visible or a space.

    What is not printable (Unicode's categories C and Z, but for the space) is written as its
    escape, \x1b; what is too long is cut, and says by how much.
    """
    text = str(text)
    shown = text[:limit]
    if not shown.isprintable():
        shown = "".join(map(_visible, shown))[:limit]
    return shown if len(text) <= limit else f"{shown}… ({len(text)} characters)"


def _visible(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]
