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
from jaxmeta.record import verdicts
from jaxmeta.record.cache import NAME as AHEAD
from jaxmeta.record.cache import Cache
from jaxmeta.record.checkpoint import FOLDER
from jaxmeta.record.journal import NAME, TIMES
from jaxmeta.trial import Result, Trial
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


def without_verdicts(found: dict[str, bytes | str]) -> dict[str, bytes | str]:
    """But for what `verify` notes of its own."""
    return {name: content for name, content in found.items() if not name.endswith(verdicts.NAME)}


def put(number: int, **changes: Any):
    """A change of a line, from 0: `a__b` is b in a."""

    def change(lines: list[Any]) -> None:
        for way, value in changes.items():
            *steps, last = (int(step) if step.isdecimal() else step for step in way.split("__"))
            place = lines[number]
            for step in steps:
                place = place[step]
            place[last] = value

    return change


def first(**changes: Any):
    return put(0, **changes)


def gone(*names: str):
    return lambda lines: [lines[0].pop(name) for name in names]


def axis(**fields: Any):
    """Another axis in the place of the study's only one."""
    return first(space__learning_rate=fields)


def changed(**fields: Any):
    """The study's only axis, and something else about it."""
    return lambda lines: lines[0]["space"]["learning_rate"].update(fields)


def named(name: str):
    def change(lines: list[Any]) -> None:
        lines[0]["space"] = {name: lines[0]["space"]["learning_rate"]}

    return change


def measured(**changes: Any):
    return lambda lines: lines[2]["trainings"][0].update(changes)


OPTUNA = {"name": "optuna", "version": 1, "one": 805306368}
DEEP = Raw("[" * 100_000 + "]" * 100_000)
BINARY = {"kind": "choice", "values": ["a", "b"]}
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
    "10^12 iterations": first(tuner__i_max=10**12, tuner__decisions=10**12),
    "10^12 iterations that are said to be few": first(tuner__i_max=10**12),
    "10^7 lanes": first(lanes__width=10**7),
    "Optuna's 10^9 iterations": first(
        tuner={**OPTUNA, "decisions": 10**9, "sampler": "tpe", "i_max": 10**9}
    ),
    "a grid of 10^5 points an axis": first(
        tuner={"name": "grid", "version": 1, "one": 805306368, "decisions": 9, "points": 10**5}
    ),
    # The search space.
    "10^9 positions": axis(kind="linear", low=0.0, high=1.0, points=10**9),
    "10^9 steps": axis(kind="linear", low=0.0, high=1.0, step=1e-9),
    "10^6 values": axis(kind="values", values=[*range(10**6)]),
    "10^6 choices": axis(kind="choice", values=[str(n) for n in range(10**6)]),
    "1000 axes": first(space={f"a{n}": BINARY for n in range(1000)}),
    "64 axes of 1000 choices": first(
        space={f"a{n}": {"kind": "choice", "values": [*range(1000)]} for n in range(64)}
    ),
    "no axis": first(space={}),
    "a list of axes": first(space=[{"kind": "choice", "values": ["a", "b"]}]),
    "an axis of no kind": axis(low=0.0, high=1.0),
    "an axis of an unknown kind": changed(kind="builtins:exit"),
    "an axis of many kinds": changed(kind=["log"]),
    "an axis of axes": axis(kind="choice", values=[BINARY, BINARY]),
    "an axis nested deep": first(space__learning_rate=DEEP),
    "an axis without positions": axis(kind="log", low=1e-6, high=1.0),
    "an axis from nothing": changed(low=Raw("NaN")),
    "an axis to infinity": changed(high=Raw("1e999")),
    "an axis from text": changed(low="1e-6"),
    "an axis from true": changed(low=True),
    "an axis of two steps": changed(step=Raw('1.0,"step":0.5')),
    "an axis of more fields": changed(shell=True),
    "a start beyond the axis": changed(start=2.0),
    "a choice with escapes": axis(kind="choice", values=["adam", ESCAPES]),
    "a choice of half a character": axis(kind="choice", values=["adam", "\ud800"]),
    "a choice of a megabyte": axis(kind="choice", values=["adam", "x" * 10**6]),
    "a hyperparameter called by escapes": named(ESCAPES),
    "a hyperparameter called class": named("class"),
    "a hyperparameter called by markup": named("[bold]x[/]"),
    "a hyperparameter of a megabyte": named("x" * 10**6),
    "a hyperparameter that nobody has": named("__import__"),
    # What is fixed, scored, promised, and the data.
    "set: nobody takes it": first(fixed__shell="touch pwned"),
    "set: tuned as well": first(fixed__learning_rate=0.1),
    "set: 10^12 examples a batch": first(fixed__batch_size=10**12),
    "set: no examples a batch": first(fixed__batch_size=0),
    "set: words for examples": first(fixed__batch_size="all"),
    "set: an optimizer that is code": first(fixed__optimizer="os:abort"),
    "set: fewer than it was": lambda lines: lines[0]["fixed"].pop("batch_size"),
    "set to a list": first(fixed__batch_size=[50]),
    "set to nothing of a number": first(fixed__batch_size=Raw("NaN")),
    "set by escapes": first(fixed={ESCAPES: ESCAPES}),
    "set: 10^4 of them": first(fixed={str(n): n for n in range(10**4)}),
    "a score of another kind": first(score__kind="loss"),
    "a score that is text": first(score="correct predictions"),
    "a score called by escapes": first(score__meaning=ESCAPES),
    "a score out of nothing": first(score__of={}),
    "a score out of 10^12": first(score__of__validation=10**12),
    "a score out of fewer than none": first(score__of__test=-600),
    "promises of all": first(promises="all"),
    "promises of a list": first(promises=["fixed order"]),
    "data called by escapes": first(data__name=ESCAPES),
    "data of no digest": first(data__digest="0"),
    "data nested deep": first(data__train=DEEP),
    "data that are text": first(data="spirals"),
    # Numbers and form.
    "true for a number": first(chains=True),
    "false for a number": first(seed=False),
    "a float for a number": first(format=3.0),
    "a minus before zero": first(tuner__p_min=-0.0),
    "a tuner that is text": first(tuner="x"),
    "a tuner without a name": lambda lines: lines[0]["tuner"].pop("name"),
    "nested deep": first(seed=DEEP),
    "nested deep in a place of no meaning": first(more=DEEP),
    "a number of 5,000 digits": first(seed=Raw("9" * 5000)),
    "a name twice": first(seed=Raw('0,"seed":1')),
    "half a character": first(task__name="\ud800"),
    "another order": lambda lines: lines.__setitem__(0, dict(reversed(lines[0].items()))),
    "no environment": gone("environment"),
    "an environment that is a list": first(environment=[]),
    "an environment nested deep": first(environment={"cpu": DEEP}),
    "no tuner": gone("tuner"),
    "no data": gone("data"),
    "no space": gone("space"),
    # Decisions.
    "NaN as a score": put(1, score=Raw("NaN")),
    "revisits forward": put(1, revisits=3, trainings=[]),
    "revisits before the beginning": put(2, revisits=-1),
    "a curve of nothing": measured(curve=[], losses=[], digests=[]),
    "fewer digests than epochs": measured(digests=[]),
    "more than all are right": measured(curve=[600, 1466], score=1466, best_epoch=2),
    "fewer than none are right": measured(curve=[-3, -2], score=-2, best_epoch=2),
    "a program called by escapes": measured(compiled=ESCAPES),
    "a program of half a digest": measured(compiled="0" * 16),
    "a decision that is a list": lambda lines: lines.__setitem__(2, []),
    "a decision without a name": lambda lines: lines[2].pop("line"),
    "a decision named by a list": put(2, line=[]),
    "a position of two axes": put(2, position=[1, 1]),
    "a position of no axis": put(2, position=[]),
    "a position that is none": put(2, position=[2**30], asked__position=[2**30]),
    "a position of 10^5 axes": put(2, position=[0] * 10**5),
    "values of another position": put(2, values__learning_rate="0x1.0000000000000p-1"),
    "values of no axis": put(2, values={}),
    "values of another name": put(2, values={"rate": "0x1.0624de0000000p-9"}),
    "values with escapes": put(2, values__learning_rate=ESCAPES),
    "masses of no move": put(2, asked__p=[[]]),
    "masses of two moves": put(2, asked__p=[[1, 1]]),
    "masses that are ragged": put(2, asked__p=[[1, 1, 1], [1]]),
    "masses of no mass": put(2, asked__p=[[0, 0, 0]]),
    "a move that there is not": put(2, asked__c=[4]),
    "a draw of no move": put(2, asked__u=[]),
    "the tuner stands nowhere": put(2, told__best=[2**30]),
    "the tuner stands on two axes": put(2, told__best=[1, 1]),
}
# Decisions hold whatever was trained, so `replay` does not look at the task.
TASK = {"runs code", "leaves", "calls what is imported", "a data set that leaves its folder"}
TASK |= {name for name in NO_RECORD if name.startswith(("a task's", "an option", "set:"))}
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
    assert without_verdicts(files(copy.parent)) == without_verdicts(before)


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
    nothing_decided: verify.CONSISTENT,  # its environment is not this one
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
    name = str(Trial(0, lines[3]["i"], tuple(lines[3]["position"]), 0))
    compiled = lines[1]["trainings"][0]["compiled"]
    invented = Result(600, 1, 2, [600, 600], [0.5, 0.5], ["0" * 32] * 2, False, compiled)
    if who == "a stranger":
        monkeypatch.setenv("JAXMETA_STATE", str(tmp_path / "stranger"))
    Cache(copy, lines_of(copy), Result).put(name, invented)
    monkeypatch.undo()
    assert (copy / AHEAD).exists()
    said("resume", copy).check(0 if who == "a stranger" else 2)  # the best one's weights are others
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


SIZES = {
    "2^62 units": first(fixed__width=2**62),
    "10^9 units": first(fixed__width=10**9),
    "no units": first(fixed__width=0),
    "fewer than no units": first(fixed__width=-5),
    "units in words": first(fixed__width="[bold]"),
    "half a unit": first(fixed__width=0.5),
    "an axis of 2^62 units": first(
        space={"width": {"kind": "values", "values": [2**62, 2**63 - 1]}},
        fixed={"learning_rate": 0.001, "batch_size": 50, "steps_per_epoch": 0, "optimizer": "adam"},
    ),
}


@pytest.mark.parametrize("name", SIZES)
def test_a_network_that_nobody_can_hold_is_a_sentence(name, copy):
    """The record may ask for it, and this machine says what it has not."""
    rewrite(copy, SIZES[name])
    rewrite(copy, all_cut_off)
    with bounded():
        for command in ("verify", "resume"):
            assert "width must be" in said(command, copy).check(2).err


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


@pytest.mark.slow
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
