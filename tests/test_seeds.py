"""Several seeds as one study: each has the journal that it has by itself."""

import resource

import pytest

import jaxmeta
from jaxmeta import cli, seeds
from jaxmeta.record.error import JournalError
from jaxmeta.record.journal import NAME
from jaxmeta.running import Means, run
from tests.studies import study


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The journals of seeds 0, 1 and 2, each by itself."""
    home = tmp_path_factory.mktemp("alone")
    for seed in range(3):
        run(study(seed=seed), home / str(seed), keep_weights=False)
    return [(home / str(seed) / NAME).read_bytes() for seed in range(3)]


def journals(folder, n=3):
    return [(folder / f"seed-{seed}" / NAME).read_bytes() for seed in range(n)]


@pytest.mark.parametrize("workers", [0, 2])
def test_each_has_the_journal_that_it_has_by_itself(alone, tmp_path, workers):
    ends = seeds.run(study(), range(3), tmp_path, Means(workers, keep_weights=False))
    assert journals(tmp_path) == alone
    assert [ends[seed]["line"] for seed in range(3)] == ["end"] * 3


class Impatient:
    """Stops everything after so many decisions."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self, seed, study):
        return self

    def asked(self, decision, use): ...

    def epoch(self, trial, result): ...

    def ended(self, line): ...

    def told(self, line):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize("again", ["tune", "resume"])
def test_after_ctrl_c_all_go_on(alone, tmp_path, again):
    means = Means(keep_weights=False)
    with pytest.raises(KeyboardInterrupt):
        seeds.run(study(), range(3), tmp_path, means, Impatient(6))
    assert sum(journal.count(b'"line":"decision"') for journal in journals(tmp_path)) == 6
    if again == "tune":
        seeds.run(study(), range(3), tmp_path, means)
    else:
        seeds.resume(tmp_path, means=means)
    assert journals(tmp_path) == alone


def test_more_seeds_may_be_added_and_another_study_may_not(alone, tmp_path):
    means = Means(keep_weights=False)
    seeds.run(study(), [0], tmp_path, means)
    seeds.run(study(), [2, 1, 0], tmp_path, means)
    assert journals(tmp_path) == alone
    with pytest.raises(JournalError, match="its training is another"):
        seeds.run(study(epochs=1), range(3), tmp_path, means)
    with pytest.raises(JournalError, match="its task is another"):
        seeds.run(jaxmeta.Study(jaxmeta.tasks.make("sine")), range(3), tmp_path, means)
    with pytest.raises(JournalError, match="and holds one"):
        seeds.run(study(), range(3), tmp_path / "seed-0", means)
    assert journals(tmp_path) == alone


def test_more_studies_than_files_may_be_open(tmp_path, monkeypatch):
    limits = {"soft": 256}
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limits["soft"], 2000))
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: limits.update(soft=pair[0]))
    with pytest.raises(ValueError, match="1,001 studies at once need 2,001 open files"):
        seeds.run(study(), range(1001), tmp_path / "a")
    assert not (tmp_path / "a").exists()
    seeds.resume(tmp_path)
    assert limits["soft"] == 1000


def test_the_command_line(tmp_path, capsys):
    command = ["tune", "spirals", "--epochs", "1", "--i-max", "2", "--out", str(tmp_path / "a")]
    assert cli.main([*command, "--seeds", "3,5"]) == 0
    assert "2 of 2 studies finished" in capsys.readouterr().out
    assert cli.main(["show", str(tmp_path / "a")]) == 0
    table = capsys.readouterr().out
    assert "2 of 2 studies finished; test: " in table and "\n   3          2  learning" in table
    assert cli.main(["resume", str(tmp_path / "a")]) == 0
    assert cli.main([*command, "--seeds", "5:3"]) == 2
    assert "seeds must be 1 to 10,000" in capsys.readouterr().err


def test_in_python_there_is_an_outcome_for_each(tmp_path):
    found = jaxmeta.tune(
        "spirals", epochs=1, i_max=2, seeds=range(2), out=tmp_path, show=False, keep_weights=False
    )
    assert [one.story.seed for one in found] == [0, 1] and all(one.finished for one in found)


@pytest.mark.parametrize(
    ("text", "found"), [("0:3", [0, 1, 2]), ("7", [7]), ("3,5,8", [3, 5, 8]), ("4:5", [4])]
)
def test_seeds_as_they_are_written(text, found):
    assert seeds.parse(text) == found


@pytest.mark.parametrize(
    "text", ["", "3:", "3:3", "1,1", "a", "-1", "0:9999999999", "1,,2", "0:1:2"]
)
def test_seeds_that_are_none(text):
    with pytest.raises(ValueError, match="seeds"):
        seeds.parse(text)
