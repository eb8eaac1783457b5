"""An encoder-decoder with skip connections: one vector of outputs for each pixel.

After Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image
Segmentation", 2015, at a hundredth of its size: three poolings, 3x3 convolutions with padding,
up-sampling by the nearest neighbour. A skip connection is added, not put beside (as in LinkNet,
Chaurasia and Culurciello, 2017): half the channels of the dearest convolutions. Weights begin as He
et al. have them (2015).
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxmeta.models.initializers import he_uniform
from jaxmeta.models.layers import Conv, Dense, Dropout, max_pool, upsample

WIDTHS = (16, 32, 64, 80)


class UNet(nn.Module):
    """float32[B, H, W, 3] with H and W multiples of 8 -> float32[B, H, W, outputs].

    Attributes:
      outputs: numbers for each pixel.
      first: float32[outputs], the outputs of a network that knows nothing.
      dropout: the probability of dropping a unit where the picture is smallest.
    """

    outputs: int
    first: tuple[float, ...] = ()
    dropout: float | jax.Array = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        if x.ndim != 4 or x.shape[1] % 8 or x.shape[2] % 8:
            raise ValueError(
                "UNet needs images [batch, height, width, channels] with sides that are multiples "
                f"of 8, got shape {x.shape}; pad or crop them"
            )
        skips = []
        for width in WIDTHS[:-1]:
            x = _conv(width, x)
            skips.append(x)
            x = max_pool(x, (2, 2), (2, 2))
        x = _conv(WIDTHS[-1], _conv(WIDTHS[-1], x))
        x = Dropout(self.dropout)(x, deterministic=not train)
        for width, skip in zip(reversed(WIDTHS[:-1]), reversed(skips), strict=True):
            x = upsample(nn.relu(Dense(width, kernel_init=he_uniform)(x)))
            x = _conv(width, x + skip)
        first = np.array(self.first or [0.0] * self.outputs, np.float32)
        return Dense(
            self.outputs,
            he_uniform,
            lambda key, shape, dtype=jnp.float32: jnp.asarray(first, dtype),
        )(x)


def _conv(width: int, x: jax.Array) -> jax.Array:
    """A 3x3 convolution with ReLU; called within a compact method."""
    return nn.relu(Conv(width, (3, 3), kernel_init=he_uniform)(x))
