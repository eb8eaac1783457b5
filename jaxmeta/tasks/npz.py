"""NumPy's npz files from anybody: arrays of bytes, read without trust.

`numpy.load` makes room for whatever shape a header states, and for whatever comes out of a
compressed entry. Here both are held against a bound and against each other first.
"""

import io
import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from jaxmeta.tasks.idx import read_bytes

MOST = 2**28  # bytes, decompressed, of one array
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(NotImplementedError, struct.error),
)


def read(path: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """The arrays called `names`, each of uint8.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is no npz file, lacks one of them, or one is damaged, too large or of
        something else.
    """
    return parse(read_bytes(path), path, names)


def parse(content: bytes, path: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """`read` from the bytes of the file; `path` is for the sentences."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: _array(archive, path, name) for name in names}
    except DAMAGED as error:
        raise ValueError(
            f"{path} must be an npz file, and cannot be read ({error}); fetch it again"
        ) from error


def _array(archive: zipfile.ZipFile, path: Path, name: str) -> np.ndarray:
    try:
        entry = archive.open(f"{name}.npy")
    except KeyError:
        raise ValueError(
            f"{path} must hold an array {name}, and does not; fetch it again"
        ) from None
    except RuntimeError as error:  # encrypted
        raise ValueError(f"{path} must be open, and is not ({error}); fetch it again") from error
    with entry:
        content = entry.read(MOST + 1)
    if len(content) > MOST:
        raise ValueError(
            f"{name} in {path} must have at most {MOST} bytes, and has more; give fewer or "
            "smaller images"
        )
    stream = io.BytesIO(content)
    try:
        version = npy.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"version {version}")
        shape, fortran, dtype = npy.read_array_header_1_0(stream, max_header_size=1000)
    except Exception as error:  # a header is a Python literal, and may be any
        raise ValueError(
            f"{name} in {path} must be an array in NumPy's format, and is none; fetch it again"
        ) from error
    rest = content[stream.tell() :]
    if dtype != np.uint8 or fortran or math.prod(shape) != len(rest):
        raise ValueError(
            f"{name} in {path} must be uint8 in C order and whole, got {dtype} {list(shape)} in "
            f"{len(rest)} bytes; write it again with numpy.savez_compressed"
        )
    return np.frombuffer(rest, np.uint8).reshape(shape)
