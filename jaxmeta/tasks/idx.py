"""The idx format of the original MNIST files: arrays of any number of dimensions, big-endian.

A file is two zero bytes, one byte for the type of the entries, one for the number of dimensions,
each dimension as a 32-bit integer, then the entries in C order. Source: the description that came
with MNIST (LeCun, Cortes, Burges, "The MNIST database of handwritten digits").
"""

import gzip
import math
import os
import stat
import zlib
from pathlib import Path
from typing import Any

import numpy as np

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
CODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}


MOST = 2**27  # bytes, decompressed; the largest file of MNIST has 47,040,016


def read_bytes(path: Path) -> bytes:
    """The content of a file, decompressed where it is a gzip file; at most MOST bytes.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is no file, the compressed file is damaged, or there is more in it.
    """
    # Opened without waiting: a pipe would make us wait for its writer.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError(f"{path} must be a regular file, and is none; fetch it again")
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        source: Any = gzip.GzipFile(fileobj=file) if packed else file
        try:
            content = source.read(MOST + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(
                f"{path} must be a whole gzip file, and cannot be decompressed ({error}); "
                "install or fetch it again"
            ) from error
    if len(content) > MOST:
        raise ValueError(
            f"{path} must hold at most {MOST} bytes, and holds more; give one in MNIST's format"
        )
    return content


def parse(content: bytes, path: Path) -> np.ndarray:
    """The array in the bytes of an idx file, in the machine's byte order.

    Args:
      content: the decompressed bytes.
      path: where they came from, for the error sentence.

    Raises:
      ValueError: the bytes are no idx file, or not a whole one.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in DTYPES:
        raise ValueError(
            f"{path} must be an idx file, and starts with the bytes {content[:4].hex(' ')}; "
            "give one in MNIST's format"
        )
    dtype, rank = np.dtype(DTYPES[content[2]]), content[3]
    start = 4 + 4 * rank
    if len(content) < start:
        raise ValueError(f"{path} must be a whole idx file, and ends in its header; fetch it again")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", rank, offset=4))
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise ValueError(
            f"{path} must hold {expected} bytes for an array of shape {shape}, got {len(content)}; "
            "fetch it again"
        )
    try:
        entries = np.frombuffer(content, dtype, offset=start).reshape(shape)
    except ValueError as error:  # too many dimensions, or no entries in impossible ones
        raise ValueError(
            f"{path} must hold an array, and shape {shape} is none ({error}); fetch it again"
        ) from error
    return entries.astype(dtype.newbyteorder("="))


def read(path: Path) -> np.ndarray:
    """The array in an idx file, compressed with gzip or not; errors as above."""
    return parse(read_bytes(path), path)


def dump(array: np.ndarray) -> bytes:
    """The bytes of the idx file that holds `array`: the inverse of `parse`.

    Raises:
      KeyError: the format has no such dtype.
    """
    big_endian = array.astype(array.dtype.newbyteorder(">"))
    header = bytes([0, 0, CODES[big_endian.dtype], array.ndim])
    return header + np.array(array.shape, ">u4").tobytes() + big_endian.tobytes()
