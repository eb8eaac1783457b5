"""What leaves for another machine: the study's own network, and the name of the study in it."""

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxmeta
from jaxmeta.cli import main
from jaxmeta.export import export, stablehlo, trace
from jaxmeta.export.model import TOLERANCE, differs
from jaxmeta.export.timing import latency
from jaxmeta.record import weights
from jaxmeta.record.error import JournalError
from tests.export.networks import NETWORKS, model
from tests.records import true

STABLEHLO = """
import json, sys
import jax, numpy as np
file = open(sys.argv[1], "rb").read()
found = jax.export.deserialize(bytearray(file)).call(np.load(sys.argv[2]))
np.save(sys.argv[3], found)
print(json.loads(file.rpartition(b"\\n")[2])["study"])
"""
ORBAX = """
import json, sys
import numpy as np, orbax.checkpoint as ocp
found = ocp.StandardCheckpointer().restore(sys.argv[1])
np.savez(sys.argv[3], *(leaf for _, layer in sorted(found["params"].items())
                        for _, leaf in sorted(layer.items())))
print(json.load(open(sys.argv[1] + "/trace.json"))["study"])
"""


@pytest.fixture(scope="module")
def folder():
    return true("four")


def elsewhere(script: str, file: Path, tmp_path: Path, x: np.ndarray) -> tuple[str, Path]:
    """Run `script` in a process without jaxmeta: what it prints, and what it writes."""
    inputs, outputs = tmp_path / "inputs.npy", tmp_path / f"outputs{len(script)}"
    np.save(inputs, x)
    script += '\nassert not any(name.startswith("jaxmeta") for name in sys.modules)\n'
    command = [sys.executable, "-I", "-c", script, file, inputs, outputs]
    printed = subprocess.check_output(command, text=True, cwd=tmp_path)
    return printed.strip(), next(tmp_path.glob(f"{outputs.name}*"))


def sha(folder: Path) -> str:
    return hashlib.sha256((folder / "journal.jsonl").read_bytes()).hexdigest()


def own(folder: Path, x: np.ndarray) -> np.ndarray:
    """The outputs of the study's network."""
    found = jaxmeta.load(folder).restored()
    return np.asarray(jax.jit(lambda x: found.task.outputs(found.values, found.kept, x))(x))


def test_stablehlo_is_the_network_bit_for_bit_where_jaxmeta_is_not(folder, tmp_path):
    made = export(folder, "stablehlo", tmp_path / "out")
    assert made.path == tmp_path / "out" / "model.stablehlo"
    assert (made.examples, made.difference) == (1200, 0.0)  # validation and test
    assert made.latency is not None and 0 < made.latency.low <= made.latency.median
    test = jaxmeta.load(folder).restored().task.held_out["test"]
    study, outputs = elsewhere(STABLEHLO, made.path, tmp_path, test.x)
    logits = np.load(outputs)
    assert study == made.trace["study"] == sha(folder)
    np.testing.assert_array_equal(logits, own(folder, test.x))
    score = jaxmeta.load(folder).test
    assert score is not None and (logits.argmax(1) == test.y).sum() == score.value


def test_orbax_is_the_weights_where_jaxmeta_is_not(folder, tmp_path):
    made = export(folder, "orbax", tmp_path / "out")
    study, outputs = elsewhere(ORBAX, made.path, tmp_path, np.zeros(1))
    assert study == sha(folder) and made.latency is None
    arrays = np.load(outputs)
    kept = jax.tree.leaves(jaxmeta.load(folder).weights())
    assert len(kept) == len(arrays.files)
    for name, leaf in zip(arrays.files, kept, strict=True):
        np.testing.assert_array_equal(arrays[name], leaf)


def test_the_trace_says_what_was_trained(folder, tmp_path, capsys):
    made = export(folder, "orbax", tmp_path)
    found = jaxmeta.load(folder)
    assert trace(made.path) == made.trace
    assert made.trace["values"] == {**made.trace["values"], **found.best}
    assert made.trace["task"]["name"] == "spirals"
    assert made.trace["score"] == f"{found.score.value}/600"
    assert found.test and made.trace["test"] == f"{found.test.value}/600"
    assert made.trace["jaxmeta"] == jaxmeta.__version__
    assert main(["export", "--trace", str(made.path)]) == 0
    assert f"study: {sha(folder)}" in capsys.readouterr().out
    assert main(["export", str(folder), "--trace", str(made.path)]) == 0
    assert main(["export", str(true("one")), "--trace", str(made.path)]) == 1
    assert "not the study" in capsys.readouterr().out


@pytest.mark.parametrize("to", ["stablehlo", "orbax"])
def test_other_weights_do_not_leave(folder, tmp_path, to):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    kept = jaxmeta.load(copy).weights()
    kept["params"]["Dense_0"]["bias"] += np.float32(1e-6)
    weights.save(copy / weights.FOLDER, kept)
    with pytest.raises(JournalError, match="the record names"):
        export(copy, to, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_that_gives_other_outputs_is_removed(folder, tmp_path, monkeypatch):
    load = stablehlo.load

    def wrong(path):
        run = load(path)
        return lambda x: [leaf + 3 * TOLERANCE * np.abs(leaf).max() for leaf in run(x)]

    monkeypatch.setattr(stablehlo, "load", wrong)
    with pytest.raises(RuntimeError, match="differs by"):
        export(folder, "stablehlo", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["two inputs"])
def test_stablehlo_takes_any_network_at_any_batch(name, tmp_path):
    path = tmp_path / "model.stablehlo"
    stablehlo.write(model(name), path)
    run = stablehlo.load(path)
    assert differs(model(name), run) == (7, 0.0)
    one = run([leaf[:1] for leaf in jax.tree.leaves(NETWORKS[name][1])])
    assert {len(leaf) for leaf in one} == {1}


def test_a_network_that_counts_its_batch_needs_a_fixed_one(tmp_path):
    made = model("spirals")
    outputs = made.outputs
    assert outputs is not None

    def counting(x):
        return outputs(x).reshape(len(x), -1)

    path = tmp_path / "model.stablehlo"
    with pytest.raises(ValueError, match="--batch 1"):
        stablehlo.write(replace(made, outputs=counting), path)
    fixed = replace(made, outputs=counting, batch=3)
    stablehlo.write(fixed, path)
    assert differs(fixed, stablehlo.load(path)) == (7, 0.0)
    assert [leaf.shape for leaf in fixed.example()] == [(3, 2)]


def test_a_training_without_a_network_has_weights_alone(tmp_path):
    with pytest.raises(ValueError, match="--to orbax"):
        stablehlo.write(replace(model("sine"), outputs=None), tmp_path / "model.stablehlo")


def test_numbers_that_are_not_finite_must_be_the_same():
    nan = replace(model("sine"), outputs=lambda x: x * np.float32("nan"))
    assert differs(nan, lambda x: [x[0] * np.float32("nan")]) == (7, 0.0)
    with pytest.raises(RuntimeError, match="differs by inf"):
        differs(nan, lambda x: [np.zeros_like(x[0])])
    with pytest.raises(RuntimeError, match="must give float32"):
        differs(nan, lambda x: [x[0][:, 0]])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.stablehlo", b"\x00\xff\n\xfe"),
        ("model.stablehlo", b""),
        ("model.stablehlo", b"\n" + b"[" * 60_000),
        ("model.stablehlo", b"\n" + json.dumps({"study": 1}).encode()),
        ("model.txt", b"{}"),
    ],
)
def test_what_is_no_export_is_said_in_a_sentence(name, content, tmp_path, capsys):
    (tmp_path / name).write_bytes(content)
    assert main(["export", "--trace", str(tmp_path / name)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and name in said


def test_the_command_says_what_it_lacks(folder, tmp_path, capsys):
    assert main(["export", str(folder), "--out", str(tmp_path)]) == 2
    assert "--to FORMAT" in capsys.readouterr().err
    assert main(["export", "--trace", str(tmp_path / "model.stablehlo")]) == 2
    assert main(["export", str(folder), "--to", "orbax", "--out", str(tmp_path)]) == 0
    assert sha(folder) in capsys.readouterr().out


def test_a_file_that_does_not_run_is_no_export(tmp_path):
    (tmp_path / "model.stablehlo").write_bytes(b"nothing")
    with pytest.raises(RuntimeError, match="in a new process"):
        latency(tmp_path / "model.stablehlo", "stablehlo", [np.zeros(1)])
