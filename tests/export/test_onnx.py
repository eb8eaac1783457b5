"""ONNX files, run by onnxruntime. All in one file: a process takes 16 s to load jax2onnx."""

import subprocess
import sys

import jax
import numpy as np
import pytest

import jaxmeta
from jaxmeta.cli import main
from jaxmeta.export import export, onnx, trace
from jaxmeta.export.model import TOLERANCE, differs
from jaxmeta.running import run
from tests.export.networks import NETWORKS, model
from tests.export.test_export import elsewhere, own, sha
from tests.records import true
from tests.studies import study

pytest.importorskip("jax2onnx", reason="pip install 'jaxmeta[onnx]'")

ONNX = """
import json, sys
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
(found,) = session.run(None, {"inputs": np.load(sys.argv[2])})
np.save(sys.argv[3], found)
assert "jax" not in sys.modules
print(json.loads(session.get_modelmeta().custom_metadata_map["jaxmeta"])["study"])
"""


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE * np.abs(b).max())


def test_onnx_is_the_network_where_jax_is_not(tmp_path):
    folder = true("four")
    made = export(folder, "onnx", tmp_path / "out")
    assert made.examples == 1200 and made.difference <= TOLERANCE
    assert trace(made.path) == made.trace and made.latency is not None
    test = jaxmeta.load(folder).restored().task.held_out["test"]
    digest, outputs = elsewhere(ONNX, made.path, tmp_path, test.x)
    logits = np.load(outputs)
    assert digest == made.trace["study"] == sha(folder)
    close(logits, own(folder, test.x))
    score = jaxmeta.load(folder).test
    assert score is not None and (logits.argmax(1) == test.y).sum() == score.value


SLOW = dict.fromkeys(["poster", "two heads", "strided"], [pytest.mark.slow])  # to compile


@pytest.mark.parametrize("name", [pytest.param(n, marks=SLOW.get(n, [])) for n in NETWORKS])
def test_onnx_takes_every_layer_at_any_batch(name, tmp_path):
    path = tmp_path / "model.onnx"
    onnx.write(model(name), path)
    run_file = onnx.load(path)
    examples, difference = differs(model(name), run_file)
    assert examples == 7 and difference <= TOLERANCE
    x = jax.tree.leaves(NETWORKS[name][1])
    for some, whole in zip(run_file([leaf[:3] for leaf in x]), run_file(x), strict=True):
        close(some, whole[:3])


def test_convolution_and_pooling_are_single_operators(tmp_path):
    """Not Winograd's hundred additions, and not comparisons of places: half the time of a call."""
    import onnx as reader

    onnx.write(model("poster"), tmp_path / "model.onnx")
    used = [node.op_type for node in reader.load(tmp_path / "model.onnx").graph.node]
    assert used.count("Conv") == used.count("ReduceMax") == used.count("Gemm") == 2
    assert not {"Where", "Less", "Einsum"} & set(used)


def test_inputs_and_outputs_have_the_names_of_the_pytree(tmp_path):
    import onnxruntime

    onnx.write(model("two inputs"), tmp_path / "a.onnx")
    onnx.write(model("two heads", batch=2), tmp_path / "b.onnx")
    a, b = (onnxruntime.InferenceSession(tmp_path / name) for name in ("a.onnx", "b.onnx"))
    assert {one.name: one.shape for one in a.get_inputs()} == {
        "image": ["batch", 9, 9, 3],
        "tokens": ["batch", 4],
    }
    assert {one.name: one.shape for one in b.get_outputs()} == {
        "classes": [2, 8, 12, 3],
        "depth": [2, 8, 12],
    }
    (images,) = b.get_inputs()
    assert images.type == "tensor(uint8)"  # scaled inside


def test_what_is_no_onnx_file_is_said_in_a_sentence(tmp_path, capsys):
    for content in (b"", b"\xff" * 100):
        (tmp_path / "model.onnx").write_bytes(content)
        assert main(["export", "--trace", str(tmp_path / "model.onnx")]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("missing", ["jax2onnx", "onnxruntime"])
def test_a_missing_package_is_said_in_a_sentence(missing, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, missing, None)
    command = ["export", str(true("four")), "--to", "onnx", "--out", str(tmp_path)]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"needs {missing}" in said and "jaxmeta[onnx]" in said


@pytest.mark.slow
def test_the_posters_network_leaves_as_onnx(tmp_path):
    whole = study("mnist", preset="poster", epochs=1, options={"i_max": 1})
    run(whole, tmp_path / "a")
    command = [sys.executable, "-m", "jaxmeta.cli", "export", tmp_path / "a", "--to", "onnx"]
    printed = subprocess.check_output([*command, "--out", tmp_path / "b"], text=True)
    assert "15,000 held-out examples" in printed and "on one core" in printed
    test = jaxmeta.load(tmp_path / "a").restored().task.held_out["test"]
    _, outputs = elsewhere(ONNX, tmp_path / "b" / "model.onnx", tmp_path, test.x)
    score = jaxmeta.load(tmp_path / "a").test
    assert score is not None and (np.load(outputs).argmax(1) == test.y).sum() == score.value
