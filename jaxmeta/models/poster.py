"""The poster's network; the same as in TensorFlow's former tutorial "Deep MNIST for Experts".

Two convolutions 5x5 of 32 and 64 features, each with ReLU and 2x2 max pooling, a dense layer of
1024 with ReLU, dropout and a dense layer of `classes`. Weights and biases begin as in the tutorial:
normal with standard deviation 0.1, truncated at two of them, and 0.1.
"""

import jax
from flax import linen as nn

from jaxmeta.models.initializers import truncated_normal
from jaxmeta.models.layers import ConvReluPool, Dense, Dropout


class PosterNet(nn.Module):
    """float32[B, H, W, C] with H and W multiples of 4 -> logits float32[B, classes].

    Attributes:
      classes: how many classes.
      dropout: the probability of dropping a unit, a number or a traced float32 scalar.
    """

    classes: int = 10
    dropout: float | jax.Array = 0.5

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        if x.ndim != 4 or x.shape[1] % 4 or x.shape[2] % 4:
            raise ValueError(
                "PosterNet needs images [batch, height, width, channels] with sides that are "
                f"multiples of 4, got shape {x.shape}; pad or crop them"
            )
        init = {
            "kernel_init": truncated_normal(0.1),
            "bias_init": nn.initializers.constant(0.1),
        }
        for i, features in enumerate((32, 64)):  # named so that a flax.linen.Conv can take over
            x = ConvReluPool(features, (5, 5), name=f"Conv_{i}", **init)(x)
        x = nn.relu(Dense(1024, **init)(x.reshape(x.shape[0], -1)))
        x = Dropout(self.dropout)(x, deterministic=not train)
        return Dense(self.classes, **init)(x)
