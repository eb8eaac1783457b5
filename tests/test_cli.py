"""The command line: what it says to a person, and what its exit status says to a script."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from jaxmeta import cli
from jaxmeta.record.journal import NAME

SMALL = ["tune", "spirals", "--i-max", "2", "--epochs", "2", "--preset", "logarithmic"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "a"
    assert cli.main([*SMALL, "--out", str(folder)]) == 0
    return folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tune", "mnits"], "task must be one of .* did you mean mnist?"),
        (["tune", "no_such_module:task"], "must name a function that can be imported"),
        (
            ["tune", "spirals", "--tuner", "gird"],
            "tuner must be one of poster, three_way, rank_gp, grid",
        ),
        (["tune", "spirals", "--preset", "best"], "preset must be one of poster, logarithmic"),
        (["tune", "spirals", "--tuner", "grid", "--p-eps", "0.1"], "grid takes .* got p_eps"),
        (["tune", "mnist", "--dataset", "mnits"], "mnist"),
        (["tune", "mnist", "--train-size", "0"], "train_size"),
        (["tune", "mnist", "--train-size", "99999"], "train_size"),
        (["tune", "spirals", "--dataset", "mnist"], "dataset"),
        (["tune", "spirals", "--tune", "learning_rate=0:1:log"], "low must be at least"),
        (["tune", "spirals", "--tune", "learning_rate=nan:1:log"], "must be a number or a name"),
        (["tune", "spirals", "--tune", "learning_rate=1e-3:1:-1"], "step must be positive"),
        (["tune", "spirals", "--tune", "learning_rat"], "none for learning_rat"),
        (
            ["tune", "spirals", "--tune", "heat=0:1:0.5"],
            "heat is a hyperparameter that nothing in spirals takes",
        ),
        (["tune", "spirals", "--tune", "=1,2"], "NAME or NAME=AXIS"),
        (
            ["tune", "spirals", "--tune", "batch_size=16,9999"],
            "batch_size must be at most the 1200",
        ),
        (["tune", "spirals", "--tune", "optimizer=adam,adm"], "optimizer must be one of adam, sgd"),
        (["tune", "spirals", "--tune", "width", "--set", "width=8"], "tuned or set, not both"),
        (["tune", "spirals", "--set", "width"], "NAME=VALUE"),
        (["tune", "spirals", "--set", "widht=8"], "did you mean width"),
        (["tune", "spirals", "--preset", "poster", "--p-eps", "0"], "p_eps must be above 0"),
        (
            ["tune", "spirals", "--batch-size", "0"],
            "batch_size must be a whole number, at least 1, got 0",
        ),
        (["tune", "spirals", "--batch-size", "9999"], "batch_size must be at most the 1200"),
        (["tune", "spirals", "--epochs", "0"], "epochs must be at least 1, got 0"),
        (["tune", "spirals", "--patience", "-3"], "patience must be at least 1, got -3"),
        (["tune", "spirals", "--i-max", "0"], "i_max must be from 1 to 1000, got 0"),
        (
            ["tune", "spirals", "--preset", "poster", "--noprog-max", "0"],
            "noprog_max must be from 1",
        ),
        (["tune", "spirals", "--seed", "-1"], "seed must be an integer from 0"),
        (
            ["tune", "spirals", "--tuner", "grid", "--preset", "poster"],
            "presets are of the tuner poster",
        ),
        (["tune", "spirals", "--p-eps", "0.1"], "three_way takes .* got p_eps"),
        (["tune", "spirals", "--tuner", "optuna", "--sampler", "tp"], "sampler must be one of tpe"),
        (["tune", "spirals", "--chains", "0"], "chains must be at least 1"),
        (["tune", "spirals", "--replicates", "-2"], "replicates must be at least 1"),
        (["tune", "spirals", "--keys", "odd"], "keys must be one of independent, paired"),
        (["tune", "spirals", "--lanes", "-1"], "lanes must be at least 1"),
        (["tune", "spirals", "--formulation", "pmap"], "formulation must be one of map, vmap"),
        (["tune", "spirals", "--workers", "-1"], "workers must be 0 or more"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_status_2(arguments, words, tmp_path, capsys):
    assert cli.main([*arguments, "--out", str(tmp_path / "a")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("jaxmeta: ") and err.count("\n") == 1
    assert re.search(words, err), err
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("command", ["show", "report", "resume", "replay", "verify"])
def test_a_folder_that_is_no_study_is_named(command, tmp_path, capsys):
    assert cli.main([command, str(tmp_path)]) == 2
    assert "must hold a journal.jsonl" in capsys.readouterr().err


def test_a_folder_in_use_points_to_resume(folder, capsys):
    before = (folder / NAME).read_bytes()
    assert cli.main([*SMALL, "--out", str(folder)]) == 2
    assert f"jaxmeta resume {folder}" in capsys.readouterr().err
    assert (folder / NAME).read_bytes() == before


@pytest.mark.parametrize("command", ["", *cli.COMMANDS])
def test_help_explains_every_command(command, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([*command.split(), "--help"])
    assert end.value.code == 0
    assert len(capsys.readouterr().out) > 200


def test_show_json_holds_the_numbers_and_their_exact_form(folder, capsys):
    assert cli.main(["show", str(folder), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    first = shown["decisions"][0]
    (name,) = first["values"]
    assert name == "learning_rate"
    assert float.fromhex(first["values_hex"][name]) == first["values"][name]


def test_replay_and_verify_answer_with_their_exit_status(folder, tmp_path, capsys):
    assert cli.main(["replay", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"holds": True, "decisions": 2, "complete": True}
    assert cli.main(["verify", str(folder)]) == 0
    assert capsys.readouterr().out.startswith("identical: all 2 decisions")
    assert cli.main(["verify", str(folder), "--trainings", "1", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["answer"] == "consistent"
    broken = tmp_path / "broken"
    broken.mkdir()
    content = (folder / NAME).read_bytes()
    (broken / NAME).write_bytes(content.replace(b'"noprog":0', b'"noprog":1', 1))
    assert cli.main(["verify", str(broken)]) == 1
    assert "different: line 3 must carry" in capsys.readouterr().out


def test_diff_finds_the_parting_and_draws_it(folder, tmp_path, capsys):
    assert cli.main(["diff", str(folder), str(folder)]) == 0
    assert capsys.readouterr().out == "the same, line for line\n"
    other = tmp_path / "b"
    assert cli.main([*SMALL, "--p-eps", "0.2", "--out", str(other)]) == 0
    capsys.readouterr()
    assert cli.main(["diff", str(folder), str(other), "--out", str(tmp_path / "d")]) == 1
    out = capsys.readouterr().out
    assert "tuner.p_eps: 0.1 and 0.2" in out
    assert "parting        training 1, decision: told.p" in out
    assert (tmp_path / "d" / "diff.png").stat().st_size > 10_000
    assert cli.main(["diff", str(folder), str(other), "--json"]) == 1
    parting = json.loads(capsys.readouterr().out)["parting"]
    assert (parting["i"], parting["stage"], parting["field"]) == (1, "decision", "told.p")


def test_control_c_keeps_what_was_done_and_says_how_to_go_on(tmp_path):
    folder = tmp_path / "a"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "jaxmeta.cli",
            "tune",
            "spirals",
            "--preset",
            "poster",
            "--epochs",
            "50",
            "--patience",
            "50",
            "--i-max",
            "100000",
            "--noprog-max",
            "100000",
            "--out",
            folder,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (folder / NAME).exists() and (folder / NAME).read_bytes().count(b"\n") > 3:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"jaxmeta resume {folder}" in err and "Traceback" not in err
    assert cli.main(["replay", str(folder)]) == 0


def test_the_environment_is_printed_with_words_for_every_field(capsys):
    from jaxmeta.cli.env import FIELDS
    from jaxmeta.record.environment import fingerprint

    here = fingerprint()
    assert here.keys() == FIELDS.keys()
    assert cli.main(["env", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == here
    assert cli.main(["env"]) == 0
    shown = capsys.readouterr().out
    assert here["source"][:16] in shown and all(name in shown for name in FIELDS)


def test_a_shell_completes_commands_and_options(tmp_path, capsys):
    assert cli.main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    ask = """
source "$1"
COMP_WORDS=(jaxmeta "${@:2}"); COMP_CWORD=$(($# - 1)); COMP_LINE="${COMP_WORDS[*]}"
COMP_POINT=${#COMP_LINE}; _shtab_jaxmeta; echo "${COMPREPLY[@]}"
"""
    (tmp_path / "script").write_text(script)

    def complete(*words: str) -> list[str]:
        command = ["bash", "-c", ask, "bash", str(tmp_path / "script"), *words]
        return subprocess.check_output(command, text=True).split()

    assert complete("ver") == ["verify"]
    assert "--tuner" in complete("tune", "--tu") and "--trainings" in complete("verify", "--t")
    assert "parquet" in complete("export", "--to", "p")
