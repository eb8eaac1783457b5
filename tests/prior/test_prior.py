"""Priors: made of records, kept as files, laid over another space, and never trusted as text."""

import json
from dataclasses import replace

import pytest

from jaxmeta import Prior, cli, replay
from jaxmeta.prior import Task, Trained, lattice, shares
from jaxmeta.prior import tuner as prior_tuner
from jaxmeta.record import rules, schema
from jaxmeta.record.error import JournalError
from jaxmeta.record.journal import read
from jaxmeta.space import Choice, Linear, Log, Space, Values
from jaxmeta.space.ranges import Range
from jaxmeta.tuning import Random, RankGP, ThreeWay, from_record, to_record
from tests.report.lines import LOG, study_of, write

SPACE = Space(rate=Log(1e-4, 1.0), size=Values(16, 32, 64), how=Choice("adam", "sgd"))


def trained(share, **values):
    return Trained(values, share)


def prior(*trainings):
    return Prior((Task("a task", "0" * 64, trainings),))


def laid(one, *over):
    """What a tuner can use of a prior that tells something."""
    found = one.on(*over)
    assert found is not None
    return found


ROWS = (
    trained(4000, rate=0.01, size=32, how="sgd"),
    trained(2000, rate=0.1, size=64, how="adam"),
    trained(10, rate=1e-4, size=16, how="adam"),
)


def test_a_record_becomes_a_task_with_values_and_shares(tmp_path):
    study = study_of(ThreeWay(LOG, i_max=60), test=False)
    write(tmp_path / "a", study, lambda asked: [4000 - 10 * asked.i, 0, 0, 0])
    (task,) = Prior.from_records([tmp_path / "a"]).tasks
    lines = [line for line in read(tmp_path / "a") if line["line"] == "decision"]
    new = [line for line in lines if line["trainings"]][:40]
    assert len(task.trainings) == len(new) == 40
    for row, line in zip(task.trainings, new, strict=True):
        assert row.values == LOG.values(line["position"])
    assert [row.share for row in task.trainings] == shares([line["score"] for line in new])


def test_a_study_that_has_only_begun_tells_nothing_and_hides_no_other(tmp_path):
    for name, n in (("a", 1), ("b", 5)):
        write(tmp_path / name, study_of(Random(LOG, n), test=False), lambda asked: [asked.i] * 4)
    pattern = str(tmp_path / "?")
    assert len(prior_tuner.of_words([pattern]).tasks) == 1
    with pytest.raises(ValueError, match="two trainings or more, got 0"):
        prior_tuner.of_words([str(tmp_path / "a")])
    with pytest.raises(ValueError, match="meets no study"):
        prior_tuner.of_words([str(tmp_path / "c*")])


def test_shares_are_ranks_with_ties_at_half():
    assert shares([5, 1, 5, 9]) == [2048, 512, 2048, 3584]


def test_a_file_gives_the_same_prior_back_and_its_digest_is_of_its_text(tmp_path):
    one = prior(*ROWS)
    one.save(tmp_path / "p.json")
    again = Prior.load(tmp_path / "p.json")
    assert again == one and again.digest == one.digest
    other = prior(*ROWS[:2])
    assert other.digest != one.digest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": 2, "tasks": []}',
        '{"format": 1, "tasks": []}',
        "[" * 100_000,
        prior(*ROWS).text.replace("4000", "4097"),
        prior(*ROWS).text.replace("4000", "true"),
        prior(*ROWS).text.replace("a task", "a\\u001b[2J"),
        prior(*ROWS).text.replace('"adam"', '{"a": {"b": 1}}'),
        prior(*ROWS).text.replace("0.01", "NaN"),
        prior(*ROWS).text.replace("0.01", "1e400"),
        prior(*ROWS).text.replace("4000", "9" * 4000),
        prior(*ROWS).text.replace("4000", "9" * 5000),
        prior(*ROWS).text.replace('"share": 4000', '"share": 3999, "share": 4000'),
        prior(*ROWS, *ROWS * 20).text,
    ],
)
def test_a_strangers_file_of_another_form_is_met_at_the_door(text):
    with pytest.raises(ValueError, match="a prior"):
        Prior.from_text(text)


def test_a_file_that_is_no_prior_is_named_with_what_was_expected_and_what_came(tmp_path):
    file = tmp_path / "p.json"
    file.write_text(prior(*ROWS).text.replace("4000", "4097"))
    words = "p.json: a prior must have tasks.0.trainings.0.share = .* to 4096, and has 4097; make"
    with pytest.raises(ValueError, match=words):
        Prior.load(file)
    file.write_bytes(b" " * (2**24 + 1))
    with pytest.raises(JournalError, match="more than 16777216 bytes"):
        Prior.load(file)


def test_a_link_or_a_missing_file_is_no_prior(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "p.json")
    for name in ("link", "none"):
        with pytest.raises(JournalError):
            Prior.load(tmp_path / name)


def test_values_find_their_positions_on_another_lattice_and_what_does_not_fit_is_left_out():
    space = SPACE.resolve(Range.steps)
    far = trained(5, rate=7.0, size=32, how="sgd")
    lion = trained(5, rate=0.1, size=32, how="lion")
    unknown = trained(99, rate=0.1, how="sgd", momentum=0.9)
    found = laid(prior(*ROWS, far, lion, unknown), space)
    assert [row.share for row in found.tasks[0]] == [4000, 2000, 10, 99]
    for row, given in zip(found.tasks[0], ROWS, strict=False):
        values = space.values(row.position)
        assert values["size"] == given.values["size"] and values["how"] == given.values["how"]
        assert values["rate"] == pytest.approx(given.values["rate"], rel=0.06)
    assert found.tasks[0][3].position[1] is None
    assert "2 of 6 of a task" in found.left_out[0] and "rate out of range" in found.left_out[0]


def test_a_training_with_another_word_than_this_study_has_is_left_out_and_numbers_are_not():
    space = Space(rate=Log(1e-4, 1.0)).resolve(Range.steps)
    found = laid(prior(*ROWS), space, {"how": "adam", "size": 128})
    assert [row.share for row in found.tasks[0]] == [2000, 10]
    assert prior(*ROWS).on(space, {"how": "lion"}) is None
    assert prior(*ROWS).on(Space(other=Values(1, 2))) is None


def test_a_word_that_is_tuned_is_no_reason_to_leave_a_training_out():
    """A task has a default for every hyperparameter, for those that are tuned too."""
    found = laid(prior(*ROWS), SPACE.resolve(Range.steps), {"how": "lion", "size": 16})
    assert len(found.tasks[0]) == 3 and found.left_out == ()


@pytest.mark.parametrize(
    ("axis", "value", "expected"),
    [
        (Values(16, 32, 64), 32.0, 32),
        (Values(16, 32, 64), 45, 32),  # nearest on a logarithmic scale
        (Values(16, 32, 64), 46, 64),
        (Values(16, 32, 64), 80, 64),
        (Values(16, 32, 64), 100, None),
        (Values(0, 1, 2), 0, 0),
        (Linear(0, 1, 0.1), 0.34, pytest.approx(0.3)),
        (Linear(0, 1, 0.1), -0.2, None),
        (Log(1e-4, 1.0, 0.1), 0.0, None),
        (Log(1e-4, 1.0, 0.1), -1, None),
        (Linear(0, 1, 0.1), "0.3", None),
        (Linear(0, 1, 0.1), True, None),
        (Choice("a", "b"), "b", "b"),
        (Choice("a", "b"), 1, None),
        (Choice(1, 2), 2, 2),
    ],
)
def test_the_nearest_position_of_a_value(axis, value, expected):
    k = lattice.Places(axis).nearest(value)
    assert (None if k is None else axis.value(k)) == expected


def test_the_record_of_a_tuner_holds_its_prior_and_gives_it_back():
    tuner = RankGP(SPACE, 5, prior=prior(*ROWS).on(SPACE.resolve(Range.steps)))
    record = json.loads(json.dumps(to_record(tuner)))
    assert record["prior"]["digest"] == prior(*ROWS).digest
    assert from_record(record, tuner.space) == tuner
    record["prior"]["tasks"][0][0][0] = 10_000
    with pytest.raises(ValueError, match="position of the space"):
        from_record(record, tuner.space)
    with pytest.raises(ValueError, match="prior must have a digest"):
        from_record({**record, "prior": {"tasks": []}}, tuner.space)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("digest", "0" * 63),
        ("sources", []),
        ("left_out", ["a"] * 65),
        ("tasks", [[[0, 0, True, 5]]]),
        ("tasks", [[[0, 0, 0, 5]] * 41]),
        ("tasks", [[[0, 0, 0, 2**40]]]),
        ("tasks", [[["0", 0, 0, 5]]]),
        ("more", 1),
    ],
)
def test_a_first_line_with_another_prior_is_not_read(field, value):
    tuner = RankGP(SPACE, 5, prior=prior(*ROWS).on(SPACE.resolve(Range.steps)))
    record = to_record(tuner)
    schema.tuner(record, "tuner")
    record["prior"][field] = value
    with pytest.raises(rules.Unfit):
        schema.tuner(record, "tuner")


def test_the_default_for_several_axes_learns_from_the_package_unless_told_not_to():
    common = Space(
        learning_rate=Log(1e-5, 1.0), batch_size=Values(16, 32, 64), dropout=Linear(0, 0.5, 0.1)
    )
    constants = {"optimizer": "adam"}
    made = prior_tuner.make(None, None, common, True, constants, {"i_max": 7})
    assert isinstance(made, RankGP) and made.i_max == 7
    assert made.prior is not None and made.prior.digest == prior_tuner.shipped().digest
    assert prior_tuner.make(None, None, common, False, constants, {}).prior is None
    one = Space(learning_rate=Log(1e-5, 1.0))
    assert isinstance(prior_tuner.make(None, None, one, True, {}, {}), ThreeWay)
    with pytest.raises(ValueError, match="three_way learns nothing"):
        prior_tuner.make("three_way", None, common, prior(*ROWS), {}, {})
    with pytest.raises(ValueError, match="none of the earlier studies"):
        prior_tuner.make("rank_gp", None, one, prior(*ROWS), {}, {})


def test_a_study_that_learned_is_replayed_from_its_own_record_alone(tmp_path, capsys):
    common = ["spirals", "--epochs", "1", "--set", "batch_size=300", "--keep-weights", "none"]
    axes = ["--tune", "learning_rate=1e-4:1:log", "--tune", "dropout=0:0.5:0.1", "--i-max", "4"]
    first, second, file = (str(tmp_path / name) for name in ("a", "b", "p.json"))
    assert cli.main(["tune", *common, *axes, "--no-prior", "--out", first]) == 0
    assert cli.main(["prior", "build", first, "-o", file]) == 0
    assert {row.values["batch_size"] for row in Prior.load(file).tasks[0].trainings} == {300}
    learned = ["tune", *common, *axes, "--learn-from", str(tmp_path / "?"), file, "--out", second]
    assert cli.main(learned) == 0
    capsys.readouterr()
    (tmp_path / "p.json").unlink()
    assert cli.main(["replay", second]) == 0
    assert cli.main(["show", second]) == 0
    assert "2 earlier studies: spirals" in capsys.readouterr().out
    lines = read(tmp_path / "b")
    assert lines[0]["tuner"]["name"] == "rank_gp" and len(lines[0]["tuner"]["prior"]["tasks"]) == 2
    assert read(tmp_path / "a")[0]["tuner"]["prior"] is None
    # The control: with another prior the decisions are others.
    changed = json.loads(json.dumps(lines))
    for task in changed[0]["tuner"]["prior"]["tasks"]:
        for row in task:
            row[-1] = 4096 - row[-1]
    with pytest.raises(replay.Mismatch):
        replay.replay(changed)


def test_more_than_64_tasks_are_too_many():
    (task,) = prior(*ROWS).tasks
    assert len(Prior.of([task] * 64).tasks) == 64
    with pytest.raises(ValueError, match="1 to 64 studies"):
        Prior.of([task] * 65)
    with pytest.raises(ValueError, match="1 to 64 tasks"):
        RankGP(
            SPACE,
            prior=replace(laid(prior(*ROWS), SPACE.resolve(Range.steps)), tasks=(), sources=()),
        )
