"""Layers and the poster's network against Flax's own: values and gradients, weights shared."""

import re
from functools import partial
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxmeta import keys
from jaxmeta.models import convolution, layers, winograd
from jaxmeta.models.convolution import by_patches, by_xla, join
from jaxmeta.models.initializers import truncated_normal
from jaxmeta.models.pilot import PilotNet
from jaxmeta.models.poster import PosterNet
from jaxmeta.models.winograd import POINTS, M, a_a, b_t, powers, scale
from jaxmeta.models.winograd import convolve as by_winograd

KEY = keys.root(0)
SCATTER = re.compile(r"scatter\(|stablehlo.scatter|select_and_scatter")
# Draws from integer bits and a table, which no release of JAX and no machine should change.
FIRST_WEIGHTS = [
    "0x1.2a2f440000000p-3",
    "0x1.5f30a40000000p-3",
    "-0x1.520c920000000p-5",
    "-0x1.ebc6d00000000p-8",
]
NORMAL = {"bias_init": nn.initializers.normal()}  # a bias of zeros would hide that it is left out


def draw(*shape: int, seed: int = 0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape, np.float32))


def begin(module: nn.Module, x: jax.Array, **of: Any) -> Any:
    """The variables; compiled, since then nothing is computed but they."""
    return jax.jit(partial(module.init, **of))(KEY, x)


def values_and_gradients(apply, x: jax.Array, params: Any) -> Any:
    """Outputs, and gradients of weights and inputs under a random cotangent."""
    y, pull = jax.vjp(apply, params, x)
    return y, pull(draw(*y.shape, seed=9))


def assert_alike(ours, theirs, x: jax.Array, params: Any, error: float = 1e-5) -> None:
    """Closer than `error`, as a part of the largest entry of each array."""
    results = [
        jax.tree.leaves(jax.jit(partial(values_and_gradients, apply))(x, params))
        for apply in (ours, theirs)
    ]
    for a, b in zip(*results, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, atol=error * float(jnp.abs(b).max()), rtol=0)


@pytest.mark.parametrize("size", POINTS)
def test_the_matrices_of_winograd_are_a_convolution(size: int) -> None:
    """Of whole numbers; float32 holds the scale alone."""
    n, rng = len(POINTS[size]), np.random.default_rng(0)
    tile, kernel = rng.integers(-9, 10, (n, n)), rng.integers(-9, 10, (size, size))
    a, b, g = powers(size, M), b_t(size), powers(size, size)
    products = (g @ kernel @ g.T) * scale(size).reshape(n, n) * (b @ tile @ b.T)
    windows = np.lib.stride_tricks.sliding_window_view(tile, (size, size))
    expected = np.einsum("ijkl,kl->ij", windows, kernel)
    np.testing.assert_allclose(a.T @ products @ a, expected, atol=1e-3)


@pytest.mark.parametrize("size", POINTS)
def test_the_outputs_of_a_tile_lie_by_windows_and_join_puts_them_back(size: int) -> None:
    a, rng = powers(size, M), np.random.default_rng(0)
    tile = rng.integers(-9, 9, (len(a), len(a)))
    y = a_a(size).T @ tile.reshape(-1)
    image = winograd.join(jnp.asarray(y, jnp.float32).reshape(4, 4, 1, 1, 1, 1))
    np.testing.assert_array_equal(image[0, :, :, 0], a.T @ tile @ a)


@pytest.mark.parametrize(
    ("images", "features", "size"),
    [
        pytest.param((3, 28, 28, 1), 4, 5, marks=pytest.mark.slow),
        ((2, 8, 12, 9), 5, 5),  # by Winograd
        pytest.param((2, 2, 2, 8), 3, 5, marks=pytest.mark.slow),  # by Winograd, one tile
        ((2, 7, 9, 9), 5, 5),  # by Winograd, with a row and three columns that are cut off
        ((2, 6, 4, 3), 4, 3),
        ((2, 8, 12, 9), 5, 3),  # by Winograd
        # by Winograd, with three rows and two columns that are cut off
        pytest.param((2, 9, 6, 8), 5, 3, marks=pytest.mark.slow),
        ((2, 5, 8, 3), 4, 1),
        ((1, 3, 3, 2), 2, 7),
    ],
)
def test_conv_is_flaxs(images: tuple[int, ...], features: int, size: int) -> None:
    ours = layers.Conv(features, (size, size), **NORMAL)
    theirs = nn.Conv(features, (size, size), **NORMAL)
    x = draw(*images)
    params = begin(theirs, x)
    chex.assert_trees_all_equal(begin(ours, x), params)
    assert_alike(ours.apply, theirs.apply, x, params)


@pytest.mark.parametrize(
    ("images", "features", "size", "strides", "padding"),
    [
        ((2, 9, 16, 1), 4, 5, 2, "VALID"),
        ((2, 6, 13, 3), 4, 3, 1, "VALID"),
        ((2, 7, 9, 3), 4, 5, 3, "SAME"),
        ((2, 8, 9, 3), 4, 3, (2, 1), "SAME"),
        ((2, 9, 8, 3), 4, 1, 2, "VALID"),  # pixels that no window sees
        ((2, 9, 9, 3), 4, 3, 4, "VALID"),
        ((2, 5, 5, 2), 3, 5, 2, "VALID"),  # one window
    ],
)
def test_a_conv_with_strides_or_without_padding_is_flaxs(
    images: tuple[int, ...], features: int, size: int, strides: Any, padding: str
) -> None:
    ours = layers.Conv(features, (size, size), strides, padding, **NORMAL)
    theirs = nn.Conv(features, (size, size), strides, padding, **NORMAL)
    x = draw(*images)
    params = begin(theirs, x)
    chex.assert_trees_all_equal(begin(ours, x), params)
    assert_alike(ours.apply, theirs.apply, x, params)


class FlaxPilotNet(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = x * 2 - 1
        for features, size, stride in ((24, 5, 2), (36, 5, 2), (48, 3, 1), (64, 3, 1)):
            x = nn.relu(nn.Conv(features, (size, size), stride, "VALID")(x))
        x = x.reshape(len(x), -1)
        for features in (100, 50, 10):
            x = nn.relu(nn.Dense(features)(x))
        return nn.Dense(1)(x)[:, 0]


@pytest.mark.slow
def test_pilotnet_is_the_one_of_flaxs_layers() -> None:
    x = draw(2, 36, 64, 1)
    params = begin(FlaxPilotNet(), x)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 186_443
    assert_alike(partial(PilotNet().apply, train=False), FlaxPilotNet().apply, x, params)


class Separate(nn.Module):
    """What `ConvReluPool` does in one, of Flax's own."""

    features: int
    size: int

    @nn.compact
    def __call__(self, x):
        x = nn.Conv(self.features, (self.size, self.size), name="conv", **NORMAL)(x)
        return nn.max_pool(nn.relu(x), (2, 2), (2, 2))


@pytest.mark.parametrize(
    ("images", "features", "size"),
    [
        pytest.param((3, 28, 28, 1), 4, 5, marks=pytest.mark.slow),
        ((2, 8, 12, 9), 5, 5),  # by Winograd
        ((2, 6, 4, 9), 4, 3),  # by Winograd, with a row of windows that is cut off
        ((2, 2, 2, 16), 3, 7),
    ],
)
def test_conv_relu_pool_is_flaxs_three(images: tuple[int, ...], features: int, size: int) -> None:
    ours, theirs = layers.ConvReluPool(features, (size, size)), Separate(features, size)
    x = draw(*images)
    params = begin(theirs, x)

    def renamed(params, x):
        return ours.apply({"params": params["params"]["conv"]}, x)

    assert_alike(renamed, theirs.apply, x, params)


@pytest.mark.parametrize(
    ("size", "side", "errors"),
    [
        (5, 14, (6e-6, 5e-6, 2e-5)),
        pytest.param(3, 16, (8e-6, 5e-6, 1e-5), marks=pytest.mark.slow),
    ],
)
def test_winograd_is_near_double_precision(size: int, side: int, errors) -> None:
    """The poster's second layer, and its like; the module's errors, and half as much again."""
    edge = size // 2
    x, kernel = nn.relu(draw(10, side, side, 32)), draw(size, size, 32, 64, seed=1) * 0.1
    dy = draw(10, side, side, 64, seed=2)

    def in_double(x, kernel):
        """By a product of shifted images for each place in the kernel."""
        x = np.pad(np.asarray(x, np.float64), ((0, 0), (edge, edge), (edge, edge), (0, 0)))
        kernel, g = np.asarray(kernel, np.float64), np.asarray(dy, np.float64)
        y, dx, dk = 0.0, np.zeros_like(x), np.zeros_like(kernel)
        for r, s in np.ndindex(size, size):
            window = np.s_[:, r : r + side, s : s + side]
            y = y + x[window] @ kernel[r, s]
            dx[window] += g @ kernel[r, s].T
            dk[r, s] = np.einsum("bhwi,bhwo->io", x[window], g, optimize=True)
        return y, dx[:, edge:-edge, edge:-edge], dk

    exact = in_double(x, kernel)
    for name, convolve, most in (
        ("Winograd", convolution.convolve, errors),
        ("patches", lambda *of: join(by_patches(2, *of)), (2e-6, 2e-6, 2e-6)),
    ):

        @jax.jit
        def both(x, kernel, dy, convolve=convolve):
            y, pull = jax.vjp(convolve, x, kernel)
            return y, *pull(dy)

        found = [
            float(np.abs(a - b).max() / np.abs(b).max())
            for a, b in zip(both(x, kernel, dy), exact, strict=True)
        ]
        print(f"{size}x{size}, {name}: outputs, images, kernels", *(f"{one:.1e}" for one in found))
        assert all(one < error for one, error in zip(found, most, strict=True))


@pytest.mark.parametrize("block", [1, 2])
def test_the_convolution_of_a_tpu_is_that_of_patches(block: int) -> None:
    x, kernel = draw(3, 6, 8, 4), draw(5, 5, 4, 3, seed=1)
    dy = draw(6 // block, 8 // block, 3, block**2, 3, seed=2)

    def both(convolve, x, kernel, dy):
        y, pull = jax.vjp(partial(convolve, block), x, kernel)
        return y, *pull(dy)

    found = [jax.jit(partial(both, of))(x, kernel, dy) for of in (by_xla, by_patches)]
    chex.assert_trees_all_close(*found, rtol=1e-5, atol=1e-4)


def rounded_product(bits: int):
    """`contract` of a device that rounds the factors to so many bits of mantissa."""

    def contract(subscripts, a, b):
        whole = (getattr(v, "x", v) for v in (a, b))  # a factor, or an array
        return jnp.einsum(subscripts, *(jax.lax.reduce_precision(v, 8, bits) for v in whole))

    return contract


@pytest.mark.parametrize("bits", [pytest.param(7, marks=pytest.mark.slow), 10])  # bfloat16, TF32
def test_winograd_is_not_for_rounded_factors(monkeypatch, bits: int) -> None:
    """Why it is for CPUs alone: errors of the poster's second layer, as docs/accelerators.md."""
    x, kernel = jnp.abs(draw(8, 16, 16, 32)), draw(5, 5, 32, 64, seed=1) * 0.1

    def by(convolve):
        return jax.jit(lambda *of: convolve(*of))(x, kernel)  # traced anew

    def in_patches(x, kernel):
        return join(by_patches(2, x, kernel))

    def in_tiles(x, kernel):
        return winograd.join(by_winograd(x.transpose(1, 2, 0, 3), kernel))

    exact = by(in_patches)
    for module in convolution, winograd:
        monkeypatch.setattr(module, "contract", rounded_product(bits))
    patches, tiles = (
        float(jnp.abs(y - exact).max() / jnp.abs(exact).max())
        for y in map(by, (in_patches, in_tiles))
    )
    print(f"{bits} bits: patches {patches:.2%}, Winograd {tiles:.2%}")
    assert tiles > 5 * patches > 0


def test_dense_is_flaxs() -> None:
    ours, theirs = layers.Dense(6, **NORMAL), nn.Dense(6, **NORMAL)
    x = draw(3, 4, 5)
    params = begin(theirs, x)
    chex.assert_trees_all_equal(begin(ours, x), params)
    assert_alike(ours.apply, theirs.apply, x, params)


@pytest.mark.parametrize(
    "shape", [(3, 4, 5, 2), *(pytest.param(of, marks=pytest.mark.slow) for of in ((6, 5), (7, 1)))]
)
def test_batch_norm_is_flaxs(shape: tuple[int, ...]) -> None:
    """In training, what it keeps of that, and afterwards."""
    x = 3 * draw(*shape) + 2
    ours, theirs = layers.BatchNorm(momentum=0.9), nn.BatchNorm(momentum=0.9)
    first = jax.tree.map(
        lambda a: a + draw(*a.shape, seed=4) / 9, begin(theirs, x, use_running_average=False)
    )
    chex.assert_trees_all_equal_shapes(first, begin(ours, x, use_running_average=False))

    def trained(module):
        def apply(params, x):
            variables = {**first, "params": params}
            of = {"use_running_average": False, "mutable": ["batch_stats"]}
            return module.apply(variables, x, **of)[0]

        return apply

    assert_alike(trained(ours), trained(theirs), x, first["params"], 1e-4)
    of = {"use_running_average": False, "mutable": ["batch_stats"]}
    kept = [module.apply(first, x, **of)[1] for module in (ours, theirs)]
    chex.assert_trees_all_close(*kept, rtol=1e-5)
    after = [module.apply(first, x, use_running_average=True) for module in (ours, theirs)]
    chex.assert_trees_all_close(*after, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("window", [(2, 2), (3, 2), (1, 1)])
def test_max_pool_is_flaxs(window: tuple[int, int]) -> None:
    assert_alike(
        lambda _, x: layers.max_pool(x, window, window),
        lambda _, x: nn.max_pool(x, window, window),
        draw(3, 6, 12, 2),
        {},
        error=0,
    )


def test_the_first_of_equal_maxima_gets_the_gradient() -> None:
    x = jnp.array([[1.0, 1, 2, 5], [1, 1, 5, 2]]).reshape(1, 2, 4, 1)
    gradient = jax.grad(lambda x: layers.max_pool(x, (2, 2), (2, 2)).sum())(x)
    np.testing.assert_array_equal(gradient.reshape(2, 4), [[1, 0, 0, 1], [0, 0, 0, 0]])


def dropped(rate: Any, x: jax.Array, seed: int = 1) -> Any:
    rngs = {"dropout": keys.root(seed)}
    return layers.Dropout(rate).apply({}, x, deterministic=False, rngs=rngs)


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.5, 0.9])
def test_dropout_keeps_its_part_and_scales_it(rate: float) -> None:
    x = jnp.ones((100, 1000))
    y = np.asarray(dropped(rate, x))
    keep = np.float32(1) - np.float32(rate)
    assert set(np.unique(y)) <= {np.float32(0), np.float32(1) / keep}
    assert abs((y > 0).mean() - keep) < 0.01
    np.testing.assert_array_equal(y, jax.jit(dropped)(jnp.float32(rate), x))
    chex.assert_trees_all_equal(layers.Dropout(rate).apply({}, x, deterministic=True), x)


def test_dropout_is_a_function_of_its_key() -> None:
    x = jnp.ones((4, 5))
    np.testing.assert_array_equal(dropped(0.5, x), dropped(0.5, x))
    assert (dropped(0.5, x) != dropped(0.5, x, seed=2)).any()


def test_dropout_keeps_what_flaxs_keeps() -> None:
    x = jnp.ones((20, 50))
    theirs = nn.Dropout(0.3, deterministic=False).apply({}, x, rngs={"dropout": keys.root(1)})
    np.testing.assert_array_equal(np.asarray(dropped(0.3, x)) > 0, np.asarray(theirs) > 0)


class FlaxPosterNet(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (32, 64):
            x = nn.max_pool(nn.relu(nn.Conv(features, (5, 5))(x)), (2, 2), (2, 2))
        x = nn.relu(nn.Dense(1024)(x.reshape(len(x), -1)))
        return nn.Dense(10)(x)


@pytest.mark.slow
@pytest.mark.parametrize("images", [(3, 8, 4, 2), (5, 28, 28, 1), (2, 32, 32, 3)])
def test_the_posters_network_is_the_one_of_flaxs_layers(images: tuple[int, ...]) -> None:
    x = draw(*images)
    params = begin(PosterNet(), x, train=False)
    chex.assert_trees_all_equal_shapes(params, jax.eval_shape(FlaxPosterNet().init, KEY, x))

    def ours(params, x):
        return PosterNet().apply(params, x, train=False)

    assert_alike(ours, FlaxPosterNet().apply, x, params)


def test_the_posters_network_begins_as_in_the_tutorial() -> None:
    params = begin(PosterNet(), jnp.zeros((1, 28, 28, 1)), train=False)["params"]
    params = jax.device_get(params)
    sizes = [sum(leaf.size for leaf in jax.tree.leaves(layer)) for layer in params.values()]
    assert sorted(sizes) == [832, 10_250, 51_264, 3_212_288] and sum(sizes) == 3_274_634
    for layer in params.values():
        assert (layer["bias"] == np.float32(0.1)).all()
    kernel = np.asarray(params["Dense_0"]["kernel"], np.float64)
    assert np.abs(kernel).max() < 0.2
    # A normal distribution cut off at two standard deviations has 0.8796 of its own.
    assert abs(kernel.mean()) < 2e-4 and abs(kernel.std() - 0.08796) < 1e-4
    assert len(np.unique(kernel)) > 65_000


def test_weights_begin_the_same_whatever_the_version_of_jax() -> None:
    drawn = truncated_normal(0.1)(KEY, (4,), jnp.float32)
    assert [float(x).hex() for x in drawn] == FIRST_WEIGHTS, (
        "the first weights have changed: so has every study; the change log must say so"
    )


@pytest.mark.parametrize("as_compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_no_gradient_scatters(as_compiled: bool) -> None:
    """On a GPU scatter and select-and-scatter may add in any order. `as_compiled`: XLA makes none,
    either; that takes long."""
    x = draw(2, 8, 8, 1)
    params = jax.eval_shape(partial(PosterNet().init, train=False), KEY, x)

    def loss(params, x):
        outputs = PosterNet().apply(params, x, train=True, rngs={"dropout": KEY})
        return jnp.vdot(outputs, outputs)

    program = jax.jit(jax.grad(loss, (0, 1))).lower(params, x)
    text = program.compile().as_text() if as_compiled else program.as_text()
    assert text and not SCATTER.search(text)

    control = jax.jit(jax.grad(lambda x: nn.max_pool(x, (2, 2), (2, 2)).sum())).lower(x)
    text = control.compile().as_text() if as_compiled else control.as_text()
    assert text and SCATTER.search(text)


@pytest.mark.slow
def test_the_first_layer_computes_no_gradient_of_its_images() -> None:
    """Of 6 products that gradients need, all but that one; forward there are 4, and `dm`."""
    x = draw(2, 8, 8, 1)
    params = jax.eval_shape(partial(PosterNet().init, train=False), KEY, x)

    def products(argument):
        def loss(params, x):
            return (PosterNet().apply(params, x, train=False) ** 2).sum()

        gradient = jax.jit(jax.grad(loss, argument))
        return (gradient.lower(params, x).compile().as_text() or "").count(" dot(")

    assert products((0, 1)) == products(0) + 1


@pytest.mark.parametrize(
    ("layer", "images", "named"),
    [
        (layers.Conv(4, (2, 2)), (1, 4, 4, 1), "kernel_size"),
        (layers.Conv(4, (3, 5)), (1, 4, 4, 1), "kernel_size"),
        (layers.Conv(4, (3, 3)), (4, 4, 1), "images"),
        (layers.Conv(4, (3, 3), 0), (1, 4, 4, 1), "strides"),
        (layers.Conv(4, (3, 3), 1, "CIRCULAR"), (1, 4, 4, 1), "padding"),
        (layers.Conv(4, (5, 5), 2, "VALID"), (1, 4, 9, 1), "as large as the kernel"),
        (layers.ConvReluPool(4, (3, 3)), (1, 4, 5, 1), "even"),
        (layers.ConvReluPool(4, (3, 3), 2), (1, 4, 4, 1), "stride 1"),
    ],
)
def test_what_a_layer_cannot_do_is_said(
    layer: nn.Module, images: tuple[int, ...], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        layer.init(KEY, jnp.zeros(images))


@pytest.mark.parametrize("images", [(2, 28, 30, 1), (2, 784)])
def test_what_the_posters_network_cannot_do_is_said(images: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="multiples of 4"):
        PosterNet().init(KEY, jnp.zeros(images), train=False)


@pytest.mark.parametrize(("strides", "side"), [((1, 1), 4), ((2, 2), 5)])
def test_what_max_pool_cannot_do_is_said(strides: tuple[int, int], side: int) -> None:
    with pytest.raises(ValueError, match="max_pool"):
        layers.max_pool(jnp.zeros((1, side, side, 1)), (2, 2), strides)


def test_upsample_is_each_pixel_twice_and_its_gradient_the_sum_of_four():
    x, g = draw(2, 3, 5, 4), draw(2, 6, 10, 4, seed=1)

    @jax.jit
    def both(x, g):
        y, backward = jax.vjp(layers.upsample, x)
        return y, *backward(g)

    y, dx = both(x, g)
    np.testing.assert_array_equal(y, np.repeat(np.repeat(x, 2, axis=1), 2, axis=2))
    expected = np.asarray(g, np.float64).reshape(2, 3, 2, 5, 2, 4).sum((2, 4))
    np.testing.assert_allclose(dx, expected, rtol=1e-5, atol=1e-6)
