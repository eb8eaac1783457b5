"""Studies that somebody wrote to do harm, or that broke: every command answers, and does nothing.

The severe ones in processes of their own, under a limit of memory; the others in this one, watched
by `tests.guard` where nothing is trained.
"""

import json
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from jaxmeta import cli, engine, verify
from jaxmeta.record.cache import NAME as AHEAD
from jaxmeta.record.cache import Cache
from jaxmeta.record.checkpoint import FOLDER
from jaxmeta.record.journal import NAME, TIMES
from jaxmeta.training.progress import Result
from tests import guard
from tests.answers import Answer, bounded, said
from tests.records import Raw, chained, lines_of, rewrite

JAXMETA = Path(sys.executable).parent / "jaxmeta"
SMALL = ["tune", "spirals", "--i-max", "4", "--epochs", "2", "--preset", "logarithmic"]
ESCAPES = "\x1b]0;pwned\x07\x1b[2J\u202e\nrow"
PWNED = {"name": "subprocess:run", "args": "touch pwned", "shell": True}
# JAX keeps what it compiled there.
PLACES = [Path(os.environ["JAX_COMPILATION_CACHE_DIR"])]
LIMIT = 6 << 30  # bytes of address space


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "a"
    assert cli.main([*SMALL, "--out", str(folder)]) == 0
    # What commands import late is here before anybody watches.
    for command in (["show"], ["replay"], ["diff", str(folder)], ["verify"], ["resume"]):
        assert cli.main([*command, str(folder)]) == 0
    return folder


@pytest.fixture
def copy(original, tmp_path):
    return shutil.copytree(original, tmp_path / "copy")


def process(*arguments: Any, cwd: Path) -> Answer:
    """The command line in a process of its own, short of memory."""
    done = subprocess.run(
        ["sh", "-c", f'ulimit -v {LIMIT >> 10} && exec "$@"', "sh", JAXMETA, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


def files(folder: Path) -> dict[str, bytes | str]:
    """All that stands in a folder, links as links."""
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def first(**changes: Any):
    """A change of the first line: `a__b` is b in a."""

    def change(lines: list[Any]) -> None:
        for way, value in changes.items():
            *steps, last = way.split("__")
            place = lines[0]
            for step in steps:
                place = place[step]
            place[last] = value

    return change


def gone(*names: str):
    return lambda lines: [lines[0].pop(name) for name in names]


def decision(n: int, **changes: Any):
    return lambda lines: lines[n].update(changes)


def measured(**changes: Any):
    return lambda lines: lines[2]["trainings"][0].update(changes)


OPTUNA = {"name": "optuna", "version": 1, "one": 805306368}
DEEP = Raw("[" * 100_000 + "]" * 100_000)
NO_RECORD = {
    "runs code": first(task=PWNED),
    "leaves": first(task={"name": "builtins:exit"}),
    "calls what is imported": first(task={"name": "tests.guard:trap"}),
    "a task's name with escapes": first(task__name=ESCAPES),
    "a task's name of a megabyte": first(task__name="x" * 1_000_000),
    "a task's name of many lines": first(task__name="x\n" * 200_000),
    "an option with escapes": first(task={"name": "spirals", ESCAPES: ESCAPES}),
    "an option of another type": first(task__train_size="../../x"),
    "an option nobody declared": first(task__folder="../../x"),
    "the task is text": first(task="spirals"),
    "a data set that leaves its folder": first(task={"name": "mnist", "dataset": "../../x"}),
    "10^9 chains": first(chains=10**9),
    "10^5 chains": first(chains=10**5),
    "10^9 replicates": first(replicates=10**9),
    "10^9 epochs": first(training__epochs=10**9),
    "10^12 iterations": first(tuner__i_max=10**12),
    "10^7 lanes": first(lanes__width=10**7),
    "10^9 positions": first(tuner__lattice__eps=1e-9),
    "Optuna's 10^9 iterations": first(tuner={**OPTUNA, "i_max": 10**9}),
    "true for a number": first(chains=True),
    "false for a number": first(seed=False),
    "a float for a number": first(format=2.0),
    "a minus before zero": first(tuner__p_min=-0.0),
    "a negative number": first(data__validation=-600),
    "a tuner that is text": first(tuner="x"),
    "a tuner without a name": lambda lines: lines[0]["tuner"].pop("name"),
    "nested deep": first(seed=DEEP),
    "nested deep in a place of no meaning": first(more=DEEP),
    "a number of 5,000 digits": first(seed=Raw("9" * 5000)),
    "infinity": first(tuner__lattice__lr0=Raw("1e999")),
    "no number": first(tuner__lattice__eps=Raw("NaN")),
    "a name twice": first(seed=Raw('0,"seed":1')),
    "half a character": first(task__name="\ud800"),
    "another order": lambda lines: lines.__setitem__(0, dict(reversed(lines[0].items()))),
    "no environment": gone("environment"),
    "an environment that is a list": first(environment=[]),
    "an environment nested deep": first(environment={"cpu": DEEP}),
    "no tuner": gone("tuner"),
    "no data": gone("data"),
    "NaN as a score": decision(1, score=Raw("NaN")),
    "revisits forward": decision(1, revisits=3, trainings=[]),
    "revisits before the beginning": decision(2, revisits=-1),
    "a curve of nothing": measured(curve=[], losses=[], digests=[]),
    "fewer digests than epochs": measured(digests=[]),
    "more than all are right": measured(curve=[600, 1466], score=1466, best_epoch=2),
    "fewer than none are right": measured(curve=[-3, -2], score=-2, best_epoch=2),
    "a decision that is a list": lambda lines: lines.__setitem__(2, []),
    "a decision without a name": lambda lines: lines[2].pop("line"),
    "a decision named by a list": decision(2, line=[]),
}
# Decisions hold whatever was trained, so `replay` does not look at the task.
TASK = {"runs code", "leaves", "calls what is imported", "a data set that leaves its folder"}
TASK |= {name for name in NO_RECORD if name.startswith(("a task's", "an option"))}
ANSWERS = {"show": (0, 1, 2), "replay": (1, 2), "diff": (0, 1, 2), "resume": (1, 2)}


@pytest.mark.parametrize("name", NO_RECORD)
def test_what_is_no_record_is_answered_in_a_sentence(name, original, copy, monkeypatch):
    """And refused by all that judge it."""
    monkeypatch.chdir(copy)
    rewrite(copy, NO_RECORD[name])
    before = files(copy.parent)
    with bounded():
        for command, statuses in ANSWERS.items():
            others = [original] if command == "diff" else []
            with guard.watching(copy) as seen:
                held = (0,) if command == "replay" and name in TASK else ()
                said(command, copy, *others).check(*statuses, *held)
            assert not seen, seen
        with guard.watching(copy, *PLACES) as seen:
            said("verify", copy, "--trainings", "0").check(1, 2)
        assert not seen, seen
    assert files(copy.parent) == before


# What is true until somebody trains it again.


def environment_line(lines: list[Any], at: int, **changes: Any) -> None:
    moved = {**lines[0]["environment"], **changes}
    lines.insert(at, {"line": "environment", "environment": moved})


def forged_test_behind_another_environment(lines):
    lines[-1]["test"]["score"] = 600
    environment_line(lines, -1, cpu="other")


def forged_test(lines):
    lines[-1]["test"]["score"] = 600


def forged_weights(lines):
    lines[2]["trainings"][0]["digests"][-1] = "0" * 32


def nothing_decided(lines):
    del lines[1:]
    lines[0]["environment"] = {"cpu": "mine"}


def one_name_of_nothing(lines):
    lines[0]["environment"]["x"] = None
    forged_weights(lines)


def false_until_the_last(lines):
    true = lines[0]["environment"]
    lines[0]["environment"] = {**true, "cpu": "other"}
    forged_weights(lines)
    lines.insert(-2, {"line": "environment", "environment": true})


def the_end_cut_off(lines):
    lines.pop()


def all_cut_off(lines):
    del lines[1:]


FORGED = {
    forged_test: verify.DIFFERENT,
    forged_weights: verify.DIFFERENT,
    forged_test_behind_another_environment: verify.DIFFERENT,  # its weights do not say 600
    nothing_decided: verify.UNFINISHED,
    one_name_of_nothing: verify.CONSISTENT,
    false_until_the_last: verify.CONSISTENT,
    the_end_cut_off: verify.UNFINISHED,
    all_cut_off: verify.UNFINISHED,
}


@pytest.mark.parametrize("forge", FORGED)
def test_what_was_forged_or_left_out_is_never_called_identical(forge, copy):
    rewrite(copy, forge)
    answer = said("verify", copy, "--json").check(1, 3)
    word = json.loads(answer.out)["answer"]
    assert word == FORGED[forge]
    assert (answer.status == 1) == (word == verify.DIFFERENT)


@pytest.mark.parametrize("end", [b"", b"{", b"x" * 1000, b"\0" * 1000])
def test_what_follows_the_end_is_not_passed_over(end, copy):
    content = (copy / NAME).read_bytes()
    (copy / NAME).write_bytes(content + end if end else content[:-1])
    assert said("verify", copy).check(1, 2, 3)


def test_the_record_itself_is_identical(copy):
    """The control of all the above."""
    assert said("verify", copy).check(0).out.startswith("identical")


def test_a_sample_is_the_verifiers_own(original, monkeypatch):
    """Not a function of the journal's bytes, which a forger could try until one suits him."""

    def checked(journal, chosen, *_):
        return verify.Verdict(checked=sorted(chosen))

    monkeypatch.setattr(verify, "train_again", checked)
    monkeypatch.setattr(engine, "start", lambda *_: nullcontext())
    drawn = [verify.verify(original, "1") for _ in range(40)]
    assert len({tuple(one.checked) for one in drawn}) > 1  # of 4: all the same once in 4^39
    for one in drawn:
        again = verify.verify(original, "1", sample_seed=one.sample_seed)
        assert again.checked == one.checked


# What ends up elsewhere, or comes from elsewhere.


@pytest.fixture
def outside(tmp_path):
    """A file and a folder of the reader's, beside the study."""
    place = tmp_path / "outside"
    (place / "checkpoint").mkdir(parents=True)
    (place / "file").write_text("mine")
    (place / "checkpoint" / "0.0.0.0_1_0").write_text("mine")
    return place


@pytest.mark.parametrize("name", ["report.png", "report.svg"])
@pytest.mark.parametrize("kind", [os.symlink, os.link])
def test_a_picture_does_not_go_through_a_link(kind, name, copy, outside):
    kind(outside / "file", copy / name)
    said("report", copy).check(0, 2)
    assert (outside / "file").read_text() == "mine"


def unfinished(folder: Path) -> None:
    rewrite(folder, lambda lines: lines.__delitem__(slice(3, None)))


@pytest.mark.parametrize("name", [NAME, TIMES, AHEAD, FOLDER])
def test_resume_does_not_write_through_a_link(name, copy, outside):
    unfinished(copy)
    target = outside / ("checkpoint" if name == FOLDER else "file")
    if name == NAME:
        target.write_bytes((copy / NAME).read_bytes() + b"torn")
    if (copy / name).exists():
        (copy / name).unlink()
    (copy / name).symlink_to(target)
    before = files(outside)
    said("resume", copy).check(0, 2)
    assert files(outside) == before


ROWS = [
    json.dumps({"of": "", "name": "0.1.1.0", "result": {}, "mark": ""}).encode(),
    *(b"\0" * 1000, b"[" * 100_000, b'{"a":' * 100_000, b'{"elapsed":NaN}', b"1", b"[]", b'"x"'),
    b'{"lanes":2,"elapsed":0,"trainings":1e999,"hits":0,"misses":0,"needed_seconds":0}',
    b'{"lanes":"\\u001b[2J","elapsed":"x"}',
]


def test_what_stands_beside_the_journal_may_be_anything(copy, original):
    unfinished(copy)
    for name in (AHEAD, TIMES):
        (copy / name).write_bytes(b"\n".join(ROWS))
    with bounded():
        said("report", copy).check(0)
        said("resume", copy).check(0)
    assert (copy / NAME).read_bytes() == (original / NAME).read_bytes()


@pytest.mark.parametrize("who", ["a stranger", "I"])
def test_results_that_a_stranger_left_are_not_believed(who, copy, original, monkeypatch, tmp_path):
    """An invented score of the next training, with a mark that fits the stranger's own key. The
    control: the same mark made with the reader's key is believed."""
    unfinished(copy)
    lines = lines_of(original)
    taken = [entry["curve"] for entry in lines[3]["trainings"]]
    assert len(lines_of(copy)) == 3 and [[600, 600]] != taken
    name = f"0.{lines[3]['i']}.{lines[3]['k']}.0"
    invented = Result(600, 1, 2, [600, 600], [0.5, 0.5], ["0" * 32] * 2, False)
    if who == "a stranger":
        monkeypatch.setenv("JAXMETA_STATE", str(tmp_path / "stranger"))
    Cache(copy, lines_of(copy), Result).put(name, invented)
    monkeypatch.undo()
    assert (copy / AHEAD).exists()
    said("resume", copy).check(0 if who == "a stranger" else 2)  # λ_best's weights are others
    same = (copy / NAME).read_bytes() == (original / NAME).read_bytes()
    assert same == (who == "a stranger")


# In processes of their own.


@pytest.mark.parametrize("command", ["verify", "resume"])
def test_a_record_runs_no_command(command, copy):
    rewrite(copy, first(task=PWNED))
    before = files(copy)
    answer = process(command, ".", cwd=copy).check(2)
    assert "subprocess:run" in answer.err and "--task" in answer.err
    assert files(copy) == before


def test_a_record_does_not_leave_for_the_verifier(copy):
    rewrite(copy, first(task={"name": "builtins:exit", "code": 0}))
    process("verify", ".", cwd=copy).check(2)


def test_modules_that_lie_in_the_study_are_not_imported(copy):
    """`python -m` would put the current folder before all others, for the workers too."""
    for name in ("jax", "jaxmeta", "sitecustomize", "numpy", "runpy", "cloudpickle", "spirals"):
        (copy / f"{name}.py").write_text("open('pwned', 'w'); raise SystemExit('pwned')")
    answer = process("verify", ".", "--workers", "1", cwd=copy).check(0)
    assert not list(copy.rglob("pwned")), answer


@pytest.mark.parametrize("name", [NAME, AHEAD, TIMES])
def test_a_pipe_or_an_endless_file_is_not_waited_for(name, copy):
    unfinished(copy)
    commands = {NAME: ("show", "verify", "resume"), AHEAD: ("resume",), TIMES: ("report",)}[name]
    for make in (os.mkfifo, lambda path: os.symlink("/dev/zero", path)):
        (copy / name).unlink(missing_ok=True)
        make(copy / name)
        for command in commands:
            with bounded():
                answer = said(command, copy).check(2 if name == NAME else 0)
                assert name != NAME or "only a regular file" in answer.err


def test_a_line_of_300_megabytes_is_not_taken_into_memory(copy):
    with open(copy / NAME, "r+b") as file:
        file.truncate(300 << 20)  # zeros after the end, and no newline
        file.write(b"{")
    with bounded(memory=250 << 20):
        for command in ("show", "resume"):
            assert "memory" not in said(command, copy).check(2).err


def test_a_journal_of_many_lines_is_answered(copy):
    """Environments that change 30,000 times; 8,000 revisits."""
    lines = lines_of(copy)
    moves = [{"line": "environment", "environment": {"cpu": str(n)}} for n in range(30_000)]
    (copy / NAME).write_bytes(chained([*lines[:3], *moves, *lines[3:]]))
    with bounded():
        said("verify", copy, "--trainings", "0").check(3)
    again = {**lines[2], "revisits": 0, "trainings": []}
    (copy / NAME).write_bytes(chained([*lines[:2], *[again] * 8000]))
    with bounded():
        said("show", copy).check(0, 2)
