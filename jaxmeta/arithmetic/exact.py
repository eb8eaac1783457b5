"""Portable arithmetic: operations whose every bit IEEE 754 settles, on any processor.

The last bit of a float32 program hangs on the order of its sums, on whether a product is fused with
the sum behind it, and on a library's exponential and logarithm. Here nothing of this is left:

- Factors of a contraction are rounded to whole numbers of 22 bits, times a power of two, in three
  digits of 8 bits: so products and their sums are whole numbers of 32 bits, which have no order,
  and which processors with instructions for them multiply faster than float32. One rounding makes
  it float32.
- A product by element is exact in float64 (24 + 24 bits), is rounded once, and lies behind a
  comparison, so that no compiler fuses it with a sum.
- Division and square root are those of float64, which IEEE 754 settles on a GPU too.
- Exponential and logarithm are polynomials of products that are exact and sums that are rounded, so
  that a fused multiply-add gives the same.
- Below 2^-126 there is zero: some processors compute there, and some do not.

Arguments and results are float32. For the contraction see Ozaki et al., "Error-free transformations
of matrix multiplication by using fast routines of matrix multiplication and its applications",
2012; in integers, Ootomo, Ozaki and Yokota, "DGEMM on integer matrix multiplication unit", 2024.
"""

import math
import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

VERSION = "portable 1"  # of the bits; a golden file holds them (tests/models/portable.json)
SMALLEST = 2.0**-126
# What stands in this scope is portable; `training.portable` looks for it.
SCOPE = "jaxmeta.arithmetic.exact"
exactly = jax.named_scope(SCOPE)
DIGITS = 3
SHORT = 256  # terms, up to which one longer product takes less time than several
LINE = 64  # terms: a product over a multiple of them takes less time
TERMS = 2**31 // 2**14 // DIGITS - 1  # products of two digits, in int32
# ln 2 in 45 bits: its product with an exponent, of 8 bits, is exact.
LN2 = float(np.round(np.log(2) * 2.0**45) * 2.0**-45)
LOG2_E = float(np.float32(1 / np.log(2)))
LOWEST = -104.0  # exp of less is zero in float32
# exp(r) for |r| <= ln 2 / 2 by Taylor's series: the error of its end is below 2^-28.
EXP = [np.float32(1 / math.factorial(n)) for n in range(8)]
# log((1 + s) / (1 - s)) = 2 s (1 + s^2 / 3 + s^4 / 5 + ...), for |s| <= 0.172.
LOG = [np.float32(1 / (2 * n + 1)) for n in range(6)]


def to_float32(x: jax.Array) -> jax.Array:
    """float64 to float32 by one rounding; what is smaller than float32's normal numbers is 0.

    The choice comes last: XLA may take a conversion to float32 and back again for nothing.
    """
    return jnp.where(jnp.abs(x) < SMALLEST, np.float32(0), x.astype(jnp.float32))


def _wide(x: jax.typing.ArrayLike) -> jax.Array:
    return jnp.asarray(x, jnp.float32).astype(jnp.float64)


@jax.custom_vjp
def _underived(x: Any) -> Any:
    """`x`, of which no derivative is taken: that of a rounding is 0, and would be believed."""
    return x


def _refuse(*_: Any) -> Any:
    raise NotImplementedError(
        "a derivative must be written down in portable arithmetic, and this operation has none; "
        "use product, times or cross_entropy of jaxmeta.arithmetic, or a jax.custom_vjp around it"
    )


_underived.defvjp(_refuse, _refuse)


def power_of_two(exponent: jax.Array) -> jax.Array:
    """2^exponent as float64, exactly: int64 -> float64, exponents from -1022 to 1023."""
    return lax.bitcast_convert_type((exponent.astype(jnp.int64) + 1023) << 52, jnp.float64)


def _larger(a: jax.Array, b: jax.Array) -> jax.Array:
    """The larger one without the signs."""
    return jnp.maximum(a & 0x7FFFFFFF, b & 0x7FFFFFFF)


class Factor(NamedTuple):
    """A factor of a contraction in whole numbers: `x` is unit times the sum of parts[n] 256^-n.

    Attributes:
      parts: int8, three digits, the highest first.
      unit: float64[], a power of two, of the highest digit; NaN where an entry was not finite.
    """

    parts: tuple[jax.Array, ...]
    unit: jax.Array

    def moved(self, how: Callable[[jax.Array], jax.Array]) -> "Factor":
        """The same entries in other places; zeros may come in."""
        return Factor(tuple(how(part) for part in self.parts), self.unit)


@exactly
def factor(x: jax.Array) -> Factor:
    """float32[...] as whole numbers below 2^22, times a power of two that goes by the largest.

    So an entry has an error of at most 2^-22 of the largest entry.
    """
    x = _underived(x)
    bits = lax.bitcast_convert_type(x, jnp.int32)  # those of |x| are in the order of |x|
    largest = lax.reduce(bits, np.int32(0), _larger, range(x.ndim))
    # Without the sign once more: of one entry alone XLA makes no reduction.
    largest = (largest & 0x7FFFFFFF).astype(jnp.int64) >> 23
    up = 126 + 22 - largest
    # By two powers of two: one alone can be larger than any float32.
    half = up // 2
    powers = power_of_two(half).astype(jnp.float32), power_of_two(up - half).astype(jnp.float32)
    near = lax.round(x * powers[0] * powers[1], lax.RoundingMethod.TO_NEAREST_EVEN)
    # Of a number that is larger by 128 in each place but the highest, the digits are its bytes.
    whole = near.astype(jnp.int32) + np.int32(128 * (1 + 256))
    lower = [((whole >> (8 * n)) & 255) - 128 for n in reversed(range(DIGITS - 1))]
    parts = [digit.astype(jnp.int8) for digit in (whole >> (8 * (DIGITS - 1)), *lower)]
    # Made once: XLA would make them anew for each product.
    parts = lax.optimization_barrier(tuple(parts))
    unit = power_of_two(8 * (DIGITS - 1) - up)
    return Factor(parts, jnp.where(largest == 255, jnp.nan, unit))


@exactly
def contract(subscripts: str, a: Factor, b: Factor) -> jax.Array:
    """`jnp.einsum` of two operands over one axis, in whole numbers.

    Of the nine products of digits the three lowest are left out, and the sums of all others are
    exact. The error is at most 2^-18 of the largest entries' product for each term: 2^-21 by the
    factors' own, 2^-19 and 2^-28 by what is left out.
    """
    inputs, output = subscripts.split("->")
    left, right = inputs.split(",")
    (over,) = set(left + right) - set(output)
    axes = left.index(over), right.index(over)
    terms = a.parts[0].shape[axes[0]]

    def places(start: int) -> list[jax.Array]:
        """int32: the sums of the products of digits that stand 0, 1, 2 places below the highest."""
        stop = min(start + TERMS, terms)
        first, second = (
            [lax.slice_in_dim(part, start, stop, axis=axis) for part in parts]
            for parts, axis in zip((a.parts, b.parts), axes, strict=True)
        )
        # A transposition that XLA takes into the product costs it the fast one.
        first, second = lax.optimization_barrier((first, second))
        if terms <= SHORT:
            return _end_to_end(subscripts, axes, first, second)
        return _row_by_row(subscripts, first, second)

    # Whole numbers below 2^52, so that their sum is exact.
    total = sum(
        place.astype(jnp.float64) * 2.0 ** (-8 * n)
        for start in range(0, terms, TERMS)
        for n, place in enumerate(places(start))
    )
    return to_float32(total * (a.unit * b.unit))


Digits = Sequence[jax.Array]


def _end_to_end(
    subscripts: str, axes: tuple[int, int], first: Digits, second: Digits
) -> list[jax.Array]:
    """The places of `contract` by one product each, over digits end to end."""

    def joined(digits: Digits, axis: int) -> jax.Array:
        edges = [(0, 0, 0)] * digits[0].ndim
        edges[axis] = (0, -digits[0].shape[axis] % LINE, 0)
        return jnp.concatenate([lax.pad(digit, jnp.int8(0), edges) for digit in digits], axis)

    return [
        _product(subscripts, joined(first[: n + 1], axes[0]), joined(second[n::-1], axes[1]))
        for n in range(DIGITS)
    ]


def _row_by_row(subscripts: str, first: Digits, second: Digits) -> list[jax.Array]:
    """The places of `contract` by one product for each digit of the larger factor, in which the
    digits of the smaller one stand below each other; or by one for each pair, where its rows do not
    come first, and the way to put them so takes longer."""
    inputs, output = subscripts.split("->")
    operands = zip(inputs.split(","), (first, second), strict=True)
    (few, rows), (many, digits) = sorted(operands, key=lambda operand: operand[1][0].size)
    free = "".join(letter for letter in few if letter not in many)
    # XLA has no fast product for one row.
    one = len(free) == 1 and rows[0].shape[few.index(free)] == 1
    if free != few[0] and not one:
        return [
            reduce(
                operator.add,
                [_product(f"{few},{many}->{output}", rows[n - m], digits[m]) for m in range(n + 1)],
            )
            for n in range(DIGITS)
        ]
    few, output = (letters.replace(free, f"z{free}") for letters in (few, output))
    products = [
        _product(
            f"{few},{many}->{output}",
            jnp.stack(rows if one else rows[: DIGITS - m], few.index("z")),
            digit,
        )
        for m, digit in enumerate(digits)
    ]
    at = output.index("z")
    return [
        reduce(
            operator.add,
            [lax.index_in_dim(products[m], n - m, at, keepdims=False) for m in range(n + 1)],
        )
        for n in range(DIGITS)
    ]


def _product(subscripts: str, first: jax.Array, second: jax.Array) -> jax.Array:
    """int8 to int32."""
    return jnp.einsum(subscripts, first, second, preferred_element_type=jnp.int32)


@jax.custom_vjp
@exactly
def times(a: jax.Array, b: jax.Array) -> jax.Array:
    """a * b of two arrays of one shape, which no compiler fuses with a sum."""
    return to_float32(_wide(a) * _wide(b))


times.defvjp(lambda a, b: (times(a, b), (a, b)), lambda of, g: (times(g, of[1]), times(g, of[0])))


@exactly
def quotient(a: jax.typing.ArrayLike, b: jax.typing.ArrayLike) -> jax.Array:
    """a / b; it has no derivative of its own."""
    a, b = _underived((a, b))
    # Kept as float32: XLA would keep the float64, which takes twice the memory.
    return lax.optimization_barrier(to_float32(_wide(a) / _wide(b)))


@exactly
def root(x: jax.typing.ArrayLike) -> jax.Array:
    """The square root; it has no derivative of its own."""
    return to_float32(jnp.sqrt(_wide(_underived(x))))


def _polynomial(coefficients: list[np.float32], x: jax.Array) -> jax.Array:
    """Horner's rule: each product is exact, each sum is rounded to float32."""
    y = jnp.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        y = to_float32(_wide(y) * _wide(x) + np.float64(coefficient))
    return y


@exactly
def exp(x: jax.Array) -> jax.Array:
    """The exponential of numbers that are not above 0, to 2^-23 of it.

    x = n ln 2 + r with |r| <= ln 2 / 2 (Cody and Waite, "Software Manual for the Elementary
    Functions", 1980).
    """
    x = _wide(jnp.maximum(_underived(x), np.float32(LOWEST)))
    n = lax.round(x * LOG2_E, lax.RoundingMethod.TO_NEAREST_EVEN)
    r = to_float32(x - n * LN2)
    after_first = _wide(_polynomial(EXP[1:], r)) * _wide(r)  # exact
    # The integer below a NaN is another on each processor; it stays NaN.
    return to_float32((after_first + 1.0) * power_of_two(n.astype(jnp.int64)))


@exactly
def log(x: jax.Array) -> jax.Array:
    """The natural logarithm of normal numbers, to 2^-22 of it; NaN of what is not finite.

    x = 2^e m with m in [sqrt(1/2), sqrt(2)), and s = (m - 1) / (m + 1).
    """
    x = _underived(x)
    bits = lax.bitcast_convert_type(x, jnp.int32)
    m = lax.bitcast_convert_type((bits & 0x7FFFFF) | 0x3F800000, jnp.float32)
    large = m >= np.float32(math.sqrt(2))
    m = jnp.where(large, _wide(m) * 0.5, _wide(m))
    e = _wide(((bits >> 23) - 127 + large).astype(jnp.float32))
    s = to_float32((m - 1.0) / (m + 1.0))
    y = _polynomial(LOG, times(s, s))
    return jnp.where(jnp.isfinite(x), to_float32(e * LN2 + _wide(s) * 2.0 * _wide(y)), jnp.nan)
