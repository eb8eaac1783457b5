"""The layers against Flax's own, values and gradients, and against float64; no scatter anywhere."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxmeta import keys
from jaxmeta.models import layers
from jaxmeta.models.poster import PosterNet

KEY = keys.root(0)


def draw(*shape, name="x"):
    return jax.random.normal(keys.derive(KEY, name), shape)


def agree(ours, theirs, x, tolerance):
    """Outputs and all gradients of a random projection, from the same parameters."""
    params = theirs.init(keys.derive(KEY, "init"), x)
    chex.assert_trees_all_equal_shapes(ours.init(keys.derive(KEY, "init"), x), params)
    outputs = theirs.apply(params, x)
    weights = draw(*outputs.shape, name="weights")

    def projection(layer):
        return lambda params, x: (layer.apply(params, x) * weights).sum()

    close(jax.jit(ours.apply)(params, x), outputs, tolerance)
    got = jax.jit(jax.grad(projection(ours), (0, 1)))(params, x)
    want = jax.jit(jax.grad(projection(theirs), (0, 1)))(params, x)
    jax.tree.map(lambda a, b: close(a, b, tolerance), got, want)


def close(a, b, tolerance):
    """The largest error, as a part of the largest entry."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    assert a.shape == b.shape
    assert np.abs(a - b).max() <= tolerance * np.abs(b).max()


@pytest.mark.parametrize(
    ("shape", "features", "size"),
    [
        ((2, 28, 28, 1), 32, 5),  # the poster's first: patches of 2x2 blocks
        ((2, 14, 14, 32), 64, 5),  # its second: Winograd
        ((3, 6, 10, 9), 4, 5),  # Winograd, not square
        ((2, 7, 9, 3), 4, 5),  # odd sides: plain patches
        ((2, 8, 8, 3), 6, 3),
        ((1, 5, 5, 2), 3, 1),
        ((2, 12, 12, 4), 5, 7),
    ],
)
def test_conv_is_flaxs(shape, features, size):
    x = draw(*shape)
    agree(layers.Conv(features, (size, size)), nn.Conv(features, (size, size)), x, 3e-5)


@pytest.mark.parametrize("shape", [(2, 28, 28, 1), (2, 14, 14, 32), (5, 4, 6, 8)])
def test_conv_relu_pool_is_flaxs_three(shape):
    class Three(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.relu(nn.Conv(16, (5, 5), name="Conv_0")(x))
            return nn.max_pool(x, (2, 2), (2, 2))

    class Ours(nn.Module):
        @nn.compact
        def __call__(self, x):
            return layers.ConvReluPool(16, (5, 5), name="Conv_0")(x)

    agree(Ours(), Three(), draw(*shape), 3e-5)


def test_dense_is_flaxs():
    for batch in (1, 50, 601):  # within a block of the weight gradient, and over three
        agree(layers.Dense(7), nn.Dense(7), draw(batch, 40), 2e-6)


@pytest.mark.parametrize("window", [(2, 2), (3, 2), (1, 1)])
def test_max_pool_is_flaxs(window):
    x, weights = draw(3, 6, 6, 4), draw(3, 6 // window[0], 6 // window[1], 4, name="weights")
    ours = lambda x: layers.max_pool(x, window, window)  # noqa: E731
    theirs = lambda x: nn.max_pool(x, window, window)  # noqa: E731
    chex.assert_trees_all_equal(ours(x), theirs(x))
    for_grad = [jax.grad(lambda x, f=f: (f(x) * weights).sum())(x) for f in (ours, theirs)]
    chex.assert_trees_all_equal(*for_grad)


def test_of_equal_maxima_the_first_gets_the_gradient():
    x = jnp.zeros((1, 2, 2, 1))
    gradient = jax.grad(lambda x: layers.max_pool(x, (2, 2), (2, 2)).sum())(x)
    assert gradient.ravel().tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.4, 0.5])
def test_dropout_keeps_the_expectation(rate):
    """100,000 draws: the part kept within 4 standard deviations, and scaled by 1 / keep."""
    x = jnp.ones(100_000)
    y = layers.Dropout(rate).apply({}, x, deterministic=False, rngs={"dropout": KEY})
    keep = 1 - rate
    assert abs(float((y > 0).mean()) - keep) <= 4 * np.sqrt(rate * keep / len(x))
    assert set(np.unique(y)) <= {0.0, np.float32(1) / np.float32(keep)}
    chex.assert_trees_all_equal(layers.Dropout(rate).apply({}, x, deterministic=True), x)


def test_winograd_is_as_exact_as_it_says():
    """Largest error over largest entry, against float64, for the poster's second layer."""
    x, layer = draw(4, 14, 14, 32), layers.Conv(64, (5, 5))
    params = layer.init(KEY, x)
    kernel = np.asarray(params["params"]["kernel"], np.float64)
    padded = np.pad(np.asarray(x, np.float64), ((0, 0), (2, 2), (2, 2), (0, 0)))
    exact = sum(
        padded[:, r : r + 14, s : s + 14] @ kernel[r, s] for r in range(5) for s in range(5)
    )
    close(layer.apply(params, x), exact, 1e-5)


def test_the_posters_network_has_the_posters_parameters():
    x = jnp.zeros((1, 28, 28, 1))
    params = PosterNet().init(KEY, x, train=False)["params"]
    sizes = {name: sum(w.size for w in jax.tree.leaves(p)) for name, p in params.items()}
    assert sorted(sizes.values()) == [832, 10_250, 51_264, 3_212_288]
    assert sum(sizes.values()) == 3_274_634
    for name, layer in params.items():
        assert (layer["bias"] == np.float32(0.1)).all(), name
        kernel = np.asarray(layer["kernel"])
        assert np.abs(kernel).max() <= 0.2 and abs(kernel.mean()) < 0.01
        assert abs(kernel.std() - 0.088) < 0.006  # a normal of 0.1, cut off at two of them


def test_the_posters_network_is_that_of_flaxs_layers():
    class Flax(nn.Module):
        @nn.compact
        def __call__(self, x, *, train: bool):
            for features in (32, 64):
                x = nn.max_pool(nn.relu(nn.Conv(features, (5, 5))(x)), (2, 2), (2, 2))
            x = nn.relu(nn.Dense(1024)(x.reshape(len(x), -1)))
            return nn.Dense(10)(nn.Dropout(0.5, deterministic=not train)(x))

    x = jax.random.uniform(KEY, (3, 28, 28, 1))
    ours = PosterNet().init(keys.derive(KEY, "init"), x, train=False)
    theirs = Flax().init(keys.derive(KEY, "init"), x, train=False)
    moved = jax.tree.unflatten(jax.tree.structure(theirs), in_order(ours, theirs))
    close(PosterNet().apply(ours, x, train=False), Flax().apply(moved, x, train=False), 1e-5)


def in_order(ours, theirs):
    """Our parameters in the order of Flax's, matched by their shapes."""
    by_shape = {w.shape: w for w in jax.tree.leaves(ours)}
    return [by_shape[w.shape] for w in jax.tree.leaves(theirs)]


def test_no_scatter_in_the_gradient():
    """A scatter adds in no fixed order on a GPU, and select-and-scatter does not compile there."""
    x = jnp.zeros((2, 28, 28, 1))
    net = PosterNet()
    params = net.init(KEY, x, train=False)

    def loss(params):
        return net.apply(params, x, train=True, rngs={"dropout": KEY}).sum()

    text = jax.jit(jax.grad(loss)).lower(params).as_text()
    assert "dot_general" in text
    assert "scatter" not in text


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (layers.Conv(4, (4, 4)), (1, 8, 8, 1), "kernel_size must be one odd number twice"),
        (layers.Conv(4, (3, 5)), (1, 8, 8, 1), "kernel_size must be one odd number twice"),
        (layers.Conv(4, (3, 3)), (8, 8, 1), r"images must be \[batch, height, width, channels\]"),
        (layers.ConvReluPool(4, (5, 5)), (1, 7, 8, 1), "even height and width, got 7x8"),
    ],
)
def test_what_does_not_fit_is_named(layer, shape, words):
    with pytest.raises(ValueError, match=words):
        layer.init(KEY, jnp.zeros(shape))


def test_pooling_that_does_not_fit_is_named():
    with pytest.raises(ValueError, match="whole windows"):
        layers.max_pool(jnp.zeros((1, 5, 4, 1)), (2, 2), (2, 2))
    with pytest.raises(ValueError, match="multiples of 4, got shape"):
        PosterNet().init(KEY, jnp.zeros((1, 30, 30, 1)), train=False)
