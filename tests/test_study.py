"""A study as a whole: its journal is a function of its identity, in any process."""

import json
import os
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx

import jaxmeta
from jaxmeta import keys, tasks, tuning
from jaxmeta.engine.local import program_of
from jaxmeta.record.journal import JournalError, read
from jaxmeta.study import Study, run
from jaxmeta.training.program import Training
from jaxmeta.verify import IDENTICAL, verify

TUNE = ["tune", "spirals", "--preset", "logarithmic", "--i-max", "5", "--epochs", "3"]


def study(task="spirals", **options):
    tuner = tuning.make(preset="logarithmic", i_max=4, **options)
    return Study(tasks.make(task), tuner, Training(epochs=3))


def in_a_process(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "jaxmeta.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu", **environment},
        check=False,
    )


def test_two_fresh_processes_write_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed, hashing in (("a", 0, "1"), ("b", 0, "2"), ("c", 1, "1")):
        done = in_a_process(*TUNE, "--seed", seed, "--out", tmp_path / name, PYTHONHASHSEED=hashing)
        assert done.returncode == 0, done.stderr
    a, b, c = ((tmp_path / name / "journal.jsonl").read_bytes() for name in "abc")
    assert a == b
    assert a != c
    lines = [[json.loads(row) for row in journal.splitlines()] for journal in (a, c)]
    digests = [
        [line["trainings"][0]["digests"] for line in both if line["line"] == "decision"]
        for both in lines
    ]
    assert not {d for ds in digests[0] for d in ds} & {d for ds in digests[1] for d in ds}


def test_the_journal_tells_the_whole_story(tmp_path):
    end = run(study(), tmp_path / "a")
    first, *decisions, last = read(tmp_path / "a")
    assert last == end
    assert first["seed"] == 0 and first["scored_on"] == "validation"
    assert first["data"]["digest"] == tasks.make("spirals").data.digest
    assert [line["i"] for line in decisions] == list(range(len(decisions)))
    for line in decisions:
        (one,) = line["trainings"]
        assert line["score"] == max(one["curve"]) == one["curve"][one["best_epoch"] - 1]
        rate = float.fromhex(line["values"]["learning_rate"])
        assert rate == tuning.PRESETS["logarithmic"].lattice(line["k"])
        assert len(one["digests"]) == len(one["curve"]) == len(one["losses"])
    best, top = last["lambda_best"], last["best_score"]
    assert best["k"] == decisions[-1]["told"]["k_best"]
    assert top["score"] == max(line["score"] for line in decisions)
    assert last["test"]["of"] == 600 and 0 <= last["test"]["score"] <= 600
    (tested,) = last["test"]["trainings"]
    assert tested["weights"] in decisions[best["i"]]["trainings"][0]["digests"]


def test_the_test_score_is_of_the_weights_that_the_record_names(tmp_path):
    the_study = study()
    last = run(the_study, tmp_path / "a")
    program = program_of(the_study.recipe())
    line = read(tmp_path / "a")[1 + last["lambda_best"]["i"]]
    rate = {"learning_rate": float.fromhex(line["values"]["learning_rate"])}
    key = keys.training(keys.root(0), line["i"], 0)
    _, at = program.train(key, rate, until=line["trainings"][0]["best_epoch"])
    test = the_study.task.data.test
    logits, _ = the_study.task.apply(at.params, at.rest, jnp.asarray(test.x), None)
    assert last["test"]["score"] == int((np.argmax(logits, 1) == test.y).sum())


def test_an_exact_score_is_a_float_in_hexadecimal(tmp_path):
    run(study("sine"), tmp_path / "a")
    _, line, *_ = read(tmp_path / "a")
    assert (
        float.fromhex(line["score"]) == max(map(float.fromhex, line["trainings"][0]["curve"])) < 0
    )


def test_diverged_trainings_are_recorded_and_the_study_goes_on(tmp_path):
    tuner = tuning.make("grid", lr_min=1e-2, lr_max=1e20, i_max=2)
    end = run(Study(tasks.make("spirals"), tuner, Training(epochs=2)), tmp_path / "a")
    _, good, bad, _ = read(tmp_path / "a")
    assert (
        good["score"] != "diverged"
        and bad["score"] == "diverged" == bad["trainings"][0]["curve"][-1]
    )
    assert end["lambda_best"]["k"] == 0

    tuner = tuning.make("grid", lr_min=1e19, lr_max=1e20, i_max=2)
    end = run(Study(tasks.make("spirals"), tuner, Training(epochs=2)), tmp_path / "b")
    assert end["test"]["score"] == "diverged"


def test_scored_on_the_test_set_the_record_says_so(tmp_path):
    the_study = Study(tasks.make("spirals"), tuning.make(i_max=1), Training(1), scored_on="test")
    run(the_study, tmp_path / "a")
    first, line, end = read(tmp_path / "a")
    assert first["scored_on"] == "test" and line["score"] == end["test"]["score"]


def test_chains_and_replicates_on_paired_keys_from_end_to_end(tmp_path):
    tuner = tuning.make(preset="logarithmic", i_max=5)
    design = {"chains": 2, "replicates": 3, "keys": "paired"}
    the_study = Study(tasks.make("spirals"), tuner, Training(epochs=2), **design)
    end = run(the_study, tmp_path / "a")
    first, *decisions, _ = read(tmp_path / "a")
    assert {name: first[name] for name in design} == design
    assert len(decisions) == end["decisions"] == 10
    for line in decisions:
        assert len(line["trainings"]) == (3 if line["revisits"] is None else 0)
        if line["revisits"] is None:
            assert line["score"] == sum(one["score"] for one in line["trainings"])
    assert end["trainings"] == sum(len(line["trainings"]) for line in decisions) < 30
    best = max(end["chains"], key=lambda point: point["score"])
    assert end["lambda_best"] == best and [point["chain"] for point in end["chains"]] == [0, 1]
    test = end["test"]
    assert test["of"] == 3 * 600 and test["score"] == sum(one["score"] for one in test["trainings"])
    assert verify(tmp_path / "a").answer == IDENTICAL


def test_a_float_score_of_replicates_is_their_sum(tmp_path):
    run(Study(tasks.make("sine"), tuning.make(i_max=1), Training(1), replicates=2), tmp_path / "a")
    _, line, end = read(tmp_path / "a")
    parts = [float.fromhex(one["score"]) for one in line["trainings"]]
    assert float.fromhex(line["score"]) == np.float32(sum(parts))
    assert float.fromhex(end["test"]["score"]) < 0 and end["test"]["of"] == 512


def test_a_replicate_that_diverges_sinks_its_decision_and_the_test(tmp_path):
    tuner = tuning.make("grid", lr_min=1e19, lr_max=1e20, i_max=2)
    study = Study(tasks.make("spirals"), tuner, Training(epochs=1), replicates=2)
    end = run(study, tmp_path / "a")
    assert end["test"] == {"score": "diverged", "of": 1200, "trainings": []}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"chains": 0}, "chains must be at least 1"),
        ({"replicates": 0}, "replicates must be at least 1"),
        ({"replicates": 2**30}, "replicates times examples"),
        ({"keys": "odd"}, "keys must be one of independent, paired"),
    ],
)
def test_a_bad_design_is_named(bad, words):
    with pytest.raises(ValueError, match=words):
        Study(tasks.make("spirals"), **bad)


@pytest.mark.parametrize("bad", [{"workers": -1}, {"lookahead": -2}])
def test_bad_speed_is_named_before_anything_is_written(tmp_path, bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be"):
        run(study(), tmp_path / "a", **bad)
    assert not (tmp_path / "a").exists()


def test_a_folder_in_use_is_left_alone(tmp_path):
    run(study(), tmp_path / "a")
    before = (tmp_path / "a" / "journal.jsonl").read_bytes()
    with pytest.raises(JournalError, match="new or empty"):
        run(study(), tmp_path / "a")
    assert (tmp_path / "a" / "journal.jsonl").read_bytes() == before


class Linen(nn.Module):
    @nn.compact
    def __call__(self, x, *, train: bool):
        x = nn.Dropout(0.2, deterministic=not train)(nn.relu(nn.Dense(16)(x)))
        return nn.Dense(2)(nn.BatchNorm(use_running_average=not train)(x))


class Nnx(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.first, self.last = nnx.Linear(2, 16, rngs=rngs), nnx.Linear(16, 2, rngs=rngs)
        self.dropout = nnx.Dropout(0.2, rngs=rngs)

    def __call__(self, x):
        return self.last(self.dropout(nnx.relu(self.first(x))))


@pytest.mark.parametrize("net", [Linen(), Nnx], ids=["linen", "nnx"])
def test_a_users_own_network_and_arrays_twice_the_same(tmp_path, net):
    x = np.random.default_rng(0).normal(size=(400, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    data = jaxmeta.arrays("quadrants", x[:300], y[:300], test=(x[300:], y[300:]))
    task = jaxmeta.classification("mine", net, data)
    for name in "ab":
        run(Study(task, tuning.make(i_max=2), Training(2, batch_size=20)), tmp_path / name)
    a, b = ((tmp_path / name / "journal.jsonl").read_bytes() for name in "ab")
    assert a == b


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda x, y: (x, y[:-1]), "as many targets as inputs"),
        (lambda x, y: (x[:0], y[:0]), "validation must leave some"),
        (lambda x, y: (np.where(x > 2, np.nan, x), y), "finite"),
        (lambda x, y: (x, y - 1), "labels"),
    ],
)
def test_bad_arrays_are_met_at_the_door(change, sentence):
    x = np.random.default_rng(0).normal(size=(400, 2))
    y = (x[:, 0] > 0).astype(int)
    with pytest.raises(ValueError, match=sentence):
        jaxmeta.arrays("bad", *change(x, y), test=(x, y))


def test_a_network_with_too_few_outputs_is_met_at_the_door(tmp_path):
    x = np.random.default_rng(0).normal(size=(400, 2))
    y = np.arange(400) % 5
    data = jaxmeta.arrays("five", x, y, test=(x, y))
    task = jaxmeta.classification("five", Linen(), data)
    with pytest.raises(ValueError, match="5 classes"):
        run(Study(task), tmp_path / "a")
