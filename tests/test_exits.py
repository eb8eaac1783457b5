"""How commands end that fail: one sentence, and never with status 1, which is an answer."""

import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import pytest

from jaxmeta import cli
from jaxmeta.record.journal import JournalError
from jaxmeta.tuning import PosterRule
from tests.report.lines import STEPS, study_of, write


def deep():
    return deep()


def huge():
    import numpy

    return numpy.empty(2**60, numpy.uint8)


def raises(error):
    def fail():
        raise error

    return fail


CASES = {
    "value": (raises(ValueError("it is bad")), 2, "it is bad"),
    "journal": (raises(JournalError("line 3")), 2, "line 3"),
    "encoding": (lambda: "\ud800".encode(), 2, "surrogates not allowed"),
    "file": (lambda: open("/nowhere/at/all"), 2, "/nowhere/at/all"),
    "permission": (raises(PermissionError(13, "Permission denied", "x")), 2, "denied"),
    "import": (raises(ImportError("TensorFlow is not installed")), 2, "TensorFlow"),
    "run time": (raises(RuntimeError("could not be prepared")), 2, "could not be prepared"),
    "deep": (deep, 2, "nested so deep"),
    "memory": (huge, 2, "there must be memory"),
    "no more memory": (raises(MemoryError()), 2, "there must be memory"),
    "wordless": (raises(ValueError()), 2, "jaxmeta: ValueError"),
    "exit 0": (raises(SystemExit(0)), 2, "exit(0)"),
    "exit": (raises(SystemExit()), 2, "exit(None)"),
    "exit 1": (raises(SystemExit(1)), 2, "exit(1)"),
    "exit words": (raises(SystemExit("identical")), 2, "exit('identical')"),
    "control c": (raises(KeyboardInterrupt()), 130, "stopped"),
    "pipe of a worker": (raises(BrokenPipeError(32, "Broken pipe")), 2, "Broken pipe"),
    "type": (raises(TypeError("eq")), 70, "TypeError, which nobody foresaw: eq; "),
    "key": (lambda: {}["a"], 70, "KeyError, which nobody foresaw"),
    "assertion": (raises(AssertionError()), 70, "AssertionError"),
    "generator": (raises(GeneratorExit()), 70, "GeneratorExit"),
}


@pytest.mark.parametrize("name", CASES)
def test_an_error_is_one_sentence_and_its_status(name, monkeypatch, tmp_path, capsys):
    fail, status, words = CASES[name]
    monkeypatch.setattr(import_module("jaxmeta.cli.verify"), "run", lambda options: fail())
    assert cli.main(["verify", str(tmp_path)]) == status
    out, err = capsys.readouterr()
    assert out == "" and words in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("jaxmeta: ")
    assert ("Traceback" in err) == (status == 70) == ("report it" in err) == (err.count("\n") > 1)


def test_a_task_that_ends_the_process_is_no_success(tmp_path, capsys):
    assert cli.main(["tune", "builtins:exit", "--out", str(tmp_path / "a")]) == 2
    assert "exit(" in capsys.readouterr().err


@pytest.mark.skipif(find_spec("tensorflow") is not None, reason="TensorFlow is installed")
def test_a_data_set_that_needs_tensorflow_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JAXMETA_DATA", str(tmp_path / "data"))
    tune = ["tune", "mnist", "--dataset", "cifar10", "--out", str(tmp_path / "a")]
    assert cli.main(tune) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "TensorFlow, which is not installed" in err


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "a"
    write(folder, study_of(PosterRule(STEPS, i_max=2)), lambda _: [4000])
    return folder


def into(stdout, *arguments):
    """A command whose standard output is `stdout`."""
    command = [sys.executable, "-m", "jaxmeta.cli", *map(str, arguments)]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONUNBUFFERED": ""}
    done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env=environment)
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize("options", [["show"], ["show", "--json"], ["replay"]])
def test_a_reader_who_stopped_reading_is_met_in_silence(options, folder):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert into(writing, *options, folder) == (141, "")
    finally:
        os.close(writing)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_is_said(folder):
    with open("/dev/full", "w") as full:
        status, said = into(full, "show", "--json", folder)
    assert status not in (0, 1)
    assert "No space left" in said.splitlines()[0] and said.startswith("jaxmeta: ")
