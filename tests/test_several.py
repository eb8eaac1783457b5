"""Several seeds and several tasks on one engine: each study has the journal of itself alone."""

import json
import resource

import pytest

import jaxmeta
from jaxmeta import cli, several
from jaxmeta.record.error import JournalError
from jaxmeta.record.journal import NAME
from jaxmeta.record.several import folders
from jaxmeta.running import Means, run
from jaxmeta.training import Lanes
from tests.studies import study


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The journals of seeds 0, 1 and 2, each by itself."""
    home = tmp_path_factory.mktemp("alone")
    for seed in range(3):
        run(study(seed=seed), home / str(seed), keep_weights=False)
    return [(home / str(seed) / NAME).read_bytes() for seed in range(3)]


def from_seeds(seeds, **more):
    return several.named([study(**more)], seeds)


def journals(folder, n=3):
    return [(folder / f"seed-{seed}" / NAME).read_bytes() for seed in range(n)]


@pytest.mark.parametrize("workers", [0, 2])
def test_each_has_the_journal_that_it_has_by_itself(alone, tmp_path, workers):
    ends = several.run(from_seeds(range(3)), tmp_path, Means(workers, keep_weights=False))
    assert journals(tmp_path) == alone
    assert [end["line"] for end in ends.values()] == ["end"] * 3


class Impatient:
    """Stops everything after so many decisions."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self, name, study):
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
        several.run(from_seeds(range(3)), tmp_path, means, Impatient(6))
    assert sum(journal.count(b'"line":"decision"') for journal in journals(tmp_path)) == 6
    if again == "tune":
        several.run(from_seeds(range(3)), tmp_path, means)
    else:
        several.resume(tmp_path, means=means)
    assert journals(tmp_path) == alone


@pytest.fixture(scope="module")
def tasks_alone(tmp_path_factory):
    """The journals of two tasks from two seeds, by their names, each by itself."""
    home, made = tmp_path_factory.mktemp("tasks"), of_tasks()
    for name, one in made.items():
        run(one, home / name, keep_weights=False)
    return {name: (home / name / NAME).read_bytes() for name in made}


def of_tasks(seeds=range(2)):
    """One is scored by counts, the other by numbers, and their programs are of different widths."""
    two = [study(lanes=Lanes(3, "map")), study("sine", preset=None, lanes=Lanes(2, "map"))]
    return several.named(two, seeds)


def by_name(home):
    return {name: (folder / NAME).read_bytes() for name, folder in folders(home).items()}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_tasks_have_the_journals_that_they_have_by_themselves(tasks_alone, tmp_path, workers):
    """Begun in this process, and gone on with in it or in workers."""
    with pytest.raises(KeyboardInterrupt):
        several.run(of_tasks(), tmp_path, Means(keep_weights=False), Impatient(6))
    assert len(by_name(tmp_path)) == 4
    ends = several.resume(tmp_path, means=Means(workers, keep_weights=False))
    assert by_name(tmp_path) == tasks_alone and ends.keys() == tasks_alone.keys()


def test_tasks_that_are_not_one_studys(tmp_path):
    with pytest.raises(ValueError, match="names of their own, got spirals, spirals"):
        several.named([study(), study(epochs=1)], [0])
    several.run(of_tasks([0]), tmp_path, Means(keep_weights=False))
    with pytest.raises(ValueError, match="holds studies of several tasks, and one is given"):
        several.resume(tmp_path, "spirals")


def test_more_seeds_may_be_added_and_another_study_may_not(alone, tmp_path):
    means = Means(keep_weights=False)
    several.run(from_seeds([0]), tmp_path, means)
    several.run(from_seeds([2, 1, 0]), tmp_path, means)
    assert journals(tmp_path) == alone
    with pytest.raises(JournalError, match="its training is another"):
        several.run(from_seeds(range(3), epochs=1), tmp_path, means)
    other = jaxmeta.Study(jaxmeta.tasks.make("sine"))
    with pytest.raises(JournalError, match="its task is another"):
        several.run(several.named([other], range(3)), tmp_path, means)
    with pytest.raises(JournalError, match="and holds one"):
        several.run(from_seeds(range(3)), tmp_path / "seed-0", means)
    assert journals(tmp_path) == alone


def test_more_studies_than_files_may_be_open(tmp_path, monkeypatch):
    limits = {"soft": 256}
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limits["soft"], 2000))
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: limits.update(soft=pair[0]))
    with pytest.raises(ValueError, match="1,001 studies at once need 2,001 open files"):
        several.run(from_seeds(range(1001)), tmp_path / "a")
    assert not (tmp_path / "a").exists()
    several.resume(tmp_path)
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


def test_tasks_on_the_command_line(tmp_path, capsys):
    """Once more with a seed more; and what does not fit each of them."""
    command = ["tune", "spirals,sine", "--epochs", "1", "--i-max", "2", "--out", str(tmp_path)]
    assert cli.main(command) == 0
    assert cli.main([*command, "--seeds", "0,4"]) == 0
    said = capsys.readouterr().out
    assert "sine, seed 4: i = 1" in said and said.count("2 of 2 studies finished; test: ") == 2
    assert set(by_name(tmp_path)) == {
        f"task-{t}/seed-{s}" for t in ("sine", "spirals") for s in (0, 4)
    }
    assert cli.main(["show", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out).keys() == by_name(tmp_path).keys()
    assert cli.main(["show", str(tmp_path / "task-sine")]) == 0
    assert capsys.readouterr().out.count("studies finished") == 1
    for more, words in {
        ("--data", "x"): "every option must fit each, and for spirals one does not: task spirals",
        ("--tensorboard", "x"): "--tensorboard writes the log of one study",
        ("--set", "label_smoothing=0.1"): "and for sine one does not: label_smoothing is",
    }.items():
        assert cli.main([*command, *more]) == 2
        assert words in capsys.readouterr().err
    assert cli.main(["plan", str(tmp_path), "--workers", "1"]) == 2
    assert "of one task" in capsys.readouterr().err
    plan = [
        "plan",
        "spirals,sine",
        "--seconds-per-training",
        "1",
        "--workers",
        "1,8",
        "--i-max",
        "2",
    ]
    assert cli.main([*plan, "--json"]) == 0
    assert [row["trainings"] for row in json.loads(capsys.readouterr().out)][0] == 6


def test_in_python_there_is_an_outcome_for_each(tmp_path):
    found = jaxmeta.tune(
        "spirals", epochs=1, i_max=2, seeds=range(2), out=tmp_path, show=False, keep_weights=False
    )
    assert [one.story.seed for one in found] == [0, 1] and all(one.finished for one in found)


@pytest.mark.parametrize(
    ("text", "found"), [("0:3", [0, 1, 2]), ("7", [7]), ("3,5,8", [3, 5, 8]), ("4:5", [4])]
)
def test_seeds_as_they_are_written(text, found):
    assert several.parse(text) == found


@pytest.mark.parametrize(
    "text", ["", "3:", "3:3", "1,1", "a", "-1", "0:9999999999", "1,,2", "0:1:2"]
)
def test_seeds_that_are_none(text):
    with pytest.raises(ValueError, match="seeds"):
        several.parse(text)


def test_in_python_tasks_are_a_list(tmp_path):
    common = {"epochs": 1, "i_max": 2, "show": False, "keep_weights": False}
    found = jaxmeta.tune(["spirals", jaxmeta.tasks.make("sine")], out=tmp_path, **common)
    assert [one.folder.parent.name for one in found] == ["task-spirals", "task-sine"]
