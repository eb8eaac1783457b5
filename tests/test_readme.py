"""The README's example is run as it stands, and its numbers come from commands in the Makefile."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("cut", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_the_examples_run_as_they_stand(tmp_path, monkeypatch, capsys, cut):
    """Or after two trials."""
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(examples) == 2
    for code in examples:
        code, ends = re.subn(r"i_max=\d+", "i_max=2", code) if cut else (code, 1)
        assert ends == 1
        exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
        best = capsys.readouterr().out.splitlines()[-1]
        assert best.startswith("{'")
    for name, answer in (("quadrants", "classification"), ("valley", "objective")):
        assert (tmp_path / "runs" / name / "journal.jsonl").exists(), answer


def test_every_make_target_it_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert named and named <= targets


def test_every_option_it_names_exists(capsys):
    from jaxmeta import cli

    texts = []
    for command in cli.COMMANDS:
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        texts.append(capsys.readouterr().out)
    known = set(re.findall(r"--[a-z][a-z0-9-]+", " ".join(texts)))
    assert set(re.findall(r"`(--[a-z][a-z0-9-]+)", README)) <= known
