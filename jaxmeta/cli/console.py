"""The terminal."""

from rich.console import Console


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise  # rich would exit with status 1, which says "different"


def console() -> Console:
    """The terminal as it is; a file or a pipe has room for the widest table."""
    one = _Console()
    return one if one.is_terminal else _Console(width=120)
