"""A study as a whole: its journal is a function of its identity, in any process."""

import json
import os
import subprocess
import sys
from importlib import metadata

import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx

import jaxmeta
from jaxmeta import keys, tasks
from jaxmeta.engine.local import programs_of
from jaxmeta.record.journal import JournalError, read
from jaxmeta.running import run
from jaxmeta.space import Log, Space
from jaxmeta.study import Study
from jaxmeta.training import train
from jaxmeta.verify import IDENTICAL, verify
from tests.records import STUDIES, true
from tests.studies import LOGARITHMIC, study

HOPELESS = Space(learning_rate=Log(1e19, 1e20, points=2))
TUNE = ["tune", "spirals", "--preset", "logarithmic", "--i-max", "3", "--epochs", "2"]


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
        assert {"learning_rate": rate} == LOGARITHMIC.values(line["position"])
        assert len(one["digests"]) == len(one["curve"]) == len(one["losses"])
    best, top = last["recommended"], last["best_score"]
    assert best["position"] == decisions[-1]["told"]["best"]
    assert top["score"] == max(line["score"] for line in decisions)
    assert last["test"]["of"] == 600 and 0 <= last["test"]["score"] <= 600
    (tested,) = last["test"]["trainings"]
    assert tested["weights"] in decisions[best["i"]]["trainings"][0]["digests"]


def test_the_test_score_is_of_the_weights_that_the_record_names(tmp_path):
    the_study = study()
    last = run(the_study, tmp_path / "a")
    line = read(tmp_path / "a")[1 + last["recommended"]["i"]]
    rate = {"learning_rate": float.fromhex(line["values"]["learning_rate"])}
    key = keys.training(keys.root(0), line["i"], 0)
    program, until = programs_of(the_study.recipe()).of(rate), line["trainings"][0]["best_epoch"]
    _, at = train(program, key, rate, until=until)
    test, network = the_study.task.data.test, the_study.task.network.network({})
    logits, _ = network.apply(at.state.params, at.state.rest, jnp.asarray(test.x), None)
    assert last["test"]["score"] == int((np.argmax(logits, 1) == test.y).sum())


def test_an_exact_score_is_a_float_in_hexadecimal(tmp_path):
    run(study("sine"), tmp_path / "a")
    _, line, *_ = read(tmp_path / "a")
    assert (
        float.fromhex(line["score"]) == max(map(float.fromhex, line["trainings"][0]["curve"])) < 0
    )


def test_diverged_trainings_are_recorded_and_the_study_goes_on(tmp_path):
    wide = Space(learning_rate=Log(1e-2, 1e20, points=2))
    end = run(study(tuner="grid", space=wide), tmp_path / "a")
    _, good, bad, _ = read(tmp_path / "a")
    assert (
        good["score"] != "diverged"
        and bad["score"] == "diverged" == bad["trainings"][0]["curve"][-1]
    )
    assert end["recommended"]["position"] == [0]

    end = run(study(tuner="grid", space=HOPELESS), tmp_path / "b")
    assert end["test"]["score"] == "diverged"


def test_scored_on_the_test_set_the_record_says_so(tmp_path):
    run(study(options={"i_max": 1}, scored_on="test"), tmp_path / "a")
    first, line, end = read(tmp_path / "a")
    assert first["scored_on"] == "test" and line["score"] == end["test"]["score"]


def test_chains_and_replicates_on_paired_keys_from_end_to_end(tmp_path):
    design = {"chains": 2, "replicates": 3, "keys": "paired"}
    end = run(study(options={"i_max": 5}, **design), tmp_path / "a")
    first, *decisions, _ = read(tmp_path / "a")
    assert {name: first[name] for name in design} == design
    assert len(decisions) == end["decisions"] == 10
    for line in decisions:
        assert len(line["trainings"]) == (3 if line["revisits"] is None else 0)
        if line["revisits"] is None:
            assert line["score"] == sum(one["score"] for one in line["trainings"])
    assert end["trainings"] == sum(len(line["trainings"]) for line in decisions) < 30
    best = max(end["chains"], key=lambda point: point["score"])
    assert end["recommended"] == best and [point["chain"] for point in end["chains"]] == [0, 1]
    test = end["test"]
    assert test["of"] == 3 * 600 and test["score"] == sum(one["score"] for one in test["trainings"])
    assert verify(tmp_path / "a").answer == IDENTICAL


def test_a_float_score_of_replicates_is_their_sum(tmp_path):
    run(study("sine", options={"i_max": 1}, replicates=2), tmp_path / "a")
    _, line, end = read(tmp_path / "a")
    parts = [float.fromhex(one["score"]) for one in line["trainings"]]
    assert float.fromhex(line["score"]) == np.float32(sum(parts))
    assert float.fromhex(end["test"]["score"]) < 0 and end["test"]["of"] is None


def test_a_replicate_that_diverges_sinks_its_decision_and_the_test(tmp_path):
    end = run(study(tuner="grid", space=HOPELESS, replicates=2), tmp_path / "a")
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
        twice = study(task, options={"i_max": 2}, fixed={"batch_size": 20})
        run(twice, tmp_path / name)
    a, b = ((tmp_path / name / "journal.jsonl").read_bytes() for name in "ab")
    assert a == b


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda x, y: (x, y[:-1]), "as many targets as inputs"),
        (lambda x, y: (x[:0], y[:0]), "got 0; add some"),
        (lambda x, y: (np.where(x > 2, np.nan, x), y), "finite"),
        (lambda x, y: (x, y - 1), "labels"),
    ],
)
def test_bad_arrays_are_met_at_the_door(change, sentence):
    x = np.random.default_rng(0).normal(size=(400, 2))
    y = (x[:, 0] > 0).astype(int)
    with pytest.raises(ValueError, match=sentence):
        jaxmeta.arrays("bad", *change(x, y), test=(x, y))


@pytest.mark.parametrize(
    ("validation", "sentence"),
    [(0, "from 1 to 399, got 0"), (400, "got 400"), (([], []), "integer")],
)
def test_validation_is_a_number_of_examples(validation, sentence):
    x = np.random.default_rng(0).normal(size=(400, 2))
    y = (x[:, 0] > 0).astype(int)
    with pytest.raises(ValueError, match=sentence):
        jaxmeta.arrays("bad", x, y, test=(x, y), validation=validation)
    held_out = jaxmeta.arrays("good", x, y, test=(x, y), validation=np.int64(300)).validation
    assert len(held_out.y) == 300


def test_a_network_with_too_few_outputs_is_met_at_the_door(tmp_path):
    x = np.random.default_rng(0).normal(size=(400, 2))
    y = np.arange(400) % 5
    data = jaxmeta.arrays("five", x, y, test=(x, y))
    task = jaxmeta.classification("five", Linen(), data)
    with pytest.raises(ValueError, match="5 classes"):
        run(Study(task), tmp_path / "a")


def test_a_study_of_four_axes_is_the_same_bytes_alone_and_in_workers(tmp_path):
    """And true: many variants, each compiled once in a process."""
    run(STUDIES["four"], tmp_path / "a", workers=2)
    a, b = ((folder / "journal.jsonl").read_bytes() for folder in (tmp_path / "a", true("four")))
    assert a == b
    lines = [line for line in read(tmp_path / "a") if line["line"] == "decision"]
    assert len({(line["values"]["batch_size"], line["values"]["optimizer"]) for line in lines}) > 2
    assert verify(tmp_path / "a").answer == IDENTICAL


def test_a_hyperparameter_is_tuned_or_set_and_known(tmp_path):
    for fixed, words in (
        ({"learning_rate": 0.1}, "tuned or set, not both"),
        ({"widht": 8}, "did you mean width"),
        ({"batch_size": 0}, "batch_size must be"),
    ):
        with pytest.raises(ValueError, match=words):
            study(fixed=fixed)


def test_another_program_than_the_records_is_refused(tmp_path):
    """The task's own code was changed while the study rested."""
    from flax import linen

    def task(factor):
        class Net(linen.Module):
            @linen.compact
            def __call__(self, x):
                return linen.Dense(3)(x) * factor

        return jaxmeta.classification("mine", Net(), tasks.make("spirals").data)

    run(study(task(1.0), options={"i_max": 2}), tmp_path / "a")
    journal = tmp_path / "a" / "journal.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:2]))
    with pytest.raises(JournalError, match="environment must be that of the record"):
        jaxmeta.resume(tmp_path / "a", task(2.0))


def test_a_record_of_optunas_names_its_version(tmp_path):
    """Its decisions hang on it, so that another one is another environment."""
    pytest.importorskip("optuna")
    run(study(tuner="optuna", options={"i_max": 2}), tmp_path / "a")
    first = read(tmp_path / "a")[0]
    assert first["environment"]["optuna"] == metadata.version("optuna")
    run(study(options={"i_max": 1}), tmp_path / "b")
    assert "optuna" not in read(tmp_path / "b")[0]["environment"]
    assert verify(tmp_path / "a").answer == IDENTICAL
