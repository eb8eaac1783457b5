"""Verify: identical, consistent or different, and where; resume: as if never interrupted."""

import json
import shutil

import pytest

from jaxmeta import tasks, tuning, verify
from jaxmeta.record.journal import FIRST_PREV, NAME, JournalError, encode, link, read
from jaxmeta.study import Study, resume, run
from jaxmeta.training.program import Training


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "a"
    tuner = tuning.make(preset="logarithmic", i_max=4)
    run(Study(tasks.make("spirals"), tuner, Training(epochs=3)), folder)
    return folder


@pytest.fixture
def copy(original, tmp_path):
    return shutil.copytree(original, tmp_path / "copy")


def rewrite(folder, change):
    """Change the lines, then make the chain fit again, as a forger would."""
    lines = [json.loads(raw) for raw in (folder / NAME).read_bytes().splitlines()]
    change(lines)
    prev, content = FIRST_PREV, b""
    for line in lines:
        raw = encode({**line, "prev": prev})
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


def test_other_data_under_the_same_name_are_found(copy):
    rewrite(copy, lambda lines: lines[0]["data"].update(digest="0" * 64))
    verdict = verify.verify(copy)
    assert verdict.answer == verify.DIFFERENT and "line 1 must have data" in verdict.sentence
    assert verdict.difference["line"] == 1


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
    assert verdict.answer == verify.CONSISTENT and verdict.checked == [1, 2, 3]


def test_a_record_edited_before_resuming_is_refused(copy):
    def forge(lines):
        lines[2]["told"]["noprog"] = 7
        del lines[4:]

    rewrite(copy, forge)
    with pytest.raises(JournalError, match="line 3 must have told"):
        resume(copy)


def test_a_task_made_in_python_must_be_handed_over(tmp_path, original):
    task = tasks.make("spirals")
    mine = tasks.Task(**{**task.__dict__, "name": "mine", "options": {}})
    run(Study(mine, tuning.make(i_max=2), Training(1)), tmp_path / "a")
    whole = (tmp_path / "a" / NAME).read_bytes()
    (tmp_path / "a" / NAME).write_bytes(b"".join(whole.splitlines(keepends=True)[:2]))
    with pytest.raises(JournalError, match="jaxmeta.resume"):
        resume(tmp_path / "a")
    resume(tmp_path / "a", mine)
    assert (tmp_path / "a" / NAME).read_bytes() == whole
    assert verify.verify(tmp_path / "a", task=mine).answer == verify.IDENTICAL
