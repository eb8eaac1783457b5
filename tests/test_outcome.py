"""What a study found, in the user's hands; and studies of any training, each verified."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmeta
from jaxmeta import tasks
from jaxmeta.record.error import JournalError
from jaxmeta.running import run
from jaxmeta.verify import IDENTICAL, verify
from tests.records import true
from tests.studies import FOUR, study


@pytest.fixture(scope="module")
def folder():
    return true("four")


def test_what_was_found_is_what_the_record_says(folder):
    found = jaxmeta.load(folder)
    end = found.lines[-1]
    assert found.finished and found.trials == end["trainings"]
    assert found.best == FOUR.values(end["recommended"]["position"])
    assert found.score.value == end["recommended"]["score"] and found.score.of == 600
    assert found.test is not None and found.test.value == end["test"]["score"]
    table = found.decisions
    assert len(table) == 6 and table[0]["score"] == found.lines[1]["score"]
    assert {*FOUR.names, "chain", "i", "of", "best_epoch", "revisits"} < set(table[0])
    assert str(found.score) in repr(found)


def test_the_kept_weights_are_the_records_and_give_the_test_score(folder):
    found = jaxmeta.load(folder)
    kept, task = found.weights(), tasks.make("spirals")
    network = task.network.network({"dropout": found.best["dropout"]})
    logits, _ = network.apply(kept["params"], {}, jnp.asarray(task.data.test.x), None)
    assert found.test is not None and found.test.value == int(
        (np.argmax(logits, 1) == task.data.test.y).sum()
    )


def test_weights_that_are_not_the_records_are_refused(folder, tmp_path):
    run(study(options={"i_max": 2}, space=FOUR, seed=1), tmp_path / "b")
    other = jaxmeta.load(tmp_path / "b")
    (tmp_path / "b" / "weights").rename(tmp_path / "own")
    with pytest.raises(JournalError, match="no folder of weights"):
        other.weights()
    (tmp_path / "b" / "weights").symlink_to(folder / "weights")
    with pytest.raises(JournalError, match="no folder of weights"):
        other.weights()
    (tmp_path / "b" / "weights").unlink()
    jax.tree.map(np.asarray, jaxmeta.load(folder).weights())
    import shutil

    shutil.copytree(folder / "weights", tmp_path / "b" / "weights")
    with pytest.raises(JournalError, match="the record names"):
        other.weights()


def test_no_weights_are_kept_where_nobody_wants_them(tmp_path):
    run(study(options={"i_max": 1}), tmp_path / "a", keep_weights=False)
    assert not (tmp_path / "a" / "weights").exists()


def test_a_running_study_can_be_loaded_and_an_empty_one_is_named(folder, tmp_path):
    part = tmp_path / "part"
    part.mkdir()
    rows = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (part / "journal.jsonl").write_bytes(b"".join(rows[:3]))
    found = jaxmeta.load(part)
    assert not found.finished and found.test is None and len(found.decisions) == 2
    with pytest.raises(JournalError, match="has not ended"):
        found.weights()
    (part / "journal.jsonl").write_bytes(rows[0])
    with pytest.raises(JournalError, match="no decision yet"):
        jaxmeta.load(part)


def test_a_data_frame_where_pandas_is_and_a_sentence_where_not(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match="pip install pandas"):
        jaxmeta.load(folder).to_pandas()

    class Pandas:
        DataFrame = staticmethod(lambda rows: ("frame", rows))

    monkeypatch.setitem(sys.modules, "pandas", Pandas)
    assert jaxmeta.load(folder).to_pandas() == ("frame", jaxmeta.load(folder).decisions)


def test_tune_is_one_call_by_names(tmp_path, capsys):
    found = jaxmeta.tune(
        "spirals", ["learning_rate", "batch_size"], epochs=1, i_max=3, out=tmp_path / "a"
    )
    assert set(found.best) == {"learning_rate", "batch_size"} and len(found.decisions) == 3
    assert "learning_rate" in capsys.readouterr().out
    with pytest.raises(ValueError, match="none for heat"):
        jaxmeta.tune("spirals", ["heat"], out=tmp_path / "b")
    with pytest.raises(ValueError, match="has its space"):
        jaxmeta.tune("spirals", "dropout", tuner=study().tuner, out=tmp_path / "b")


def test_a_function_of_values_is_a_study_that_is_true(tmp_path, capsys):
    """No data, no test, nothing kept; NaN is a trial that diverged."""
    space = jaxmeta.Space(
        x=jaxmeta.Linear(-2.0, 2.0, 0.25), n=jaxmeta.Values(1, 2, 3), how=jaxmeta.Choice("a", "b")
    )

    def function(key, values):
        bonus = {"a": 0.0, "b": 1.0}[values["how"]] + values["n"]
        return bonus - (values["x"] - 1) ** 2 + 0.0 * jnp.log(values["x"] + 1.5)

    valley = jaxmeta.objective(function, space)
    found = jaxmeta.tune(valley, space, i_max=25, out=tmp_path / "a", show=False)
    assert found.test is None and found.finished and not (tmp_path / "a" / "weights").exists()
    assert found.best["how"] == "b" and found.best["n"] == 3 and found.best["x"] > 0
    assert verify(tmp_path / "a", task=valley).answer == IDENTICAL


@pytest.mark.slow
def test_policy_gradient_on_cartpole_learns_and_verifies(tmp_path):
    from experiments.cartpole import cartpole

    found = jaxmeta.tune(
        cartpole(), "learning_rate", epochs=6, i_max=3, out=tmp_path / "a", show=False
    )
    assert found.score.value and found.test and found.test.value
    assert found.score.value > 60 and found.test.value > 60  # of 200 steps; at first about 10
    assert verify(tmp_path / "a", task=cartpole()).answer == IDENTICAL
    params, _ = found.weights(cartpole())
    assert set(params) == {"in", "out"}
