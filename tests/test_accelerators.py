"""Programs for devices that are not here: what their text says, and that ours leave no order open.

Here they are lowered for a GPU and a TPU, which needs no package of theirs, and read as JAX wrote
them. Where such a package is installed the compiled text is read too (`make accelerators` reads
that of every built-in task). The controls have an operation of each kind.
"""

import importlib.util

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn
from jax import lax

from experiments import accelerators, compiled
from jaxmeta import tasks
from jaxmeta.training import Lanes, Program

N = jax.ShapeDtypeStruct((64,), jnp.float32)
AT = jax.ShapeDtypeStruct((64,), jnp.int32)
IMAGES = jax.ShapeDtypeStruct((2, 8, 8, 3), jnp.float32)


def lowered(function, *arguments, platform="cuda"):
    """The HLO of `function` as it goes to the compiler."""
    low = jax.jit(function).trace(*arguments).lower(lowering_platforms=(platform,))
    return low.as_text(dialect="hlo")


def add(x, at):
    return jnp.zeros(8).at[at].add(x)


def overwrite(x, at):
    return jnp.zeros(8).at[at].set(x)


def unique(x, at):
    return jnp.zeros(8).at[at].add(x, unique_indices=True)


def count(x, at):
    return jnp.zeros(8, jnp.int32).at[at].add(x.astype(jnp.int32))


def pooled(x):
    return jax.grad(lambda x: nn.max_pool(x, (2, 2), (2, 2)).sum())(x)


def of_the_device(x):
    del x
    state = jnp.zeros(4, jnp.uint32)
    return lax.rng_bit_generator(state, (8,), algorithm=lax.RandomAlgorithm.RNG_DEFAULT)


@pytest.mark.parametrize(
    "function, arguments, name",
    [
        (add, (N, AT), "scatter"),
        (overwrite, (N, AT), "scatter"),
        (pooled, (IMAGES,), "select-and-scatter"),
        (of_the_device, (N,), "rng-bit-generator"),
    ],
)
def test_operations_that_leave_an_order_open_are_found(function, arguments, name):
    """The controls: each has one."""
    found = compiled.unordered(lowered(function, *arguments))
    assert len(found) == 1 and found[0].startswith(name)


@pytest.mark.parametrize("function", [unique, count])
def test_sums_that_have_no_order_to_leave_open_are_not(function):
    assert compiled.unordered(lowered(function, N, AT)) == []


def test_gradients_of_a_library_are_found():
    call = 'custom-call(%a, %b), custom_call_target="__cudnn$convBackwardFilter"'
    line = f"  %c = (f32[5,5]{{1,0}}, u8[0]{{0}}) {call}"
    assert compiled.unordered(f"ENTRY %main (a: f32[5]) -> f32[5] {{\n{line}\n}}") == [
        "__cudnn$convBackwardFilter c"
    ]


LONG = ("steering", "crossroads")  # to compile


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
@pytest.mark.parametrize(
    "task", [pytest.param(t, marks=[pytest.mark.slow] * (t in LONG)) for t in tasks.TASKS]
)
def test_no_order_is_open_in_ours(task, platform):
    made = tasks.make(task)
    program = Program(made, made.training, traced=["learning_rate"], lanes=Lanes(2, "vmap"))
    data = program.data["train"], program.data["validation"]
    text = lowered(program._go_on, *program.abstract_stack(), *data, platform=platform)
    assert compiled.unordered(text) == []
    assert compiled.computations(text)  # the text was read
    if task == "mnist":  # a TPU has a unit for convolutions; nobody but a CPU has Winograd's tiles
        assert (" convolution(" in text) == (platform == "tpu")
        assert "f32[2,64,32,64]" not in text


COMPILED = """\
HloModule m

%body (p: (f32[4,8], f32[100,3])) -> (f32[4,8], f32[100,3]) {
  %p = (f32[4,8]{1,0}, f32[100,3]{1,0}) parameter(0)
  %w = f32[4,8]{1,0} get-tuple-element(%p), index=0
  %rows = f32[100,3]{1,0} get-tuple-element(%p), index=1
  %g = f32[4,8]{1,0} fusion(%w, %rows), metadata={op_name="transpose(jvp(Net))/x"}
  %c = (f32[4,4]{1,0}, s8[16]{0}) custom-call(%w, %g), custom_call_target="__cublas$lt$matmul"
  ROOT %t = (f32[4,8]{1,0}, f32[100,3]{1,0}) tuple(%g, %rows)
}

%other (p.2: (f32[4,8])) -> (f32[4,8]) {
  %p.2 = (f32[4,8]{1,0}) parameter(0)
  ROOT %t.2 = (f32[4,8]{1,0}) tuple(%p.2)
}

ENTRY %main (a: (f32[4,8], f32[100,3])) -> (f32[4,8], f32[100,3]) {
  %a = (f32[4,8]{1,0}, f32[100,3]{1,0}) parameter(0)
  %while.1 = (f32[4,8]{1,0}) while(%a), condition=%cond, body=%other
  ROOT %while = (f32[4,8]{1,0}, f32[100,3]{1,0}) while(%a), condition=%cond, body=%body
}
"""


def test_kernels_and_traffic_of_a_step():
    """128 bytes of w read and written by the fusion, read twice by the product, its 64."""
    assert compiled.step(COMPILED, 100) == compiled.Step(2, 128 * 4 + 64)
    assert compiled.calls(COMPILED) == {"__cublas$lt$matmul": 1}
    with pytest.raises(ValueError, match="gradient"):
        compiled.step(COMPILED.replace("jvp", ""), 100)


def test_flops_are_those_of_the_platform():
    """A product of 2 x 3 by 3 x 4 on a TPU, elsewhere two of them."""

    def one(x, w):
        return x @ w

    def chosen(x, w):
        return lax.platform_dependent(x, w, tpu=one, default=lambda x, w: (x @ w) + (x * 2 @ w))

    jaxpr = jax.make_jaxpr(chosen)(jnp.ones((2, 3)), jnp.ones((3, 4))).jaxpr
    assert accelerators.flops(jaxpr, "tpu") == 48
    assert accelerators.flops(jaxpr, "cuda") == 96


@pytest.mark.parametrize("device, package", [("h100", "jax_cuda13_plugin"), ("v5e", "libtpu")])
def test_a_compiled_program(device, package):
    if not importlib.util.find_spec(package):
        pytest.skip(f"{package} is not installed: make accelerators installs it")
    found = accelerators.in_a_process(device, "spirals", 2, "fast")
    assert found.get("not_deterministic") == []
    assert found["kernels_in_a_step"] > 0


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ({"not_deterministic": []}, False),
        ({"not_deterministic": ["scatter"]}, True),
        ({"failed": "JaxRuntimeError: RESOURCE_EXHAUSTED: 17.10G exceeds 15.75G"}, False),
        ({"failed": "ModuleNotFoundError: No module named 'libtpu'"}, True),
    ],
)
def test_a_device_that_is_too_small_is_a_result(row, wrong):
    assert accelerators.is_wrong(row) is wrong


OUT_OF_MEMORY = """Traceback (most recent call last):
  File "accelerators.py", line 1, in measure
jax.errors.JaxRuntimeError: RESOURCE_EXHAUSTED: 17.10G exceeds 15.75G

Reason: total hbm usage.
See https://openxla.org for more details."""


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (OUT_OF_MEMORY, "jax.errors.JaxRuntimeError: RESOURCE_EXHAUSTED: 17.10G exceeds 15.75G"),
        ("something\nKilled\n", "Killed"),
        ("", "nothing said"),
    ],
)
def test_what_failed_is_the_errors_own_line(said, error):
    assert accelerators.error_of(said) == error


def test_a_process_that_fails_is_a_row(monkeypatch):
    monkeypatch.setitem(accelerators.TARGETS, "none", accelerators.TARGETS["v5e"])
    row = accelerators.in_a_process("none", "spirals", 1, "fast")  # the process knows no such one
    assert row["failed"] == "KeyError: 'none'" and accelerators.is_wrong(row)
