"""What must hold of JAX itself: the thread pool that an import fixes, and sums that are right."""

import os
import subprocess
import sys

import jax.numpy as jnp
import pytest

from jaxmeta import cli, runtime
from jaxmeta.record import environment


def python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run by an interpreter of its own, where NPROC is as `variables` has it."""
    rest = {name: value for name, value in os.environ.items() if name != "NPROC"}
    command = [sys.executable, "-W", "always", "-c", code]
    return subprocess.run(command, env=rest | variables, capture_output=True, text=True, check=True)


@pytest.mark.parametrize(
    ("variables", "threads"), [({}, runtime.THREADS), ({"NPROC": "3"}, "3")], ids=["unset", "set"]
)
def test_an_import_fixes_the_thread_pool(variables: dict[str, str], threads: str) -> None:
    done = python("import os, jaxmeta; print(os.environ['NPROC'])", **variables)
    assert done.stdout.split() == [threads]
    assert "NPROC" not in done.stderr


def test_an_import_that_comes_too_late_says_so() -> None:
    done = python("import jax; jax.devices(); import os, jaxmeta; print(os.environ.get('NPROC'))")
    assert done.stdout.split() == ["None"]
    assert "RuntimeWarning: NPROC must be set before JAX starts" in done.stderr


@pytest.fixture
def unchecked():
    """As in a process that has checked nothing yet."""
    runtime.check_sums.cache_clear()
    yield
    runtime.check_sums.cache_clear()


@pytest.fixture
def wrong_sums(unchecked, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last row comes out wrong, as from jaxlib 0.10.2."""
    square = jnp.square
    monkeypatch.setattr(jnp, "square", lambda x: square(x).at[0, -1].add(1))


def test_the_sums_are_checked_once(unchecked, monkeypatch: pytest.MonkeyPatch) -> None:
    environment.fingerprint()
    monkeypatch.setattr(jnp, "square", None)  # would be found by a second check
    environment.fingerprint()


def test_wrong_sums_have_no_fingerprint(wrong_sums) -> None:
    with pytest.raises(ValueError, match=r"^1 of 32,769 sums came out wrong .* jaxlib \d"):
        environment.fingerprint()


def test_wrong_sums_are_one_sentence_on_the_command_line(
    wrong_sums, tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["tune", "spirals", "--out", str(tmp_path / "study")]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("jaxmeta: 1 of 32,769 sums came out wrong")
    assert errors.count("\n") == 1
