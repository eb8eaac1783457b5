"""The README's example is run as it stands, and its numbers come from commands in the Makefile."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_example_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    assert "learning_rate" in capsys.readouterr().out
    assert (tmp_path / "runs" / "quadrants" / "journal.jsonl").exists()


def test_every_make_target_it_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert named and named <= targets


def test_every_option_it_names_exists(capsys):
    import pytest

    from jaxmeta import cli

    texts = []
    for command in cli.COMMANDS:
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        texts.append(capsys.readouterr().out)
    known = set(re.findall(r"--[a-z][a-z0-9-]+", " ".join(texts)))
    assert set(re.findall(r"`(--[a-z][a-z0-9-]+)", README)) <= known
