"""The form of a journal's lines: every field, type and range is looked at before it is used."""

import copy
import json
from typing import Any

import pytest

from jaxmeta import Study, Training, tasks, tuning
from jaxmeta.record import schema
from jaxmeta.record.error import JournalError, Mismatch
from jaxmeta.record.journal import decode_all, encode, read
from jaxmeta.study import run

WHOLE_NUMBERS = [True, 1.0, -1, 10**12, "1", None, [1], 10**400]
TEXTS = [1, None, ["a"], "x" * 20_000, "a\nb", "\x1b[2J", "\u202e", "\ud800"]


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "a"
    tuner = tuning.make(preset="logarithmic", i_max=5)
    design = {"chains": 2, "replicates": 2, "keys": "paired"}
    run(Study(tasks.make("spirals"), tuner, Training(epochs=2), **design), folder)
    lines = read(folder)
    assert any(line.get("revisits") is not None for line in lines)
    return lines


def put(lines: list[Any], number: int, way: str, value: Any) -> list[Any]:
    """A copy with `value` in line `number`, at the end of `way`: "a.b" is b in a."""
    lines = copy.deepcopy(lines)
    *steps, last = (int(step) if step.isdecimal() else step for step in way.split("."))
    place = lines[number - 1]
    for step in steps:
        place = place[step]
    place[last] = value
    return lines


def test_a_true_record_has_the_form_and_keeps_its_bytes(record):
    schema.check(record)
    assert list(decode_all(map(encode, record))) == record


@pytest.mark.parametrize(
    ("way", "values"),
    [
        ("task", ["spirals", {}, {"train_size": None}, {"train_size": None, "name": "spirals"}]),
        ("task.name", TEXTS),
        ("task.train_size", [float("inf"), "\x1b", [[[[[1]]]]], "x" * 20_000, 2**70]),
        ("tuner", ["x", {}, {"name": "grid"}]),
        ("tuner.name", TEXTS),
        ("tuner.version", WHOLE_NUMBERS),
        ("tuner.i_max", [10**12, -1]),
        ("tuner.p_min", [-0.0, -1.0, 1e300]),
        ("tuner.lattice.lr0", [-0.0, 1e39, -1]),
        ("training.epochs", [*WHOLE_NUMBERS, 0, schema.EPOCHS + 1]),
        ("training.patience", WHOLE_NUMBERS),
        ("training.batch_size", WHOLE_NUMBERS),
        ("training.steps_per_epoch", [True, 1.0, 0, 2**31]),
        ("seed", [False, 0.0, -1, 2**32]),
        ("scored_on", ["train", True, None, "digest"]),
        ("chains", [*WHOLE_NUMBERS, 0, schema.CHAINS + 1]),
        ("replicates", [*WHOLE_NUMBERS, 0, schema.REPLICATES + 1]),
        ("keys", TEXTS),
        ("lanes.width", [*WHOLE_NUMBERS, 0, schema.WIDTH + 1]),
        ("lanes.formulation", ["pmap", None]),
        ("score", ["loss", 1]),
        ("data.digest", ["0" * 63, "0" * 65, "G" * 64, "A" * 64, 0]),
        ("data.train", [*WHOLE_NUMBERS, 0]),
        ("environment", [[], None, "x", {"x": [[[[[1]]]]]}, {str(n): n for n in range(2000)}]),
        ("environment.cpu", ["x" * 20_000, "\x1b"]),
        ("format", [2.0, True, 3]),
        ("line", ["end", None, []]),
        ("prev", [0, "0"]),
    ],
)
def test_every_field_of_line_1_is_looked_at(record, way, values):
    for value in values:
        with pytest.raises(JournalError, match="^line 1 must have ") as caught:
            schema.check(put(record, 1, way, value))
        assert not isinstance(caught.value, Mismatch) and len(str(caught.value)) < 1000
        assert str(caught.value).isprintable()


def test_no_field_may_be_missing_be_new_or_stand_elsewhere(record):
    for number in (1, 2, len(record)):
        for name in record[number - 1]:
            lines = copy.deepcopy(record)
            value = lines[number - 1].pop(name)
            with pytest.raises(JournalError, match=f"^line {number} must have"):
                schema.check(lines)
            if name != list(record[number - 1])[-1]:
                lines[number - 1][name] = value
                with pytest.raises(JournalError, match=f"^line {number} must have"):
                    schema.check(lines)
        with pytest.raises(JournalError, match=f"^line {number} must have"):
            schema.check(put(record, number, "more", 1))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"chains": 1000, "tuner.i_max": 101}, "chains times i_max"),
        ({"lanes.width": 100, "training.epochs": 100_001}, "lanes times epochs"),
        ({"replicates": 10_000, "data.validation": 2**20}, "replicates times examples"),
    ],
)
def test_products_have_limits(record, changes, words):
    for way, value in changes.items():
        record = put(record, 1, way, value)
    with pytest.raises(JournalError, match=f"line 1 must have {words} = at most"):
        schema.check(record)


SCORES = [601, -1, True, 1.0, "0x1p+0", None, "worse"]


@pytest.mark.parametrize(
    ("way", "values"),
    [
        ("line", ["note", None, [], "study"]),
        ("chain", [*WHOLE_NUMBERS, 2]),
        ("i", [-1, True, 0.0, 10**9]),
        ("k", [True, 0.0, 2**31, -(2**31)]),
        ("values.learning_rate", ["0.1", 0.1, "0x1p-1", "0x1.0000000000001p-1", "nan", "0x1p9999"]),
        ("asked", [[], None, {"k": "x"}, {"k": 2**31}, {"k": [[1]]}]),
        ("told.p", ["x", [1.0], [None], [2**31]]),
        ("revisits", [-1, 0, 1, True, 10**9]),
        ("trainings", [[], None, {}, [1]]),
        ("trainings.0.r", [-1, True, 2**31]),
        ("trainings.0.score", SCORES),
        ("trainings.0.best_epoch", [-1, 3, True]),
        ("trainings.0.curve", [[], [1], [1, 2, 3], [1, 601], [1, True], [1, -1]]),
        ("trainings.0.losses", [[], ["nan"], ["0x1p-1"] * 2, [0.5, 0.5], ["x" * 10**6] * 2]),
        ("trainings.0.digests", [[], ["0" * 32], ["0" * 31] * 2, ["G" * 32] * 2, [0, 0]]),
        ("score", [1201, -1, True, 1.5, None]),
    ],
)
def test_every_field_of_a_decision_is_looked_at(record, way, values):
    for value in values:
        with pytest.raises(Mismatch, match="^line 2 must have ") as caught:
            schema.check(put(record, 2, way, value))
        assert caught.value.number == 2


@pytest.mark.parametrize(
    ("way", "values"),
    [
        ("decisions", WHOLE_NUMBERS),
        ("chains", [[], [1, 2]]),
        ("lambda_best.values", [None, {"learning_rate": 1}]),
        ("test", [None, {}, {"score": 1}]),
        ("test.score", [1201, -1, True]),
        ("test.of", [0, 1201]),
        ("test.trainings.0.score", SCORES),
        ("test.trainings.0.weights", ["0", 0]),
    ],
)
def test_every_field_of_the_end_is_looked_at(record, way, values):
    for value in values:
        with pytest.raises(Mismatch, match=f"^line {len(record)} must have "):
            schema.check(put(record, len(record), way, value))


def test_nothing_follows_the_end(record):
    with pytest.raises(Mismatch, match="nothing after the end"):
        schema.check([*record, record[-1]])


def test_a_study_that_could_not_be_read_is_refused_at_its_door():
    task = tasks.make("spirals")
    for bad, words in (
        ({"chains": 1001}, "chains must be a whole number from 1 to 1000, got 1001"),
        ({"training": Training(epochs=10**7)}, "training.epochs must be"),
        ({"tuner": tuning.make(preset="poster", i_max=10**6)}, "tuner.i_max must be"),
    ):
        with pytest.raises(ValueError, match=words):
            Study(**{"task": task, **bad})
    for options in ({"x": "\x1b"}, {"x": object()}, {"x": float("nan")}):
        odd = tasks.Task(**{**task.__dict__, "options": options})
        with pytest.raises(ValueError, match="task.x must be|as JSON"):
            Study(odd)


def test_numbers_that_are_no_numbers_and_deep_lines_are_a_sentence(record):
    first = json.dumps(record[0], separators=(",", ":"))
    deep = "[" * 100_000 + "]" * 100_000
    for new in ("NaN", "Infinity", "1e999", "9" * 5000, deep, '0,"seed":1', "-0"):
        raw = first.replace('"seed":0', f'"seed":{new}', 1).encode() + b"\n"
        with pytest.raises(JournalError, match="^line 1 must") as caught:
            schema.check(list(decode_all([raw])))
        assert len(str(caught.value)) < 1000
