"""The few operations a network is written in so that its bits stay the same.

In portable arithmetic (`mode`) their parts are those of `exact`. In fast arithmetic they are
fixed-order float32: XLA adds in an order, and contracts and divides in a way, that depend on what
stands around an operation: `vmap`, a loop, the number of threads. Here every sum has one order, no
scalar that is traced is a divisor, and what remains was measured to be the same bits alone, in
`scan`, `fori_loop` and `vmap`, and for every size of the thread pool:

- a matrix product has one order if what it contracts is contiguous in its first operand; else XLA
  takes another library, which splits it among the threads: so that operand is copied, transposed;
- under `vmap` it has the same order if both its operands are batched, so they are;
- maxima are exact, so their order is free.

Only the reverse mode of differentiation is defined.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from jaxmeta.arithmetic import exact
from jaxmeta.arithmetic.mode import portable

HUGE = np.float32(1e30)
# A matrix of more than LARGE weights is taken in blocks of at most BLOCK, half a MiB, which the
# second cache of a core holds.
LARGE, BLOCK = 2**20, 2**17
VECTOR = 16  # numbers in a CPU's longest vectors


def times(a: ArrayLike, b: ArrayLike) -> jax.Array:
    """a * b, of the shape of a. In portable arithmetic no compiler fuses it with a sum."""
    if not portable():
        return jnp.asarray(a * b)
    a, b = (jnp.asarray(x, jnp.float32) for x in (a, b))
    return exact.times(a, jnp.broadcast_to(b, a.shape))


def alone(product: jax.Array) -> jax.Array:
    """A product that is rounded before it is added.

    XLA contracts either product of a sum of two, as it likes, but looks through no minimum; of what
    is as large as `HUGE` nothing is left. In portable arithmetic `times` is enough.
    """
    return product if portable() else jnp.minimum(product, HUGE)


def quotient(a: ArrayLike, b: ArrayLike) -> jax.Array:
    """a / b; in portable arithmetic without a derivative."""
    return exact.quotient(a, b) if portable() else jnp.asarray(a / b)


def root(x: jax.Array) -> jax.Array:
    """The square root; in portable arithmetic without a derivative."""
    return exact.root(x) if portable() else jnp.sqrt(x)


def absolute(x: jax.Array) -> jax.Array:
    """|x|; at 0 the derivative is 0."""
    return _absolute(x) if portable() else jnp.abs(x)


@jax.custom_vjp
def _absolute(x):
    return jnp.abs(x)


_absolute.defvjp(
    lambda x: (jnp.abs(x), x),
    lambda x, g: (jnp.where(x > 0, g, jnp.where(x < 0, -g, jnp.zeros_like(g))),),
)


def tree_sum(x: jax.Array, axis: int = 0) -> jax.Array:
    """The sum over `axis` by halving: first half plus second half, until one is left.

    The odd one out is added to zero. [..., n, ...] -> [..., ...], n >= 1.
    """
    x = jnp.moveaxis(x, axis, 0)
    while (n := len(x)) > 1:
        half = (n + 1) // 2
        to_half = [(0, 2 * half - n, 0)] + [(0, 0, 0)] * (x.ndim - 1)
        x = x[:half] + lax.pad(x[half:], jnp.zeros((), x.dtype), to_half)
    return x[0]


@jax.custom_vjp
def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """-log softmax(logits)[label] of each example: float32[B, classes], int32[B] -> float32[B]."""
    return _cross_entropy_forward(logits, labels)[0]


def _cross_entropy_forward(logits, labels):
    classes = lax.broadcasted_iota(labels.dtype, logits.shape, 1)
    hot = classes == labels[:, None]
    shifted = logits - jnp.max(logits, axis=1, keepdims=True)
    exps = exact.exp(shifted) if portable() else jnp.exp(shifted)
    total = tree_sum(exps, 1)
    losses = _log(total) - tree_sum(jnp.where(hot, shifted, 0), 1)
    return losses, (exps, total, hot)


def _log(x):
    return exact.log(x) if portable() else jnp.log(x)


def _cross_entropy_backward(residuals, g):
    exps, total, hot = residuals
    # By the reciprocal: XLA turns a division by a broadcast into it in some contexts only.
    softmax = times(exps, quotient(1, total)[:, None])
    return times(softmax - hot.astype(softmax.dtype), g[:, None]), None


cross_entropy.defvjp(_cross_entropy_forward, _cross_entropy_backward)


@jax.custom_vjp
def smoothed_cross_entropy(logits: jax.Array, labels: jax.Array, smoothing: jax.Array) -> jax.Array:
    """`cross_entropy` with labels that are wrong with probability `smoothing`, of shape ().

    The target is 1 - smoothing at the label, plus smoothing / classes everywhere (Szegedy et al.,
    "Rethinking the Inception Architecture for Computer Vision", 2016).
    """
    return _smoothed_forward(logits, labels, smoothing)[0]


def _smoothed_forward(logits, labels, smoothing):
    _, (exps, total, hot) = _cross_entropy_forward(logits, labels)
    shifted = logits - jnp.max(logits, axis=1, keepdims=True)
    one_over_classes = np.float32(1 / logits.shape[1])
    label = tree_sum(jnp.where(hot, shifted, 0), 1)
    mean = times(tree_sum(shifted, 1), one_over_classes)
    # One product only: XLA contracts either of two with the sum, as it likes.
    losses = _log(total) - (label + times(mean - label, smoothing))
    at_label = 1 - times(smoothing, np.float32(1 - 1 / logits.shape[1]))
    return losses, (exps, total, hot, times(smoothing, one_over_classes), at_label)


def _smoothed_backward(residuals, g):
    exps, total, hot, everywhere, at_label = residuals
    softmax = times(exps, quotient(1, total)[:, None])
    gradient = times(softmax - jnp.where(hot, at_label, everywhere), g[:, None])
    return gradient, None, jnp.zeros_like(everywhere)


smoothed_cross_entropy.defvjp(_smoothed_forward, _smoothed_backward)


class Factor(NamedTuple):
    """A factor of a contraction in fast arithmetic: itself."""

    x: jax.Array

    def moved(self, how: Callable[[jax.Array], jax.Array]) -> "Factor":
        """The same entries in other places; zeros may come in."""
        return Factor(how(self.x))


def factor(x: ArrayLike) -> Any:
    """`x` as `contract` takes it, to be `moved` before; without a derivative."""
    return exact.factor(jnp.asarray(x)) if portable() else Factor(jnp.asarray(x))


def contract(subscripts: str, a: Any, b: Any) -> jax.Array:
    """`jnp.einsum` of two arrays or factors, in portable arithmetic over one axis; with the same
    bits under `vmap` over one, both or none."""
    kind = exact.Factor if portable() else Factor
    a, b = (x if isinstance(x, kind) else factor(x) for x in (a, b))
    if portable():
        return exact.contract(subscripts, a, b)
    return jnp.einsum(subscripts, *_batched_alike(a.x, b.x))


@jax.custom_batching.custom_vmap
def _batched_alike(a, b):
    return a, b


@_batched_alike.def_vmap
def _(size, batched, a, b):
    a, b = (
        x if is_batched else jnp.broadcast_to(x, (size, *x.shape))
        for x, is_batched in zip((a, b), batched, strict=True)
    )
    return (a, b), (True, True)


@jax.custom_vjp
def product(x: jax.Array, w: jax.Array) -> jax.Array:
    """x @ w: float32[B, in], float32[in, out] -> float32[B, out].

    On a CPU many weights are taken in blocks of rows, whose products are added by halving.
    """
    blocks, plain = _blocks(x, w), partial(contract, "bi,io->bo")

    def in_blocks(x, w):
        x = x.reshape(len(x), blocks, -1).swapaxes(0, 1)
        return tree_sum(contract("nbi,nio->nbo", x, w.reshape(blocks, -1, w.shape[1])))

    if blocks == 1:
        return plain(x, w)
    return lax.platform_dependent(x, w, cpu=in_blocks, default=plain)


def _product_forward(x, w):
    return product(x, w), (x, w)


def _product_backward(residuals, g):
    x, w = residuals
    plain = partial(contract, "bo,io->bi")

    def from_rows(g, w):
        # Columns that fill the CPU's vectors. Between barriers: XLA would make `plain` of it, for
        # which it copies w, transposed.
        g_t = jnp.pad(g.T, ((0, 0), (0, -len(g) % VECTOR)))
        dx = contract("io,ob->ib", w, lax.optimization_barrier(g_t))
        return lax.optimization_barrier(dx)[:, : len(g)].T

    many = _blocks(x, w) > 1
    dx = lax.platform_dependent(g, w, cpu=from_rows, default=plain) if many else plain(g, w)
    # Without the barrier XLA takes the transposition into the product, and x as it lies.
    return dx, contract("ib,bo->io", lax.optimization_barrier(x.T), g)


def _blocks(x, w):
    """In how many blocks of rows `product` takes w: 1 if all of it stays in a core's second cache,
    if the blocks' products would be larger than w, if no number of equal blocks is right, or if the
    batch is empty or of any size, as in an export."""
    batch = x.shape[0]
    if portable() or w.size <= LARGE or not isinstance(batch, int) or batch == 0:
        return 1
    numbers = (n for n in range(2, len(w) // batch + 1) if len(w) % n == 0)
    return next((n for n in numbers if w.size // n <= BLOCK), 1)


product.defvjp(_product_forward, _product_backward)


@jax.custom_vjp
def add_bias(x: jax.Array, bias: jax.Array) -> jax.Array:
    """x + bias: float32[..., features], float32[features] -> float32[..., features]."""
    return x + bias.reshape((1,) * (x.ndim - 1) + bias.shape)


def _add_bias_forward(x, bias):
    return add_bias(x, bias), None


def _add_bias_backward(_, g):
    return g, tree_sum(g.reshape(-1, g.shape[-1]))


add_bias.defvjp(_add_bias_forward, _add_bias_backward)


def first_maximum(x: jax.Array, axis: int = 0) -> jax.Array:
    """The maxima over an axis; of equal ones the first gets the gradient. NaN is a maximum.

    [..., n, ...] -> [..., ...], n >= 1. Its gradient is a selection: no scatter, no
    select-and-scatter.
    """
    return _first_maximum(axis, x.shape[axis], x)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _first_maximum(axis, n, x):
    return _first_maximum_forward(axis, n, x)[0]


def _first_maximum_forward(axis, n, x):
    index = lax.broadcasted_iota(jnp.int32, x.shape, axis)

    def first_of(a, b):
        (x_a, i_a), (x_b, i_b) = a, b
        is_a = (x_a > x_b) | (x_a != x_a) | ((x_a == x_b) & (i_a < i_b))
        return jnp.where(is_a, x_a, x_b), jnp.where(is_a, i_a, i_b)

    # One reduction to the maximum and its place, which XLA computes once and keeps; comparisons it
    # would compute anew, with all that `x` comes from, wherever their result is used.
    least = (jnp.array(-jnp.inf, x.dtype), jnp.int32(n))
    return lax.reduce((x, index), least, first_of, (axis,))


def _first_maximum_backward(axis, n, winner, g):
    return (jnp.stack([jnp.where(winner == i, g, 0) for i in range(n)], axis),)


_first_maximum.defvjp(_first_maximum_forward, _first_maximum_backward)
