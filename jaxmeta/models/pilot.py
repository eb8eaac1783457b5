"""PilotNet, from a frame of a front camera to a steering angle, scaled to frames of 64 x 36."""

import jax
import numpy as np
from flax import linen as nn

from jaxmeta.models.layers import Conv, Dense, Dropout

# Features, kernel and stride; the fourth and fifth of the paper have strides of 1 as well.
CONVOLUTIONS = ((24, 5, 2), (36, 5, 2), (48, 3, 1), (64, 3, 1))
HIDDEN = (100, 50, 10)


class PilotNet(nn.Module):
    """float32[B, 36, 64, C] in [0, 1] -> angles float32[B], rad.

    Source: Bojarski et al., "End to End Learning for Self-Driving Cars", 2016, figure 4. Its frames
    are 200 x 66 and its convolutions five; one of stride 2 is left out here, and the third has a
    kernel of 3, for a frame of 64 x 36 has no room for more. The paper has no dropout; `dropout` is
    a rate for what the convolutions give.
    """

    dropout: float | jax.Array = 0.0

    @nn.compact
    def __call__(self, x, *, train: bool):
        x = x * np.float32(2) - np.float32(1)
        for features, kernel, stride in CONVOLUTIONS:
            x = nn.relu(Conv(features, (kernel, kernel), stride, "VALID")(x))
        x = Dropout(self.dropout)(x.reshape(x.shape[0], -1), deterministic=not train)
        for features in HIDDEN:
            x = nn.relu(Dense(features)(x))
        return Dense(1)(x).reshape(x.shape[0])
