"""One axis gives the decisions, scores and bits that it gave before there were spaces.

`format2` holds journals that were written when a study tuned one learning rate. The same studies
are run again here, and every draw, move, score, loss and digest of weights must come out again. The
decisions are the same on every machine; the trainings where the environment is that of the journal.
"""

import json
from pathlib import Path

import pytest

from jaxmeta import Lanes, Linear, Log, Space, Study, Training, run, tasks
from jaxmeta.record import environment
from jaxmeta.record.journal import read
from jaxmeta.tuning import Grid, PosterRule, Random, ThreeWay

FOLDER = Path(__file__).parent / "format2"
# The poster's network takes long to compile.
SLOW = {"mnist_poster"}
STUDIES = [
    pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else [])
    for name in sorted(path.name for path in FOLDER.iterdir())
]
# What bits depend on, of what a journal of format 2 says of its environment.
HERE = ("jaxlib", "platform", "instruction_sets", "machine", "xla_flags", "numpy", "flax", "optax")


def study(first: dict) -> Study:
    """The study of a first line of format 2, as it is written now."""
    old = dict(first["tuner"])
    name = old.pop("name")
    del old["version"], old["one"]
    if name == "tune_learning_rate":
        lattice = old.pop("lattice")
        kind = {"additive": Linear, "logarithmic": Log}[lattice["geometry"]]
        axis = kind(lattice["lr_min"], lattice["lr_max"], lattice["eps"], start=lattice["lr0"])
        tuner = PosterRule(Space(learning_rate=axis), **old)
    else:
        low, high = old.pop("lr_min"), old.pop("lr_max")
        if name == "three_way":
            del old["grow"], old["p_min"]
            axis = Log(low, high, old.pop("eps"), start=old.pop("lr0"))
            tuner = ThreeWay(Space(learning_rate=axis), **old)
        elif name == "grid":
            points = old["i_max"]
            tuner = Grid(Space(learning_rate=Log(low, high, points=points)), points=points)
        else:
            axis = Log(low, high, points=1024)
            tuner = Random(Space(learning_rate=axis), i_max=old["i_max"])
    task = dict(first["task"])
    training = first["training"]
    return Study(
        tasks.make(task.pop("name"), **task),
        tuner,
        Training(training["epochs"], training["patience"]),
        fixed={n: training[n] for n in ("batch_size", "steps_per_epoch") if training[n]},
        lanes=Lanes(**first["lanes"]),
        **{n: first[n] for n in ("seed", "scored_on", "chains", "replicates", "keys")},
    )


@pytest.mark.parametrize("name", STUDIES)
def test_the_same_study_comes_out_again(name, tmp_path):
    old = [json.loads(row) for row in (FOLDER / name / "journal.jsonl").read_bytes().splitlines()]
    run(study(old[0]), tmp_path / "a")
    new = read(tmp_path / "a")
    here = environment.fingerprint()
    same_bits = all(old[0]["environment"][field] == here[field] for field in HERE)
    assert new[0]["data"]["digest"] == old[0]["data"]["digest"]
    assert len(new) == len(old) or not same_bits
    for line, before in zip(new[1:-1], old[1:-1], strict=False):
        assert (line["chain"], line["i"]) == (before["chain"], before["i"])
        assert line["position"] == [before["k"]]
        assert line["values"] == before["values"]
        assert line["revisits"] == before["revisits"]
        for field in before["asked"].keys() - {"k"}:
            assert line["asked"][field] in (before["asked"][field], [before["asked"][field]])
        if not same_bits:
            pytest.skip("other CPU or packages than the journal's: other bits are expected")
        assert line["score"] == before["score"]
        for field in before["told"].keys() - {"k_best"}:
            assert line["told"][field] in (before["told"][field], [before["told"][field]])
        assert line["told"]["best"] == [before["told"]["k_best"]]
        for entry, entry_before in zip(line["trainings"], before["trainings"], strict=True):
            assert {field: entry[field] for field in entry_before} == entry_before
    end, end_before = new[-1], old[-1]
    assert end["recommended"]["values"] == end_before["lambda_best"]["values"]
    assert end["best_score"]["i"] == end_before["best_score"]["i"]
    for field in ("score", "trainings"):
        assert end["test"][field] == end_before["test"][field]
