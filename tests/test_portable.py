"""Portable arithmetic: the same bits everywhere, as exact as it says, and nothing foreign in it."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

import jaxmeta
from experiments import portable as matrix
from experiments.portable import ALONE, CASES, Way, digests
from jaxmeta import Choice, Lanes, Log, Space, Training, supervised, tasks
from jaxmeta.arithmetic import (
    FAST,
    PORTABLE,
    computing_in,
    contract,
    cross_entropy,
    exact,
    quotient,
    root,
    times,
)
from jaxmeta.models.layers import Dense
from jaxmeta.record import environment
from jaxmeta.record.journal import read
from jaxmeta.supervised.optimizers import OPTIMIZERS
from jaxmeta.training import Program
from jaxmeta.verify import IDENTICAL, verify

ROOT = Path(__file__).parent.parent
GOLDEN = json.loads((ROOT / matrix.GOLDEN).read_text())
EXAMPLE = ROOT / "examples/spirals"


def portably(function, *arguments):
    """What `function` gives in portable arithmetic, compiled; as float64."""
    with computing_in(PORTABLE):
        return np.asarray(jax.jit(function)(*arguments), np.float64)


def numbers(*shape: int, low: float = -20, high: float = 20, seed: int = 0) -> np.ndarray:
    """float32 of both signs, from 2^low to 2^high."""
    draw = np.random.default_rng(seed)
    sizes = np.exp2(draw.uniform(low, high, shape)) * draw.choice([-1, 1], shape)
    return sizes.astype(np.float32)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] * (n != "layers")) for n in CASES],
)
def test_the_digests_are_those_of_every_machine(name):
    """After 6 steps and after 200: a change of one bit is another version of the arithmetic."""
    assert digests(name, matrix.STEPS[1]) == GOLDEN[name]


def test_threads_instruction_sets_and_lanes_change_no_bit():
    other = Way("", "--lanes", "3", "--formulation", "vmap",
                NPROC="3", XLA_FLAGS="--xla_cpu_max_isa=SSE4_2")  # fmt: skip
    assert other.run(["adam"], 6, PORTABLE)["adam"] == GOLDEN["adam"][:1]


@pytest.mark.slow
def test_fast_arithmetic_has_other_bits_without_fused_multiply_add():
    """The control."""
    fast = Way("", XLA_FLAGS="--xla_cpu_max_isa=SSE4_2").run(["adam"], 6, FAST)["adam"]
    assert fast != digests("adam", 6, FAST, ALONE) != GOLDEN["adam"][:1]


@pytest.mark.parametrize("terms", [1, 3, 100, 50_000])
def test_a_contraction_is_as_exact_as_it_says(terms):
    a, b = numbers(3, terms, low=-9, high=3), numbers(terms, 2, low=-9, high=3, seed=1)
    wanted = a.astype(np.float64) @ b.astype(np.float64)
    found = portably(lambda a, b: contract("ij,jk->ik", a, b), a, b)
    largest = np.abs(a).max() * np.abs(b).max()
    assert np.abs(found - wanted).max() <= terms * 2.0**-20 * largest
    # Sums of whole numbers are exact, in any order, and rounded once.
    whole = (np.arange(3 * terms).reshape(3, terms) * 7919 % 2**7).astype(np.float32)
    order = np.random.default_rng(2).permutation(terms)
    one = portably(lambda a: contract("ij,kj->ik", a, a), whole)
    exactly = whole.astype(np.float64) @ whole.T.astype(np.float64)
    assert (one == exactly.astype(np.float32)).all()
    assert (one == portably(lambda a: contract("ij,kj->ik", a, a), whole[:, order])).all()


@pytest.mark.parametrize(
    "terms", [pytest.param(exact.SHORT - 1, marks=pytest.mark.slow), exact.SHORT + 1]
)
@pytest.mark.parametrize(
    ("subscripts", "rows", "columns"),
    [
        ("bi,io->bo", 3, 40),  # rows of the smaller one come first
        ("bi,io->bo", 1, 4),
        ("tp,po->to", 40, 3),  # they do not
        ("tp,po->to", 40, 1),
        ("bo,io->bi", 3, 40),
        ("pt,to->po", 9, 40),
        ("ij,j->i", 9, None),
        ("j,j->", None, None),
    ],
)
def test_every_way_to_a_contraction_has_the_same_bits(subscripts, rows, columns, terms):
    """Of whole numbers, whose sums are exact."""
    left, right = subscripts.partition("->")[0].split(",")
    (over,) = set(left) & set(right)
    sizes = [
        [terms if letter == over else free for letter in letters]
        for letters, free in ((left, rows), (right, columns))
    ]
    a, b = (
        np.random.default_rng(n).integers(-(2**20), 2**20, size).astype(np.float32)
        for n, size in enumerate(sizes)
    )
    found = portably(lambda a, b: contract(subscripts, a, b), a, b)
    # What is left out stands three places and more below the highest.
    digits = [
        np.stack(portably(lambda x: exact.factor(x).parts, x)).astype(np.int64) for x in (a, b)
    ]
    wanted = sum(
        np.einsum(subscripts, digits[0][m], digits[1][n - m]) * 2 ** (8 * (2 - n))
        for n in range(3)
        for m in range(n + 1)
    )
    unit = np.prod([portably(lambda x: exact.factor(x).unit, x) for x in (a, b)])
    assert (found == (wanted * 2.0**-16 * unit).astype(np.float32)).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_one_entry_alone_is_a_factor_as_any(sign):
    a = np.full((1, 1), 3 * sign, np.float32)
    assert portably(lambda a: contract("ij,jk->ik", a, a), a) == 9


def test_a_contraction_of_the_worst_digits_is_as_exact_as_it_says():
    """32, -128, -128 beside one entry that settles the unit: what is left out is largest."""
    a = np.full((1, 1000), (2**21 - 2**15 - 2**7) / 2**21, np.float32)
    a[0, 0] = 1
    found = portably(lambda a: contract("ij,kj->ik", a, a), a)
    error = abs(found - a.astype(np.float64) @ a.astype(np.float64).T)[0, 0]
    assert 2.0**-20 * a.size < error <= 2.0**-18 * a.size


def test_a_contraction_that_is_too_long_for_one_is_summed_up_in_parts():
    """Of numbers whose digits are 64, -128, -128, so that a sum of 32 bits would overflow."""
    same = np.full((1, 4 * exact.TERMS), 0x3F7F80 / 2**21, np.float32)
    found = portably(lambda a: contract("ij,kj->ik", a, a), same)
    assert found[0, 0] == pytest.approx(same.size * float(same[0, 0]) ** 2, rel=2.0**-20)


@pytest.mark.parametrize(
    ("name", "found", "wanted", "numbers_", "error"),
    [
        ("exp", exact.exp, np.exp, -np.abs(numbers(10_000, low=-30, high=6.4)), 2.0**-23),
        ("log", exact.log, np.log, np.abs(numbers(10_000, low=-120, high=120)), 2.0**-22),
        ("log near 1", exact.log, np.log, 1 + numbers(10_000, low=-23, high=-1), 2.0**-22),
        ("root", root, np.sqrt, np.abs(numbers(10_000, low=-120, high=120)), 2.0**-24),
    ],
)
def test_functions_are_as_exact_as_they_say(name, found, wanted, numbers_, error):
    of = numbers_.astype(np.float64)
    got, true = portably(found, numbers_), wanted(of)
    normal = np.abs(true) >= exact.SMALLEST
    assert (np.abs(got - true)[normal] <= error * np.abs(true)[normal]).all(), name
    assert (got[~normal & (true != 0)] == 0).all()


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_so(wrong):
    """Or a training that diverges would go on."""
    a, b = numbers(3, 5), numbers(5, 2)
    b[1, 1] = wrong
    assert np.isnan(portably(lambda a, b: contract("ij,jk->ik", a, b), a, b)).all()
    assert np.isnan(portably(exact.log, b)[1, 1])
    labels = np.zeros(5, np.int32)
    losses = portably(cross_entropy, b, labels)
    assert not np.isfinite(losses[1]) or wrong == -np.inf


def test_products_and_quotients_are_rounded_once():
    a, b = numbers(10_000), numbers(10_000, seed=1)
    assert (portably(times, a, b) == a * b).all() and (portably(quotient, a, b) == a / b).all()
    # A little below 2^-126, which would be rounded up to it.
    tiny, almost = np.float32([(1 + 2.0**-15) * 2.0**-126]), np.float32([1 - 2.0**-15])
    assert portably(times, tiny, almost) == 0


class Foreign(nn.Module):
    @nn.compact
    def __call__(self, x, *, train: bool):
        return nn.Dense(3, name="theirs")(nn.relu(Dense(4)(x)))


class Renamed(nn.Module):
    """Its name is no passport."""

    @nn.compact
    def __call__(self, x, *, train: bool):
        return nn.Dense(3, name="portable", kernel_init=lambda *_: jnp.zeros((3, 3)))(x)


class Wide(nn.Module):
    """Keeps what it adds up in float64, where JAX has it."""

    @nn.compact
    def __call__(self, x, *, train: bool):
        self.variable("seen", "sum", lambda: jnp.zeros(x.shape[1:]))
        return Dense(3)(x)


class Normed(nn.Module):
    @nn.compact
    def __call__(self, x, *, train: bool):
        return Dense(3)(nn.LayerNorm(name="norm")(x))


def theirs(network, **more) -> supervised.Task:
    x, y = np.arange(90, dtype=np.float32).reshape(30, 3), np.arange(30) % 3
    data = supervised.arrays("nine", x, y, test=(x[:6], y[:6]), validation=6)
    return supervised.classification("theirs", network, data, **more)


@pytest.mark.parametrize(
    ("task", "named"),
    [
        (theirs(Foreign), "theirs"),
        (theirs(Renamed), "portable"),
        (theirs(Normed), "norm"),
        (theirs(lambda: Dense(3), optimizer=optax.sgd), "mul"),
    ],
)
def test_what_is_not_portable_is_refused_and_named(task, named):
    constants = {"batch_size": 5, "learning_rate": 0.1}
    program = Program(task, Training(1, 1), constants, arithmetic=PORTABLE)
    with pytest.raises(ValueError, match=f"must be portable, and .*{named}.* is not"):
        program.digests()
    Program(task, Training(1, 1), constants).digests()


def test_a_choice_that_is_not_portable_is_refused_before_the_first_trial(tmp_path):
    task = theirs(lambda: Dense(3), optimizer={"sgd": OPTIMIZERS["sgd"], "theirs": optax.sgd})
    space = Space(learning_rate=Log(1e-3, 1), optimizer=Choice("sgd", "theirs"))
    short = {"i_max": 1, "epochs": 1, "fixed": {"batch_size": 5}, "show": False}
    with pytest.raises(ValueError, match="must be portable, and mul .* is not"):
        jaxmeta.tune(task, space, arithmetic=PORTABLE, out=tmp_path / "a", **short)
    assert not (tmp_path / "a/journal.jsonl").read_bytes()
    jaxmeta.tune(task, space, out=tmp_path / "b", **short)


def test_arrays_of_64_bits_are_refused():
    program = Program(theirs(Wide), Training(1, 1), {"learning_rate": 0.1}, arithmetic=PORTABLE)
    with pytest.raises(ValueError, match=r"at most 32 bits .* float64\[3\] is there"):
        program.digests()


@pytest.mark.parametrize(
    "of",
    [
        lambda x: contract("ij,jk->ik", x, x),
        lambda x: quotient(x, x),
        root,
        exact.exp,
        exact.log,
    ],
)
def test_no_derivative_is_taken_of_a_rounding(of):
    """It would be 0, and be believed."""
    with pytest.raises(NotImplementedError, match="a derivative must be written down"):
        portably(jax.grad(lambda x: of(x)[0, 0]), numbers(2, 2))


def test_a_machine_that_computes_otherwise_is_refused(monkeypatch):
    own = importlib.import_module("jaxmeta.arithmetic.selfcheck")
    monkeypatch.setattr(own, "EXPECTED", "0" * 64)
    own.check.cache_clear()
    with pytest.raises(ValueError, match="portable arithmetic must give 0000000000000000"):
        environment.fingerprint(PORTABLE)
    environment.fingerprint(FAST)


def test_fast_math_is_refused():
    """It takes (a + b) - a for b."""
    flags = {**os.environ, "XLA_FLAGS": "--xla_cpu_enable_fast_math=true"}
    command = [sys.executable, "-c", "from jaxmeta import arithmetic; arithmetic.check()"]
    done = subprocess.run(command, env=flags, capture_output=True, text=True)
    assert "leave XLA's fast math off" in done.stderr


def test_of_an_environment_little_is_compared():
    here = environment.fingerprint(PORTABLE, {"compiled": "0" * 32})
    other = {**here, "information": {"cpu": "another"}}
    assert environment.differences(here, other) == []
    assert environment.differences(here, {**here, "arithmetic": "portable 2"})
    assert environment.differences(here, environment.fingerprint(FAST))


def test_the_example_is_verified_here():
    """It was recorded elsewhere, and is identical here."""
    assert verify(EXAMPLE).answer == IDENTICAL
    line = read(EXAMPLE)[0]
    assert line["promises"] == "portable"


def test_a_study_goes_on_on_another_machine(tmp_path):
    """Begun elsewhere and resumed here, it has the lines that it would have had."""
    lines = (EXAMPLE / "journal.jsonl").read_text().splitlines(keepends=True)
    shutil.copytree(EXAMPLE, tmp_path / "cut")
    (tmp_path / "cut/journal.jsonl").write_text("".join(lines[:4]))
    jaxmeta.resume(tmp_path / "cut", keep_weights=False)
    assert (tmp_path / "cut/journal.jsonl").read_text() == "".join(lines)


def test_an_arithmetic_that_is_none_is_refused():
    with pytest.raises(ValueError, match="arithmetic must be one of fast, portable, got 'exact'"):
        jaxmeta.Study(tasks.make("spirals"), arithmetic="exact")
    with pytest.raises(ValueError, match="arithmetic must be one of"), computing_in("exact"):
        pass


def test_a_fast_product_after_a_portable_one_is_fast():
    """Nothing that was traced in one arithmetic is used in the other."""
    a, b = numbers(3, 100, seed=1), numbers(100, 2, seed=2)
    product = jax.jit(lambda a, b: contract("ij,jk->ik", a, b))
    fast = np.asarray(product(a, b), np.float64)
    with computing_in(PORTABLE):
        other = np.asarray(product(a, b), np.float64)
    assert (other == portably(lambda a, b: contract("ij,jk->ik", a, b), a, b)).all()
    assert (other != fast).any()
    assert (np.asarray(product(a, b), np.float64) == fast).all()


@pytest.mark.slow
def test_a_fast_program_after_a_portable_one_is_fast():
    """So of whole trainings."""
    assert jnp.zeros(1, float).dtype == jnp.float32
    with computing_in(PORTABLE):
        assert jnp.zeros(1, float).dtype == jnp.float64
    lanes = Lanes(1)
    first = digests("sine", 6, FAST, lanes)
    digests("sine", 6, PORTABLE, lanes)
    assert digests("sine", 6, FAST, lanes) == first
