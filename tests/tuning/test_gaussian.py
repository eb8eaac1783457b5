"""The Gaussian process in int32: exact, within bounds whatever is told, and near the true one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmeta.space import Choice, Linear, Log, Space, Values
from jaxmeta.tuning import gaussian
from jaxmeta.tuning.gaussian import CUT, MOST, NOISE, ONE

SPACE = Space(
    x=Log(1e-4, 1.0, 0.1),
    n=Values(1, 2, 4),
    how=Choice("a", "b", "c"),
    f=Linear(0, 1, points="every"),
)


def exactly(a, b):
    """In Python's integers."""
    total = a.astype(object) @ b.astype(object)
    return (total + ONE // 2) // ONE


@pytest.mark.parametrize("sign", [1, -1])
def test_a_product_of_the_largest_numbers_is_exact_on_the_host_and_under_jit(sign):
    """A thousand products of 2**20 and 2**20 leave int32 far behind; the part that is kept may not:
    so the sum is made to cancel but for one term."""
    a = np.full((3, MOST), CUT, np.int32)
    b = np.full(MOST, sign * CUT, np.int32)
    b[1::2] *= -1
    a[1] -= 1
    a[2] = np.arange(MOST) * 1000
    b[0] += 12_345 * -sign
    expected = exactly(a, b).astype(np.int64)
    assert abs(expected).max() < 2**31
    assert (gaussian.product(a, b) == expected).all()
    assert (jax.jit(gaussian.product)(a, b) == expected).all()


def test_random_products_squares_and_roots_are_the_same_on_the_host_and_under_jit():
    draw = np.random.default_rng(0)
    for n in (1, 7, 200):
        a = draw.integers(-CUT, CUT, (n, n)).astype(np.int32) >> draw.integers(0, 12)
        b = draw.integers(-2 * ONE, 2 * ONE, (n, 5)).astype(np.int32)
        assert (gaussian.product(a, b) == exactly(a, b)).all()
        assert (jax.jit(gaussian.product)(a, b) == gaussian.product(a, b)).all()
        small = b >> 5
        assert (
            gaussian.squares(small) == ((small.astype(object) ** 2).sum(0) + ONE // 2) // ONE
        ).all()
        assert (jax.jit(gaussian.squares)(small) == gaussian.squares(small)).all()
    every = np.concatenate([np.arange(0, ONE + NOISE, 17), [ONE + NOISE]]).astype(np.int32)
    roots = gaussian.root(every)
    assert (jax.jit(gaussian.root)(every) == roots).all()
    assert ((roots >> 2) ** 2 <= every.astype(object) * 4096).all()
    assert (((roots >> 2) + 1) ** 2 > every.astype(object) * 4096).all()


def test_the_kernel_is_one_at_no_distance_and_falls_with_it():
    low, high = (np.array(bound, np.int32) for bound in SPACE.bounds)
    middle = np.array(SPACE.start, np.int32)
    at = gaussian.coordinates(SPACE.axes, np.stack([low, middle, high]))
    assert (at >= 0).all() and at.max() == gaussian.RANGE and (at[0] == 0).all()
    k = gaussian.kernel(SPACE.axes, at, at)
    assert (np.diag(k) == ONE).all() and (k == k.T).all() and k[0, 2] < k[0, 1] < ONE
    unknown = np.full_like(at[:1], gaussian.UNKNOWN)
    assert (gaussian.kernel(SPACE.axes, unknown, at) == ONE).all()
    assert (
        jax.jit(lambda x: gaussian.coordinates(SPACE.axes, x))(np.stack([low, high])) == at[::2]
    ).all()


@pytest.mark.parametrize("d", [1, 2, 9])
@pytest.mark.parametrize(("length", "part"), [(20, 1 / 5), (50, 1 / 2), (100, 1)])
def test_the_kernel_is_a_half_at_its_length_for_any_number_of_axes(d, length, part):
    axes = Space(**{f"x{n}": Linear(0.0, 1.0, 0.1) for n in range(d)}).axes
    low, high = np.array([axis.bounds for axis in axes], np.int32).T
    moved = low + np.round((high - low) * part).astype(np.int32)
    one, other = (gaussian.coordinates(axes, at[None]) for at in (low, moved))
    assert abs(int(gaussian.kernel(axes, one, other, length)[0, 0]) - ONE // 2) < ONE // 50


def trained(n, spread, seed):
    """Coordinates of n trainings near one place, the kernel, M, and random targets."""
    draw = np.random.default_rng(seed)
    at = np.clip(draw.normal(192, spread, (n, 3)), 0, 384).astype(np.int32)
    axes = [Linear(0, 1, points=385)] * 3
    k, inverse = gaussian.kernel(axes, at, at), np.zeros((n, n), np.int32)
    for i in range(n):
        before = np.where(np.arange(n) < i, k[i], 0).astype(np.int32)
        inverse[i] = gaussian.row(inverse, before, np.int32(i))
    return k, inverse, draw.integers(-ONE // 2, ONE // 2, n).astype(np.int32)


@pytest.mark.parametrize(("n", "spread"), [(40, 100.0), (40, 3.0), (150, 30.0)])
def test_the_posterior_is_that_of_real_numbers_but_for_their_rounding(n, spread):
    k, inverse, t = trained(n, spread, 1)
    exact = k / ONE + NOISE / ONE * np.eye(n)
    assert abs(inverse / ONE - np.linalg.inv(np.linalg.cholesky(exact))).max() < 0.02
    alpha = gaussian.weights(inverse, t)
    assert abs(alpha / ONE - np.linalg.solve(exact, t / ONE)).max() < 0.1
    mean = gaussian.product(k, alpha) / ONE
    # It is 0.0012 off after 150 trainings; with rows that are rounded down 0.0037.
    assert abs(mean - k / ONE @ np.linalg.solve(exact, t / ONE)).max() < 0.002
    variance = 1 - (k * np.linalg.solve(exact, k / ONE)).sum(0) / ONE
    assert abs((gaussian.deviation(inverse, k) / ONE) ** 2 - variance).max() < 0.01


def test_rows_alike_a_thousand_times_stay_within_their_bounds():
    """The worst condition that there is: one position, trained MOST times."""
    n = MOST
    inverse, k = np.zeros((n, n), np.int32), np.full(n, ONE, np.int32)
    for i in range(n):
        here = slice(i + 1)
        before = np.where(np.arange(i + 1) < i, ONE, 0).astype(np.int32)
        inverse[i, here] = gaussian.row(inverse[here, here], before, np.int32(i))
    assert abs(inverse).max() < 4 * ONE
    t = np.where(np.arange(n) % 2, ONE, -ONE).astype(np.int32)
    alpha = gaussian.weights(inverse, t)
    assert 9 * ONE < abs(alpha).max() <= 12 * ONE
    assert abs(gaussian.product(k, alpha)) < ONE // 50  # the targets' mean is 0


def test_whatever_stands_in_the_state_nothing_leaves_its_bounds():
    """Rows that no trainings give, all at their limits: cut, on the host as under jit."""
    n = 64
    inverse = np.full((n, n), CUT, np.int32)
    k = np.full(n, ONE, np.int32)
    row = gaussian.row(inverse, k, np.int32(n - 1))
    assert abs(row).max() <= CUT
    assert (jax.jit(gaussian.row)(inverse, k, jnp.int32(n - 1)) == row).all()
