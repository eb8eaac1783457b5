"""The form of a journal's lines: every field, type and range is looked at before it is used."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from jaxmeta import Study, Training, tasks, tuning
from jaxmeta.record import schema
from jaxmeta.record.error import JournalError, Mismatch
from jaxmeta.record.journal import decode_all, encode, read
from tests.records import true
from tests.studies import LOGARITHMIC

WHOLE_NUMBERS = [True, 1.0, -1, 10**12, "1", None, [1], 10**400]
TEXTS = [1, None, ["a"], "x" * 20_000, "a\nb", "\x1b[2J", "\u202e", "\ud800"]


@pytest.fixture(scope="module")
def record():
    """A study of one axis, in chains and replicates."""
    lines = read(true("many"))
    assert any(line.get("revisits") is not None for line in lines)
    return lines


@pytest.fixture(scope="module")
def four():
    """A study of four axes: of each kind, one."""
    return read(true("four"))


def put(lines: list[Any], number: int, way: str, value: Any) -> list[Any]:
    """A copy with `value` in line `number`, at the end of `way`: "a.b" is b in a."""
    lines = copy.deepcopy(lines)
    *steps, last = (int(step) if step.isdecimal() else step for step in way.split("."))
    place = lines[number - 1]
    for step in steps:
        place = place[step]
    place[last] = value
    return lines


def test_a_true_record_has_the_form_and_keeps_its_bytes(record, four):
    for lines in (record, four):
        schema.check(lines)
        assert list(decode_all(map(encode, lines))) == lines


RANGE = {"kind": "linear", "low": 0.0, "high": 1.0}
AXES = [
    *(None, [], {}, "log", 1, [["kind", "log"]], {"low": 0.0, "high": 1.0}),
    *({**RANGE, "kind": kind} for kind in ("cubic", "Linear", "", None, 1, ["linear"], {})),
    RANGE,  # no positions
    *({**RANGE, "step": step} for step in (0.0, -0.1, 1e-9, 2.0, 1e39, "0.1", True, [0.1], -0.0)),
    *({**RANGE, "points": n} for n in (10**9, 2**30, 2**31, 1, 0, -1, 2.0, True, "all", None)),
    *({**RANGE, "points": 3, "start": start} for start in (2.0, -1.0, "x", True, 1e300)),
    {**RANGE, "points": 3, "step": 0.5},
    {**RANGE, "points": 3, "_": 1},
    {**RANGE, "points": 3, "more": 1},
    {"kind": "linear", "points": 3, "low": 0.0, "high": 1.0},  # another order
    *({**RANGE, "points": 3, "low": low} for low in (1, 2.0, 1.0, "0", True, None, -1e39, 1e300)),
    *({**RANGE, "points": 3, "kind": "log", "low": low} for low in (0.0, -1.0, 1e-320)),
    {"kind": "values", "values": [*range(10**6)]},
    {"kind": "choice", "values": [str(n) for n in range(1001)]},
    *({"kind": kind, "values": []} for kind in ("values", "choice")),
    *({"kind": "values", "values": v} for v in ([2, 1], [1, 1], [1], "12", {"0": 1, "1": 2}, None)),
    *({"kind": "values", "values": [1, v]} for v in ("2", True, None, [2], 2.5, 10**400)),
    *({"kind": "choice", "values": ["a", v]} for v in ("a", True, None, ["b"], {}, "", "b" * 101)),
    *(
        {"kind": "choice", "values": ["a", v]}
        for v in ("\x1b[2J", "a\nb", "\u202e", "\ud800", "\0")
    ),
    *({"kind": "choice", "values": ["a", v]} for v in ("0x1.8000000000000p+0", "inf", "nan")),
    {"kind": "choice", "values": ["a", "b"], "start": "c"},
    {"kind": "choice", "values": ["a", "b"], "start": None},
    {"kind": "choice", "values": ["a", "b"], "ordered": True},
]
PROPER = {"kind": "choice", "values": ["a", "b"]}
SPACES = [
    *({}, [], None, "x", [["a", PROPER]], {str(n): PROPER for n in range(2000)}),
    {f"a{n}": PROPER for n in range(65)},
    *({name: PROPER} for name in ("", "a b", "1", "class", "None", "a.b", "a-b", "a\n", "\x1b[2J")),
    *({name: PROPER} for name in ("a" * 101, "\ud800", "\u202ea", "[bold]", "a" * 10**6)),
    *({"learning_rate": axis} for axis in AXES),
    {"learning_rate": {"kind": {"kind": {"kind": "log"}}}},
]


def test_a_space_that_is_none_is_refused(record):
    for value in SPACES:
        with pytest.raises(JournalError, match="^line 1 must have space") as caught:
            schema.check(put(record, 1, "space", value))
        assert not isinstance(caught.value, Mismatch) and len(str(caught.value)) < 1000
        assert str(caught.value).isprintable()


def test_the_control_of_these_spaces():
    """The same with one thing less that is wrong."""
    for axis in (
        {**RANGE, "points": 3},
        {**RANGE, "step": 0.5},
        {**RANGE, "points": "every"},
        PROPER,
    ):
        schema.space({"learning_rate": axis}, "space")
    schema.space({f"a{n}": PROPER for n in range(64)}, "space")


def test_no_number_that_is_none_gets_into_a_space(record):
    first = json.dumps(record[0], separators=(",", ":"))
    for new in ("NaN", "-Infinity", "1e999", "9" * 5000, '0,"low":1e-06'):
        raw = first.replace('"low":1e-06', f'"low":{new}', 1).encode() + b"\n"
        assert raw.count(new.encode()) == 1
        with pytest.raises(JournalError, match="^line 1 must"):
            schema.check(list(decode_all([raw])))


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
        ("tuner.axes", [["all"], {}, "x\n"]),
        ("tuner.decisions", [*WHOLE_NUMBERS, 0, schema.DECISIONS + 1]),
        ("training.epochs", [*WHOLE_NUMBERS, 0, schema.EPOCHS + 1]),
        ("training.patience", WHOLE_NUMBERS),
        ("training", [{}, [], None, {"epochs": 2}, {"patience": 3, "epochs": 2}]),
        ("fixed", [[], None, "x", {"x": []}, {"x": {}}, {"x" * 2000: 1}, {"\x1b": 1}]),
        ("fixed", [{str(n): n for n in range(2000)}]),
        ("fixed.batch_size", [[50], {}, float("nan"), float("inf"), 2**63, "\x1b", "x" * 20_000]),
        ("seed", [False, 0.0, -1, 2**32]),
        ("scored_on", ["train", True, None, "digest"]),
        ("chains", [*WHOLE_NUMBERS, 0, schema.CHAINS + 1]),
        ("replicates", [*WHOLE_NUMBERS, 0, schema.REPLICATES + 1]),
        ("keys", TEXTS),
        ("lanes.width", [*WHOLE_NUMBERS, 0, schema.WIDTH + 1]),
        ("lanes.formulation", ["pmap", None]),
        ("score", ["count", 1, None, {}, {"kind": "count"}]),
        ("score.kind", ["loss", "COUNT", True, None, ["count"]]),
        ("score.meaning", TEXTS),
        ("score.of", [{}, [], None, {"test": 1}, {"test": 1, "validation": 1}, {"train": 1}]),
        ("score.of.validation", [True, 1.0, -1, 0, 10**12, "1", [1]]),
        ("score.of.train", [1]),
        ("promises", ["all", "", True, None, 1, ["plain"]]),
        ("data", [[], "x", {}, {"digest": "0" * 64}, {"digest": "0" * 64, "name": "x"}]),
        ("data.digest", ["0" * 63, "0" * 65, "G" * 64, "A" * 64, 0]),
        ("data.train", [[1], {}, float("nan"), 2**63, "\x1b", "x" * 20_000]),
        ("environment", [[], None, "x", {"x": [[[[[1]]]]]}, {str(n): n for n in range(2000)}]),
        ("environment.cpu", ["x" * 20_000, "\x1b"]),
        ("format", [3.0, True, 2, 4]),
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


@pytest.mark.parametrize("line", [5, None, [], "study", ["stop_early"]])
def test_line_1_that_is_no_object_is_refused(line):
    with pytest.raises(JournalError, match="^line 1 must have "):
        schema.check([line])


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
        ({"chains": 1000, "tuner.decisions": 101}, "chains times decisions"),
        ({"lanes.width": 100, "training.epochs": 100_001}, "lanes times epochs"),
        ({"replicates": 10_000, "score.of.validation": 2**20}, "replicates times examples"),
        ({"replicates": 10_000, "score.of.test": 2**20}, "replicates times examples"),
    ],
)
def test_products_have_limits(record, changes, words):
    for way, value in changes.items():
        record = put(record, 1, way, value)
    with pytest.raises(JournalError, match=f"line 1 must have {words} = at most"):
        schema.check(record)


POSITIONS = [None, 0, "0", {}, [True], [0.0], [None], [[0]], [2**31], [-(2**31)], [0] * 100_000]
SCORES = [601, -1, True, 1.0, "0x1p+0", None, "worse"]


@pytest.mark.parametrize(
    ("way", "values"),
    [
        ("line", ["note", None, [], "study"]),
        ("chain", [*WHOLE_NUMBERS, 2]),
        ("i", [-1, True, 0.0, 10**9]),
        ("position", [*POSITIONS, [0, 0], []]),
        ("values", [None, [], {}, {"rate": "0x1.0000000000000p-1"}, "0x1.0000000000000p-1"]),
        ("values.more", [1]),
        ("values.learning_rate", ["0.1", 0.1, "0x1p-1", "0x1.0000000000001p-1", "nan", "0x1p9999"]),
        ("values.learning_rate", [1, True, None, "", "adam", "\x1b[2J", ["0x1.0000000000000p-1"]]),
        ("asked", [[], None, {}, {"position": "x"}, {"position": [2**31]}, {"position": [[1]]}]),
        ("asked.position", [*POSITIONS, [0, 0], []]),
        ("asked.u", [None, [], [0, 0], [-1], [2**31], [True], 0]),
        ("asked.c", [None, [], [0, 0], [-1], [4], [True], 0]),
        ("asked.held", [None, [], [True, True], [0], [None], True]),
        ("asked.p", [None, [], [[]], [[1, 1]], [[1, 1, 1, 1]], [[1, 1, 1]] * 2, [1, 1, 1]]),
        ("asked.p", [[[0, 0, 0]], [[-1, 1, 1]], [[1, 1, 2**31]], [[1, 1, True]], [[1, 1, 1.0]]]),
        ("told.p", ["x", [1.0], [None], [2**31], [[[1]]]]),
        ("told.better", [None, 1, "true", [True]]),
        ("told.best", [*POSITIONS, [0, 0], []]),
        ("revisits", [-1, 0, 1, True, 10**9]),
        ("trainings", [[], None, {}, [1]]),
        ("trainings.0.r", [-1, True, 2**31]),
        ("trainings.0.score", SCORES),
        ("trainings.0.best_epoch", [-1, 3, True]),
        (
            "trainings.0.compiled",
            [None, 0, "", "0" * 31, "0" * 33, "G" * 32, "A" * 32, "\x1b" * 32],
        ),
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
        ("position", [[0], [0, 1, 0], [0, 1, 0, 0, 0], [0, 1, 0, True]]),
        ("values.batch_size", ["50", 50.0, True, None, "0x1.9000000000000p+5", 51]),
        ("values.optimizer", [0, "Adam", "lion", "", None, ["adam"], "\x1b[2J"]),
        ("values.dropout", [0, 0.2, "0.2", "adam"]),
        ("values.width", [32]),
        ("asked.u", [[0], [0] * 5]),
        ("asked.c", [[0, 0, 4, 0], [0, 0, -1, 0], [0, 4, 0, 0]]),
        ("asked.p", [[[1] * 3] * 3, [[1] * 3] * 5, [[1] * 3, [1] * 3, [1] * 3, [1] * 3]]),
        ("asked.p", [[[1] * 3, [1] * 4, [1] * 2, [1] * 3], [[1] * 3, [1] * 3, [1] * 2, [0] * 3]]),
        ("told.best", [[0], [0, 1, 0]]),
    ],
)
def test_every_axis_of_a_decision_is_looked_at(four, way, values):
    for value in values:
        with pytest.raises(Mismatch, match="^line 2 must have ") as caught:
            schema.check(put(four, 2, way, value))
        assert len(str(caught.value)) < 1000 and str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("way", "values"),
    [
        ("decisions", WHOLE_NUMBERS),
        ("chains", [[], [1, 2]]),
        ("recommended.values", [None, {}, {"learning_rate": 1}]),
        ("recommended.position", [*POSITIONS, [0, 0], []]),
        ("chains.0.position", [*POSITIONS, [0, 0], []]),
        ("best_score", [None, {}, []]),
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
        ({"tuner": tuning.make(None, "poster", LOGARITHMIC, i_max=10**6)}, "tuner.decisions must"),
    ):
        with pytest.raises(ValueError, match=words):
            Study(**{"task": task, **bad})
    for options in ({"x": "\x1b"}, {"x": object()}, {"x": float("nan")}):
        with pytest.raises(ValueError, match="task.x must be|as JSON"):
            Study(replace(task, options=options))


def test_numbers_that_are_no_numbers_and_deep_lines_are_a_sentence(record):
    first = json.dumps(record[0], separators=(",", ":"))
    deep = "[" * 100_000 + "]" * 100_000
    for new in ("NaN", "Infinity", "1e999", "9" * 5000, deep, '0,"seed":1', "-0"):
        raw = first.replace('"seed":0', f'"seed":{new}', 1).encode() + b"\n"
        with pytest.raises(JournalError, match="^line 1 must") as caught:
            schema.check(list(decode_all([raw])))
        assert len(str(caught.value)) < 1000
