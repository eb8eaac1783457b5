"""Verify: identical, consistent or different, and where; resume: as if never interrupted."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from jaxmeta import tasks, verify
from jaxmeta.record.journal import FIRST_PREV, NAME, JournalError, encode, link, read
from jaxmeta.running import resume, run
from tests.answers import said
from tests.records import true
from tests.studies import study


@pytest.fixture(scope="module")
def original():
    return true("one")


@pytest.fixture
def copy(original, tmp_path):
    return shutil.copytree(original, tmp_path / "copy")


def rewrite(folder, change):
    """Change the lines, then make the chain fit again, as a forger would."""
    lines = [json.loads(raw) for raw in (folder / NAME).read_bytes().splitlines()]
    change(lines)
    prev, content = FIRST_PREV, b""
    for line in lines:
        raw = encode({"prev": prev, **line, **{"prev": prev}})
        prev = link(raw)
        content += raw
    (folder / NAME).write_bytes(content)


def test_a_true_record_is_identical(original):
    verdict = verify.verify(original)
    assert verdict.answer == verify.IDENTICAL and verdict.checked == list(range(verdict.of))


def test_a_sample_is_consistent_and_drawn_by_the_verifier(original):
    verdict = verify.verify(original, "2")
    assert verdict.answer == verify.CONSISTENT and len(verdict.checked) == 2
    assert "not chosen" in verdict.unchecked[0] and "the test" in verdict.unchecked[1]
    again = verify.verify(original, "2", sample_seed=verdict.sample_seed)
    assert again.checked == verdict.checked and again.sample_seed == verdict.sample_seed
    assert verify.verify(original, "0,3").checked == [0, 3]


@pytest.mark.parametrize(
    ("field", "epoch", "value"),
    [("digests", 2, "0" * 32), ("losses", 1, "0x1.8000000000000p-1"), ("digests", 1, "f" * 32)],
)
def test_a_forged_training_is_found_at_its_epoch(copy, field, epoch, value):
    """The chain fits, and so do all decisions: only training again tells."""
    rewrite(copy, lambda lines: lines[2]["trainings"][0][field].__setitem__(epoch - 1, value))
    verdict = verify.verify(copy)
    assert verdict.answer == verify.DIFFERENT
    assert verdict.difference is not None
    found = verdict.difference
    assert (found["line"], found["field"], found["epoch"]) == (3, field, epoch)
    assert found["recorded"] == value != found["here"]


def test_forged_scores_with_all_that_follows_from_them_are_found(copy):
    """One more correct prediction in the last epoch, and every decision made to fit."""

    def forge(lines):
        training = lines[1]["trainings"][0]
        curve = training["curve"]
        curve[-1] = max(curve) + 1
        training.update(score=curve[-1], best_epoch=len(curve))
        lines[1].update(score=curve[-1])
        del lines[2:]

    rewrite(copy, forge)
    verdict = verify.verify(copy)
    assert verdict.answer == verify.DIFFERENT and verdict.difference is not None
    assert verdict.difference["field"] == "curve"


def test_a_forged_test_score_is_found(copy):
    rewrite(copy, lambda lines: lines[-1]["test"].update(score=600))
    verdict = verify.verify(copy)
    assert verdict.answer == verify.DIFFERENT and verdict.difference is not None
    assert verdict.difference["field"] == "test"


def test_another_environment_makes_it_consistent_and_says_how(copy):
    rewrite(copy, lambda lines: lines[0]["environment"].update(jaxlib="0.0.1"))
    verdict = verify.verify(copy)
    assert verdict.answer == verify.CONSISTENT and verdict.checked == []
    assert len(verdict.environment) == 1 and "0.0.1" in verdict.environment[0]


def changed(lines, **fields):
    return {"line": "environment", "environment": {**lines[0]["environment"], **fields}}


def test_a_forged_test_behind_another_environment_is_not_identical(copy):
    """Nobody can run it here, so nobody says that it is true."""

    def forge(lines):
        lines[-1]["test"]["score"] = lines[-1]["test"]["trainings"][0]["score"] = 600
        lines.insert(-1, changed(lines, cpu="other"))

    rewrite(copy, forge)
    verdict = verify.verify(copy)
    assert verdict.answer == verify.CONSISTENT and verdict.environment
    assert verdict.unchecked == ["the test: made in another environment"]


def test_trainings_of_another_environment_are_not_compared_though_the_last_is_this(copy):
    def forge(lines):
        lines[1]["trainings"][0]["digests"][0] = "0" * 32
        lines[2:2] = [changed(lines)]
        lines[0]["environment"] = {**lines[0]["environment"], "x": None}

    rewrite(copy, forge)
    verdict = verify.verify(copy)
    assert verdict.answer == verify.CONSISTENT and verdict.checked == [1, 2, 3, 4, 5]
    assert verdict.environment == ["x: recorded null, here nothing"]
    assert verdict.unchecked[0] == "the trainings of decisions 0: made in another environment"


def test_the_order_of_the_environments_fields_is_part_of_it(copy):
    def turn(lines):
        lines[0]["environment"] = dict(reversed(lines[0]["environment"].items()))

    rewrite(copy, turn)
    verdict = verify.verify(copy)
    assert verdict.answer == verify.CONSISTENT
    assert verdict.environment == ["the order of the fields"]


@pytest.mark.parametrize("left", [1, 3, 5])
def test_a_study_without_its_end_is_unfinished(copy, left):
    rewrite(copy, lambda lines: lines.__delitem__(slice(left, None)))
    verdict = verify.verify(copy)
    assert verdict.answer == verify.UNFINISHED and verdict.of == left - 1
    assert "no end, and no test" in verdict.unchecked[-1] in verdict.sentence


def test_a_torn_line_is_spoken_of_and_bytes_after_the_end_are_refused(copy):
    whole = (copy / NAME).read_bytes()
    (copy / NAME).write_bytes(whole[:-1])
    verdict = verify.verify(copy)
    assert verdict.answer == verify.UNFINISHED and "bytes only" in verdict.unchecked[0]
    for more in (b"x", b"\n", b"{}\n", whole):
        (copy / NAME).write_bytes(whole + more)
        assert verify.verify(copy).answer == verify.DIFFERENT
        with pytest.raises(JournalError, match="is the end"):
            read(copy)
        with pytest.raises(JournalError, match="is the end"):
            resume(copy)
        assert (copy / NAME).read_bytes() == whole + more


def test_a_sample_is_of_decisions_that_were_trained():
    decisions = [{"trainings": [1]}, {"trainings": []}, {"trainings": [1]}]
    assert verify.sample("2", decisions, 0) == {0, 2} == verify.sample("9", decisions, 1)
    assert {tuple(verify.sample("1", decisions, seed)) for seed in range(20)} == {(0,), (2,)}


def test_a_hostile_task_is_refused_where_it_would_be_trained(copy):
    hostile = {"name": "subprocess:run", "args": "touch pwned", "shell": True}
    rewrite(copy, lambda lines: (lines[0].update(task=hostile), lines.pop()))
    before = (copy / NAME).read_bytes()
    for act in (verify.verify, resume):
        with pytest.raises(JournalError, match="subprocess:run.*--task module:function"):
            act(copy)
    assert (copy / NAME).read_bytes() == before


def test_a_first_line_that_is_none_of_a_study_is_no_record(copy):
    rewrite(copy, lambda lines: lines[0].update(chains=10**9))
    with pytest.raises(JournalError, match="line 1 must have chains"):
        verify.verify(copy)


def test_a_later_line_that_no_study_has_is_different(copy):
    rewrite(copy, lambda lines: lines[1].update(score=1466))
    verdict = verify.verify(copy)
    assert verdict.answer == verify.DIFFERENT and "line 2 must have score" in verdict.sentence


def test_a_variants_own_program_is_part_of_the_record(tmp_path):
    """A study of many variants: where one was compiled otherwise, its trials are not compared."""
    shutil.copytree(true("four"), tmp_path / "a")
    whole = read(tmp_path / "a")
    assert len({line["trainings"][0]["compiled"] for line in whole[1:-1]}) > 1
    assert verify.verify(tmp_path / "a").answer == verify.IDENTICAL
    of = whole[1]["trainings"][0]["compiled"]
    (n,) = [n for n in range(2, 7) if whole[n]["trainings"][0]["compiled"] != of][:1]
    forged = lambda lines: lines[n]["trainings"][0].update(compiled="0" * 32)  # noqa: E731
    rewrite(tmp_path / "a", forged)
    verdict = verify.verify(tmp_path / "a")
    assert verdict.answer == verify.CONSISTENT and n - 1 not in verdict.checked
    assert any("compiled program at" in words for words in verdict.environment)


def test_other_data_under_the_same_name_are_found(copy):
    rewrite(copy, lambda lines: lines[0]["data"].update(digest="0" * 64))
    verdict = verify.verify(copy)
    assert verdict.answer == verify.DIFFERENT and "line 1 must have data" in verdict.sentence


@pytest.mark.parametrize("choice", ["some", "-1", "0,99", "1.5"])
def test_a_choice_that_is_none_is_refused(original, choice):
    with pytest.raises(ValueError, match="trainings must be all, a number, or indices"):
        verify.verify(original, choice)


@pytest.mark.parametrize("lines_left", [1, 2, 4, 5])
def test_resumed_after_any_line_it_is_byte_identical(original, copy, lines_left):
    raws = (original / NAME).read_bytes().splitlines(keepends=True)
    (copy / NAME).write_bytes(b"".join(raws[:lines_left]) + raws[-1][:10])
    resume(copy)
    assert (copy / NAME).read_bytes() == (original / NAME).read_bytes()


def test_a_study_that_ended_is_left_as_it_is(copy):
    before = (copy / NAME).read_bytes()
    assert resume(copy) == read(copy)[-1]
    assert (copy / NAME).read_bytes() == before


def test_another_environment_is_refused_with_its_differences_or_accepted_on_record(original, copy):
    def older(lines):
        lines[0]["environment"].update(jaxlib="0.0.1", threads="3")
        del lines[2:]

    rewrite(copy, older)
    with pytest.raises(JournalError, match='jaxlib: recorded "0.0.1".*threads: recorded "3"'):
        resume(copy)
    assert len(read(copy)) == 2
    resume(copy, accept_environment=True)
    lines, want = read(copy), read(original)
    assert [line["line"] for line in lines[:4]] == ["study", "decision", "environment", "decision"]
    assert lines[2]["environment"] == want[0]["environment"]
    verdict = verify.verify(copy)
    assert verdict.answer == verify.CONSISTENT and verdict.checked == [1, 2, 3, 4, 5]


def test_a_record_edited_before_resuming_is_refused(copy):
    def forge(lines):
        lines[2]["told"]["noprog"] = 7
        del lines[4:]

    rewrite(copy, forge)
    with pytest.raises(JournalError, match="line 3 must have told"):
        resume(copy)


def test_a_task_made_in_python_must_be_handed_over(tmp_path, original):
    task = tasks.make("spirals")
    mine = replace(task, name="mine", options={})
    run(study(mine, options={"i_max": 2}), tmp_path / "a")
    whole = (tmp_path / "a" / NAME).read_bytes()
    (tmp_path / "a" / NAME).write_bytes(b"".join(whole.splitlines(keepends=True)[:2]))
    with pytest.raises(JournalError, match="jaxmeta.resume"):
        resume(tmp_path / "a")
    resume(tmp_path / "a", mine)
    assert (tmp_path / "a" / NAME).read_bytes() == whole
    assert verify.verify(tmp_path / "a", task=mine).answer == verify.IDENTICAL


MODULE = """
from dataclasses import replace

from jaxmeta import tasks


def steep(train_size: int | None = None):
    return replace(tasks.make("spirals", train_size=train_size), name="steep")
"""


def test_a_users_own_function_is_named_by_the_user_each_time(tmp_path, monkeypatch):
    """Made, gone on with and verified in three processes and a worker, from a module in the current
    folder; without --task nothing is called."""
    (tmp_path / "my_own.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)

    def jaxmeta(*arguments):
        program = Path(sys.executable).with_name("jaxmeta")
        done = subprocess.run(
            [program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        return done.returncode

    tune = ["--i-max", "3", "--epochs", "1", "--preset", "poster", "--out", "a"]
    assert jaxmeta("tune", "my_own:steep", *tune) == 0
    whole = (tmp_path / "a" / NAME).read_bytes()
    (tmp_path / "a" / NAME).write_bytes(b"".join(whole.splitlines(keepends=True)[:3]))
    answer = said("resume", "a")
    assert answer.status == 2 and "steep" in answer.err and "--task" in answer.err
    own = ["a", "--task", "my_own:steep"]
    assert jaxmeta("resume", *own, "--workers", "1") == 0
    assert (tmp_path / "a" / NAME).read_bytes() == whole
    assert said("verify", *own).status == 0
    answer = said("verify", "a", "--task", "my_own:gone")
    assert answer.status == 2 and "can be imported" in answer.err
