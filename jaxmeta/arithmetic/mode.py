"""Which arithmetic a program is traced in.

"fast" is float32 with a fixed order of every sum: one digest for one environment. "portable" is for
every machine: see `jaxmeta.arithmetic.exact`. The layers are the same; what they call looks here
while JAX traces them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import jax

FAST, PORTABLE = "fast", "portable"
ARITHMETICS = FAST, PORTABLE
_now: ContextVar[str] = ContextVar("arithmetic", default=FAST)


def portable() -> bool:
    """Whether what is traced now is in portable arithmetic."""
    return _now.get() == PORTABLE


@contextmanager
def computing_in(name: str) -> Iterator[None]:
    """Trace, lower and compile in this arithmetic.

    Portable arithmetic computes with float64 on the way from float32 to float32, so JAX's 64 bits
    are on; what runs later needs no such context, since no argument and no result has 64 bits.

    Raises:
      ValueError: there is no such arithmetic.
    """
    if name not in ARITHMETICS:
        raise ValueError(
            f"arithmetic must be one of {', '.join(ARITHMETICS)}, got {name!r}; choose one"
        )
    token = _now.set(name)
    try:
        with jax.enable_x64(True) if name == PORTABLE else _as_it_is():
            yield
    finally:
        _now.reset(token)


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield
