"""Replay: every decision again, from seed and scores; every edit of what is derived is found."""

import json

import pytest

from jaxmeta.record.journal import FIRST_PREV, JournalError, encode, link, read
from jaxmeta.replay import Mismatch, replay
from tests.records import true


@pytest.fixture(scope="module", params=["one", "many", "four"])
def record(request):
    """A small study's lines: one walk, paired chains of replicates, or four axes."""
    lines = read(true(request.param))
    assert (request.param == "many") == any(line.get("revisits") is not None for line in lines)
    return lines


def rechained(lines):
    """The lines with a chain that fits, as a forger would leave them."""
    prev, chained = FIRST_PREV, []
    for line in lines:
        line = {"prev": prev, **line, **{"prev": prev}}
        prev = link(encode(line))
        chained.append(line)
    return chained


def leaves(value, path=()):
    """Every number, text and truth in a line, with the way to it."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from leaves(item, (*path, place))
    else:
        yield path, value


def edited(line, path, value):
    line = json.loads(json.dumps(line))
    at = line
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return line


def other(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if value is None:
        return 1
    if isinstance(value, float):
        return value * 2
    if value.startswith(("0x", "-0x")):
        return (float.fromhex(value) * 1.5).hex()
    return value + "x"


def test_a_true_record_replays(record):
    assert replay(record).next() is None
    assert replay(record[:4]).decided == 3  # an interrupted one, too


MEASURED = {
    "curve",
    "digests",
    "losses",
    "compiled",
}  # replay takes these as they are: `verify` trains again


def test_every_edited_field_of_every_training_is_found(record):
    """The chain made to fit afterwards: what is derived gives the forger away."""
    edits = 0
    for number, line in enumerate(record):
        if line["line"] != "decision":
            continue
        for path, value in leaves(line):
            if MEASURED & set(path) or path[0] == "prev":
                continue
            lines = [*record[:number], edited(line, path, other(value)), *record[number + 1 :]]
            with pytest.raises(JournalError):
                replay(rechained(lines))
            edits += 1
    assert edits > 100


def test_an_edited_seed_tuner_or_design_is_found(record):
    first = record[0]
    design = ("seed", "tuner", "space", "chains", "replicates", "keys")
    for path, value in leaves({name: first[name] for name in design}):
        if path[-1] in ("noprog_max", "i_max", "high", "low", "p_min", "axes"):
            continue  # bounds that a study did not reach change no decision
        if "values" in path:
            continue  # nor does a value that it did not try
        lines = [edited(first, path, other(value)), *record[1:]]
        with pytest.raises((JournalError, ValueError)):
            replay(rechained(lines))


def test_an_edited_end_is_found(record):
    end = record[-1]
    for path, value in leaves(end):
        if path[0] in ("prev", "test"):
            continue
        with pytest.raises(JournalError):
            replay(rechained([*record[:-1], edited(end, path, other(value))]))


def test_the_test_is_of_the_weights_and_the_sum_that_the_record_names(record):
    end = record[-1]
    for path, value in (
        (("test", "of"), end["test"]["of"] - 1),
        (("test", "score"), end["test"]["score"] - 1),
        (("test", "score"), "diverged"),
        (("test", "trainings"), []),
        (("test", "trainings"), end["test"]["trainings"] * 2),
        (("test", "trainings", 0, "r"), 5),
        (("test", "trainings", 0, "weights"), "0" * 32),
    ):
        with pytest.raises(Mismatch, match=f"line {len(record)} must have test"):
            replay(rechained([*record[:-1], edited(end, path, value)]))


def test_an_environment_line_says_something_new(record):
    line = {"line": "environment", "environment": record[0]["environment"]}
    with pytest.raises(Mismatch, match="line 3 must have environment"):
        replay(rechained([*record[:2], line, *record[2:]]))
    line["environment"] = {**line["environment"], "cpu": "other"}
    assert replay(rechained([*record[:2], line, *record[2:]])).next() is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("i_max",), True),
        (("i_max",), 6.0),
        (("p_eps",), "0.1"),
        (("axes",), 1),
        (("more",), 1),
        (("name",), "gird"),
    ],
)
def test_a_tuners_options_are_those_that_it_declares(record, path, value):
    first = edited(record[0], ("tuner", *path), value)
    with pytest.raises((JournalError, ValueError), match="record"):
        replay(rechained([first, *record[1:]]))


def test_no_option_of_a_tuner_may_be_missing(record):
    for name in list(record[0]["tuner"])[3:]:
        lacking = edited(record[0], ("tuner", name), 0)
        del lacking["tuner"][name]
        with pytest.raises((JournalError, ValueError), match=name):
            replay(rechained([lacking, *record[1:]]))


def test_many_chains_and_no_decision_are_replayed():
    """As many as a study may have."""
    first = edited(read(true("one"))[0], ("chains",), 1000)
    assert replay([first]).decided == 0


def test_a_mismatch_says_line_field_and_both_values(record):
    lines = [*record[:3], edited(record[3], ("told", "noprog"), 9), *record[4:]]
    with pytest.raises(Mismatch, match="line 4 must have told") as caught:
        replay(rechained(lines))
    assert (caught.value.number, caught.value.field) == (4, "told")
    assert caught.value.recorded["noprog"] == 9


@pytest.mark.parametrize(
    "edit", ["end early", "go on after the end", "no end of its own", "stranger"]
)
def test_lines_out_of_place_are_found(record, edit):
    lines = {
        "end early": [*record[:3], record[-1]],
        "go on after the end": [*record, record[-2]],
        "no end of its own": [*record[:-1], record[-2]],
        "stranger": [*record[:2], {"line": "note"}, *record[2:]],
    }[edit]
    with pytest.raises(JournalError):
        replay(rechained(lines))


def test_a_line_without_its_measurements_is_named(record):
    line = edited(record[2], ("trainings", 0), {"curve": [0, 0, 0], "digests": ["", "", ""]})
    with pytest.raises(Mismatch, match="line 3 must have trainings.0 = .the fields r, score"):
        replay(rechained([*record[:2], line, *record[3:]]))


def test_a_decision_without_one_of_its_trainings_is_found(record):
    line = edited(record[2], ("trainings",), record[2]["trainings"][:-1])
    with pytest.raises(Mismatch, match="line 3 must have trainings"):
        replay(rechained([*record[:2], line, *record[3:]]))


def test_a_training_cut_short_is_found(record):
    """As by another number of epochs in the first line."""
    first = edited(record[0], ("training", "epochs"), 99)
    with pytest.raises(Mismatch, match="line 2 must have curve = .more epochs"):
        replay(rechained([edited(first, ("training", "patience"), 99), *record[1:]]))


def test_a_tuner_of_another_version_is_refused(record):
    first = edited(record[0], ("tuner", "version"), 99)
    with pytest.raises(ValueError, match="version 99"):
        replay(rechained([first, *record[1:]]))


def test_the_chain_of_the_fixture_is_the_real_one(record):
    assert rechained(record) == record
