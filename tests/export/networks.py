"""Networks that are exported: of every layer that we have, and of some that we have not."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import nnx
from jax import lax

from jaxmeta.export.model import Model
from jaxmeta.models import layers
from jaxmeta.models.network import source
from jaxmeta.models.poster import PosterNet
from jaxmeta.supervised.task import scale
from jaxmeta.tasks.small import Perceptron


class Strided(nn.Module):
    """The layers of ours that have strides, or paddings of their own, if only by slices."""

    @nn.compact
    def __call__(self, x):
        x = layers.ConvReluPool(4, (3, 3))(x)
        x = lax.pad(x, np.float32(0), [(0, 0, 0), (2, 0, 0), (1, -1, 0), (0, 0, 0)])
        rows, columns = (n - 2 for n in x.shape[1:3])
        patches = [x[:, i : i + rows : 2, j : j + columns : 2] for i in range(3) for j in range(3)]
        x = nn.relu(layers.Dense(6)(jnp.concatenate(patches, -1)))
        return layers.Dense(1)(x.reshape(x.shape[0], -1))[:, 0]


class TwoHeads(nn.Module):
    """An encoder and a decoder, by max pooling, repetition and concatenation."""

    @nn.compact
    def __call__(self, x):
        fine = nn.relu(layers.Conv(8, (3, 3))(x))
        coarse = nn.relu(layers.Conv(8, (5, 5))(layers.max_pool(fine, (2, 2), (2, 2))))
        wide = jnp.repeat(jnp.repeat(coarse, 2, axis=1), 2, axis=2)
        x = nn.relu(layers.Conv(8, (3, 3))(jnp.concatenate([fine, wide], -1)))
        return {
            "classes": layers.Conv(3, (1, 1))(x),
            "depth": layers.Conv(1, (1, 1))(x)[..., 0],
        }


class TwoInputs(nn.Module):
    """Tokens and an image, batch statistics; nothing of ours."""

    @nn.compact
    def __call__(self, x, *, train: bool):
        words = nn.Embed(11, 5)(x["tokens"]).mean(1)
        seen = nn.Conv(3, (3, 3), strides=2)(x["image"])
        seen = nn.BatchNorm(use_running_average=not train)(seen).mean((1, 2))
        return nn.Dense(2)(jnp.concatenate([words, nn.gelu(seen)], 1))


class Modern(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.a, self.b = nnx.Linear(6, 8, rngs=rngs), nnx.Linear(8, 2, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.b(self.dropout(nnx.relu(self.a(x))))


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


NETWORKS: dict[str, tuple[Any, Any]] = {
    "spirals": (Perceptron(3), numbers(7, 2)),
    "sine": (Perceptron(1), numbers(7, 1)),
    "poster": (PosterNet(), images(7, 8, 12, 1)),
    "strided": (Strided(), images(7, 10, 12, 3)),
    "two heads": (TwoHeads(), images(7, 8, 12, 3)),
    "two inputs": (
        TwoInputs(),
        {"image": images(7, 9, 9, 3), "tokens": np.arange(28, dtype=np.int32).reshape(7, 4) % 11},
    ),
    "nnx": (Modern, numbers(7, 6)),
}


def model(name: str, batch: int | None = None) -> Model:
    """The network called `name` with fresh weights."""
    net, x = NETWORKS[name]
    network = source(net).network({})
    first = scale(jax.tree.map(lambda a: a[:1], x))
    params, rest = jax.jit(network.init)(jax.random.key(0), first)  # or each operation is compiled
    kept = {"params": params}
    return Model(lambda x: network.apply(params, rest, scale(x), None)[0], [x], kept, "{}", batch)
