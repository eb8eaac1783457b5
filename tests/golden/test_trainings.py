"""The training program gives the bits that it gave when a study tuned one learning rate.

`format2` holds journals that were written then. Every training of theirs is run again from its key
and its learning rate, and each evaluation, loss and digest of weights must come out again, and the
score on the test set. Bits are the same on one kind of CPU with one release of JAX only: elsewhere
the test is skipped, and says so.
"""

import json
from pathlib import Path

import pytest

from jaxmeta import keys, score, tasks
from jaxmeta.record import environment
from jaxmeta.training import Program, Training, train

FOLDER = Path(__file__).parent / "format2"
STUDIES = sorted(path.name for path in FOLDER.iterdir())
HERE = environment.fingerprint()
BITS = ("platform", "machine", "cpu", "instruction_sets", "jaxlib")


def journal(name):
    return [json.loads(row) for row in (FOLDER / name / "journal.jsonl").read_bytes().splitlines()]


def shown(kind, points):
    """A score as format 2 wrote it."""
    if points == score.DIVERGED:
        return "diverged"
    return points if kind == score.COUNT else score.to_float(points).hex()


@pytest.mark.parametrize("name", STUDIES)
def test_every_training_comes_out_again(name):
    first, *lines, end = journal(name)
    if other := [f for f in BITS if HERE[f] != first["environment"][f]]:
        pytest.skip(f"other CPU or JAX than the journal's ({', '.join(other)}): other bits")
    options = dict(first["task"])
    task = tasks.make(options.pop("name"), **options)
    assert task.data_record() == first["data"]
    old = first["training"]
    constants = {"batch_size": old["batch_size"], "steps_per_epoch": old["steps_per_epoch"] or 0}
    program = Program(task, Training(old["epochs"], old["patience"]), constants, ["learning_rate"])

    def key(line, r):
        chain = keys.chain(keys.root(first["seed"]), line["chain"])
        return keys.training(chain, 0 if first["keys"] == "paired" else line["i"], r)

    def values(line):
        return {"learning_rate": float.fromhex(line["values"]["learning_rate"])}

    seen = 0
    for line in lines:
        for entry in line["trainings"]:
            result, _ = train(program, key(line, entry["r"]), values(line))
            assert result.digests == entry["digests"]
            assert [loss.hex() for loss in result.losses] == entry["losses"]
            assert [shown(task.kind, points) for points in result.curve] == entry["curve"]
            assert shown(task.kind, result.score) == entry["score"]
            assert result.best_epoch == entry["best_epoch"]
            seen += 1
    assert seen == end["trainings"]

    best = next(
        line
        for line in lines
        if (line["chain"], line["i"]) == (end["lambda_best"]["chain"], end["lambda_best"]["i"])
    )
    for tested in end["test"]["trainings"]:
        epoch = next(e["digests"] for e in best["trainings"] if e["r"] == tested["r"]).index(
            tested["weights"]
        )
        _, at = train(program, key(best, tested["r"]), values(best), until=epoch + 1)
        points = program.score("test", key(best, tested["r"]), values(best), at)
        assert shown(task.kind, points) == tested["score"]
