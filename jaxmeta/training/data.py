"""The data of a trainable: on the host its digest for the record, on a device the arrays, once."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np


def digest(splits: Mapping[str, Any]) -> str:
    """SHA-256 in hexadecimal over all arrays of all splits, of any dtypes and shapes.

    A split is a pytree of arrays; in a named tuple of arrays an array's name is that of its field,
    elsewhere it is the path to it. Hashed for each array, splits sorted by name: a line of JSON,
    [split, array, dtype, shape], then the entries in C order, little-endian. So neither the
    machine's byte order, nor the layout in memory, nor the order of `splits` matters; every entry,
    name, dtype and shape does.

    Raises:
      ValueError: an array holds Python objects or records, which have no canonical bytes.
    """
    sha256 = hashlib.sha256()
    for split in sorted(splits):
        for path, given in jax.tree_util.tree_flatten_with_path(splits[split])[0]:
            name, array = jax.tree_util.keystr(path).lstrip("."), np.asarray(given)
            if array.dtype.hasobject or array.dtype.names:
                raise ValueError(
                    f"{name} of the {split} split must be an array of numbers, got dtype "
                    f"{array.dtype}; convert it"
                )
            header = json.dumps([split, name, array.dtype.name, array.shape])
            sha256.update(f"{header}\n".encode())
            sha256.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return sha256.hexdigest()


class Data:
    """The arrays of `trainable` on `device`, each split put there at its first use.

    Programs of one device share it, so that a variant more takes no memory for data.
    """

    def __init__(self, trainable: Any, device: Any = None) -> None:
        self._host = {"train": trainable.train, **trainable.held_out}
        self._device = device
        self._here: dict[str, Any] = {}

    def __getitem__(self, split: str) -> Any:
        """The pytree of `split`: "train", "validation" or "test".

        Raises:
          ValueError: the trainable has no such split.
        """
        if split not in self._host:
            raise ValueError(
                f"the trainable has no {split} split, it has {', '.join(self._host)}; "
                "choose one of them"
            )
        if split not in self._here:
            self._here[split] = jax.device_put(self._host[split], self._device)
        return self._here[split]
