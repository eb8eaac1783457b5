"""What Train_N needs on accelerators that are not here: it is compiled for them, and never run.

    make accelerators        experiments/results/accelerators.json and accelerators.md
    make accelerators ARGS="--arithmetic portable --tasks mnist"

Each built-in task at 1, 16 and 64 lanes, all at once, compiled for NVIDIA's H100 and B200 and for
Google's TPU v5e and v6e by the compilers of their own packages. Of each: seconds to compile on this
machine, memory, kernels and traffic of a training step, calls of libraries, operations that leave
an order open, and a roofline: the shortest that a step of all lanes can take, by its flops or by
its traffic. What a device does with it, its speed and its bits, nobody sees so.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

if __name__ == "__main__":  # before JAX looks for devices
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["TPU_SKIP_MDS_QUERY"] = "1"

import jax
from jax.experimental import topologies
from jax.sharding import SingleDeviceSharding

from experiments import compiled
from jaxmeta import keys, tasks
from jaxmeta.arithmetic import ARITHMETICS, FAST, PORTABLE, computing_in
from jaxmeta.record.environment import versions
from jaxmeta.training import Lanes, Program
from jaxmeta.training.order import inner

RESULTS = Path(__file__).parent / "results" / "accelerators.json"
PACKAGES = ("jax", "jaxlib", "flax", "libtpu", "jax-cuda13-plugin", "nvidia-cuda-nvcc")
# Nothing can be tried out without a device, and nothing may be there that changes from run to run.
CUDA = {
    "xla_gpu_autotune_level": 0,
    "xla_gpu_enable_triton_gemm": False,
    "xla_gpu_exclude_nondeterministic_ops": True,
}


class Target(NamedTuple):
    """A device, by its maker's data sheet.

    Attributes:
      memory: bytes.
      bandwidth: bytes per second of the memory.
      flops: of a dense product per second, in what JAX makes of float32 there by default: TF32 on
        a GPU, one pass of bfloat16 on a TPU.
      int8: operations of a dense product of int8 per second, which portable arithmetic is made of.
      cores, clock, l2, version: of a GPU: multiprocessors, GHz, bytes of cache, and the major
        number of its compute capability.
    """

    name: str
    memory: float
    bandwidth: float
    flops: float
    int8: float
    cores: int = 0
    clock: float = 0
    l2: int = 0
    version: int = 0


TARGETS = {
    "h100": Target(
        "NVIDIA H100 SXM", 84942979072, 3.35e12, 495e12, 1.979e15, 132, 1.98, 52428800, 9
    ),
    "b200": Target("NVIDIA B200", 191514411008, 7.67e12, 1.1e15, 4.5e15, 148, 1.965, 132644864, 10),
    "v5e": Target("TPU v5e", 16 * 2**30, 819e9, 197e12, 394e12),
    "v6e": Target("TPU v6e", 32 * 2**30, 1.64e12, 918e12, 1.836e15),
}


def description(target: Target) -> str:
    """XLA's GpuTargetConfigProto of a GPU, as text."""
    device = {
        **{"threads_per_block_limit": 1024, "threads_per_warp": 32, "threads_per_core_limit": 2048},
        **{"shared_memory_per_block": 49152, "shared_memory_per_block_optin": 232448},
        **{"shared_memory_per_core": 233472, "registers_per_core_limit": 65536},
        **{"registers_per_block_limit": 65536, "fpus_per_core": 128, "device_address_bits": 64},
        **{"block_dim_limit_x": 2**31 - 1, "block_dim_limit_y": 65535, "block_dim_limit_z": 65535},
        **{"thread_dim_limit_x": 1024, "thread_dim_limit_y": 1024, "thread_dim_limit_z": 64},
        **{"core_count": target.cores, "clock_rate_ghz": target.clock, "l2_cache_size": target.l2},
        **{"memory_bandwidth": int(target.bandwidth), "device_memory_size": int(target.memory)},
        **{"device_vendor": '"NVIDIA Corporation"', "name": f'"{target.name}"'},
        **{"driver_version": '"13.0.0"', "runtime_version": '"13.0.0"'},
        **{"compile_time_toolkit_version": '"13.0.0"', "dnn_version": '"9.10.0"'},
    }
    fields = " ".join(f"{name}: {value}" for name, value in device.items())
    capability = f"major: {target.version} feature_extension: ACCELERATED_FEATURES"
    return (
        f"gpu_device_info {{ {fields} cuda_compute_capability {{ {capability} }} }} "
        'platform_name: "CUDA" dnn_version_info { major: 9 minor: 10 } '
        f'device_description_str: "{target.name}"'
    )


def device(name: str) -> tuple[Any, str]:
    """The device called `name` to compile for, and its platform."""
    if not TARGETS[name].cores:
        return topologies.get_topology_desc(f"{name}:2x2", "tpu").devices[0], "tpu"
    config = description(TARGETS[name])
    return topologies.get_topology_desc("", "cuda", target_config=config, topology="1x1x1").devices[
        0
    ], "cuda"


def flops(jaxpr: Any, platform: str) -> float:
    """Of the products and convolutions of a program, each loop's once."""
    total = 0.0
    for e in jaxpr.eqns:
        shapes = [v.aval.shape for v in (*e.invars, *e.outvars)]
        if e.primitive.name == "dot_general":
            (contracted, _), _ = e.params["dimension_numbers"]
            total += 2 * _product(shapes[-1]) * _product(shapes[0][i] for i in contracted)
        elif e.primitive.name == "conv_general_dilated":
            out = e.params["dimension_numbers"].rhs_spec[0]
            total += 2 * _product(shapes[-1]) * _product(shapes[1]) / shapes[1][out]
        branches = e.params.get("branches_platforms") or ()
        for n, part in enumerate(inner(e.params)):
            if not branches or n == _branch(branches, platform):
                total += flops(part, platform)
    return total


def _branch(platforms: Any, platform: str) -> int:
    return next(n for n, names in enumerate(platforms) if names is None or platform in names)


def _product(numbers: Any) -> int:
    total = 1
    for n in numbers:
        total *= n
    return total


def measure(name: str, task_name: str, width: int, arithmetic: str) -> dict[str, Any]:
    """Train_N of a task compiled for a device; in a process of its own."""
    at, platform = device(name)
    task = tasks.make(task_name)
    lanes = Lanes(width, "vmap")
    program = Program(
        task, task.training, traced=["learning_rate"], lanes=lanes, arithmetic=arithmetic
    )
    stack, key_data, values, until = program.abstract_stack()

    def here(tree: Any) -> Any:
        return jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=SingleDeviceSharding(at)),
            tree,
        )

    data = program.data["train"], program.data["validation"]
    arguments = here((stack, key_data, values, until, *data))
    with computing_in(arithmetic):
        traced = jax.jit(program._go_on, donate_argnums=0).trace(*arguments)
        lowered = traced.lower(lowering_platforms=(platform,))
        started, used = time.perf_counter(), time.process_time()
        done = lowered.compile(CUDA if platform == "cuda" else {})
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - used
    memory, text = done.memory_analysis(), done.as_text()
    assert memory and text

    def epoch(key_data: Any, n: Any, values: Any, state: Any, train: Any) -> Any:
        key = jax.random.wrap_key_data(key_data, impl=keys.IMPL)
        return task.epoch(key, n, {**program.constants, **values}, state, train)  # pyright: ignore[reportArgumentType]

    with computing_in(arithmetic):
        one_epoch = jax.make_jaxpr(jax.vmap(epoch, (0, 0, 0, 0, None)))(
            key_data, until, values, stack.state, data[0]
        )
    step, of_step = compiled.step(text, task.train.examples), flops(one_epoch.jaxpr, platform)
    target = TARGETS[name]
    rate = target.int8 if arithmetic == PORTABLE else target.flops
    by_flops, by_bytes = of_step / rate, step.bytes / target.bandwidth
    return {
        "compiled_for": target.name,
        **_named(task_name, width, arithmetic),
        "seconds_to_compile": round(seconds, 1),
        "cpu_seconds_to_compile": round(cpu_seconds, 1),
        "arguments_mib": round(memory.argument_size_in_bytes / 2**20, 1),
        "temporaries_mib": round(memory.temp_size_in_bytes / 2**20, 1),
        "kernels_in_a_step": step.kernels,
        "library_calls": compiled.calls(text),
        "not_deterministic": compiled.unordered(text),
        "gflop_in_a_step": round(of_step / 1e9, 3),
        "mb_in_a_step": round(step.bytes / 1e6, 3),
        "roofline_us_a_step": round(1e6 * max(by_flops, by_bytes), 1),
        "bound_by": "flops" if by_flops > by_bytes else "traffic",
    }


def _named(task: str, width: int, arithmetic: str) -> dict[str, Any]:
    """What a row is of."""
    return {
        "task": task if arithmetic == FAST else f"{task}, {arithmetic}",
        "lanes": width,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| compiled for | task | lanes | s to compile (of CPU) | arguments, MiB "
        "| temporaries, MiB | kernels in a step | library calls | not deterministic "
        "| GFLOP, MB in a step | at least, µs a step |",
        "|---" * 11 + "|",
    ]
    for r in rows:
        first = f"| {r['compiled_for']} | {r['task']} | {r['lanes']} | "
        if "failed" in r:
            lines.append(f"{first}failed: {r['failed']} |")
            continue
        calls = ", ".join(f"{n} {name}" for name, n in r["library_calls"].items()) or "none"
        lines.append(
            f"{first}{r['seconds_to_compile']} ({r['cpu_seconds_to_compile']}) | "
            f"{r['arguments_mib']} | {r['temporaries_mib']} | "
            f"{r['kernels_in_a_step']} | {calls} | {len(r['not_deterministic']) or 'none'} | "
            f"{r['gflop_in_a_step']}, {r['mb_in_a_step']} | "
            f"{r['roofline_us_a_step']} ({r['bound_by']}) |"
        )
    return "\n".join(lines) + "\n"


def in_a_process(*one: object) -> dict[str, Any]:
    """What `measure` gives; or the first line of the error that ended it."""
    command = [sys.executable, "-m", "experiments.accelerators", "--one", *map(str, one)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        name, task, lanes, arithmetic = map(str, one)
        named = {"compiled_for": TARGETS[name].name, **_named(task, int(lanes), arithmetic)}
        return {**named, "failed": error_of(done.stderr)}
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.accelerators")
    parser.add_argument("--devices", default=",".join(TARGETS), help="by commas")
    parser.add_argument("--tasks", default=",".join(tasks.TASKS), help="by commas")
    parser.add_argument("--lanes", default="1,16,64", help="widths, by commas")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--arithmetic", choices=ARITHMETICS, default=FAST)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, task, width, arithmetic = options.one
        print(json.dumps(measure(name, task, int(width), arithmetic)))
        return 0
    options.out.parent.mkdir(parents=True, exist_ok=True)
    failed = False
    for name in options.devices.split(","):
        for task in options.tasks.split(","):
            for width in map(int, options.lanes.split(",")):
                row = in_a_process(name, task, width, options.arithmetic)
                write(options.out, row)
                print(table([row]).splitlines()[-1], flush=True)
                failed |= is_wrong(row)
    return int(failed)


def error_of(stderr: str) -> str:
    """The first line of the error that ended a process; a compiler says more behind it."""
    said = stderr.strip().splitlines() or ["nothing said"]
    errors = [line for line in said if re.match(r"[\w.]+(Error|Exception): ", line)]
    return (errors or said)[-1][:300]


def is_wrong(row: dict[str, Any]) -> bool:
    """Whether a row is an error; that a device has too little memory is a result."""
    if "failed" in row:
        return "RESOURCE_EXHAUSTED" not in row["failed"]
    return bool(row["not_deterministic"])


def write(out: Path, *rows: dict[str, Any]) -> None:
    """Put `rows` into the results, as JSON and as a table, beside those of the same versions."""
    here = versions(PACKAGES)
    found = json.loads(out.read_text()) if out.exists() else {}
    kept = found["programs"] if found.get("versions") == here else []
    named = {(r["task"], r["compiled_for"], int(r["lanes"])): r for r in [*kept, *rows]}
    devices = [target.name for target in TARGETS.values()]

    def place(key: tuple[str, str, int]) -> tuple[int, str, int, int]:
        task = key[0].partition(",")[0]
        return list(tasks.TASKS).index(task), key[0], devices.index(key[1]), key[2]

    programs = [named[key] for key in sorted(named, key=place)]
    out.write_text(json.dumps({"versions": here, "programs": programs}, indent=1) + "\n")
    out.with_suffix(".md").write_text(
        "Compiled for these devices, run on none of them; `make accelerators`. Seconds are those "
        "of the machine\nthat compiled, and in brackets those that its cores worked.\n\n"
        f"{table(programs)}\n" + ", ".join(f"{n} {v}" for n, v in here.items()) + "\n"
    )


if __name__ == "__main__":
    sys.exit(main())
