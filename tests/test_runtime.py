"""JAX's sums, which are tested where an environment is recorded. Its thread pool: test_threads."""

import jax.numpy as jnp
import pytest

from jaxmeta import cli, runtime
from jaxmeta.record import environment


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
