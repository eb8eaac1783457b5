"""A record in the forms of other tools, read back by those tools."""

import csv
import json
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from jaxmeta import Choice, Linear, Log, Space, cli
from jaxmeta.convert import FORMATS, convert
from jaxmeta.record.error import JournalError
from jaxmeta.record.journal import digest, read
from jaxmeta.record.lines import decisions
from jaxmeta.report.as_json import to_json
from jaxmeta.report.story import story
from jaxmeta.tuning import PosterRule, ThreeWay
from tests.report.lines import FOUR, LOG, study_of, write
from tests.report.test_page import scores


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four axes, two replicates; some trials diverge."""
    folder = tmp_path_factory.mktemp("converted") / "a"
    tuner = PosterRule(FOUR, i_max=14, noprog_max=14)
    write(folder, study_of(tuner, replicates=2), scores(3))
    return folder


@pytest.fixture(scope="module")
def told(folder):
    return story(read(folder))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextmanager
def started(*command: str):
    """A server of somebody else's, until it is not needed any more."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.terminate()
        server.wait()


def ask(address: str, body: object = None, seconds: float = 120):
    """The JSON at `address`, as soon as somebody answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def test_a_table_has_a_row_a_decision(folder, told, tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.main(["export", str(folder), "--to", "csv", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out / 'decisions.csv'}\n"
    with open(out / "decisions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["i"]) for row in rows] == [row.i for row in told.rows]
    for row, one in zip(rows, told.rows, strict=True):
        assert float(row["values.learning_rate"]) == one.values["learning_rate"]
        assert row["values.optimizer"] == one.values["optimizer"]
        assert row["score"] == ("" if one.score.value is None else str(one.score.value))
        assert len(row["epochs"].split()) == 2
    assert [row["i"] for row in rows if row["recommended"] == "True"] == [str(told.recommended.i)]


def test_a_text_is_no_formula(tmp_path):
    space = Space(optimizer=Choice("=1+1", "@cmd", "-2", "adam"), dropout=Linear(-1.0, -0.5, 0.125))
    write(tmp_path / "a", study_of(PosterRule(space, i_max=20, noprog_max=20)), scores())
    with open(convert(tmp_path / "a", "csv", tmp_path), newline="") as file:
        rows = list(csv.DictReader(file))
    tried = {row["values.optimizer"] for row in rows}
    assert tried <= {"'=1+1", "'@cmd", "'-2", "adam"} and len(tried) > 1
    assert all(float(row["values.dropout"]) < 0 for row in rows)  # numbers stay numbers


def test_parquet_has_types_and_curves(folder, told, tmp_path):
    from pyarrow import parquet

    table = parquet.read_table(convert(folder, "parquet", tmp_path))
    assert table.schema.metadata[b"study"].decode() == digest(read(folder))
    assert str(table.schema.field("values.batch_size").type) == "int64"
    assert table["score"].to_pylist() == [row.score.value for row in told.rows]
    curves = [[[s.value for s in one.curve] for one in row.trainings] for row in told.rows]
    assert table["curves"].to_pylist() == curves


def test_a_choice_among_names_and_numbers_is_a_column_of_texts(tmp_path):
    from pyarrow import parquet

    space = Space(penalty=Choice("none", 1, 0.5))
    write(tmp_path / "a", study_of(PosterRule(space, i_max=20, noprog_max=20)), scores())
    table = parquet.read_table(convert(tmp_path / "a", "parquet", tmp_path))
    assert set(table["values.penalty"].to_pylist()) == {"none", "1", "0.5"}


def test_json_is_what_show_prints(folder, tmp_path):
    assert json.loads(convert(folder, "json", tmp_path).read_text()) == json.loads(
        json.dumps(to_json(read(folder)))
    )


def test_optuna_reads_the_storage(folder, told, tmp_path):
    import optuna
    from optuna.storages.journal import JournalFileBackend

    path = convert(folder, "optuna", tmp_path)
    assert convert(folder, "optuna", tmp_path) == path  # written anew
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    study = optuna.load_study(study_name=None, storage=storage)
    assert len(study.trials) == len(told.rows)
    assert study.best_value == told.best_score.score.plotted
    assert study.user_attrs["journal"] == digest(read(folder))
    for trial, row in zip(study.trials, told.rows, strict=True):
        assert trial.state.name == ("FAIL" if row.score.value is None else "COMPLETE")
        assert trial.params == row.values
    assert study.trials[0].intermediate_values[1] == told.rows[0].trainings[0].curve[0].plotted


def test_optuna_dashboard_shows_it(folder, told, tmp_path):
    path, port = convert(folder, "optuna", tmp_path), free_port()
    command = Path(sys.executable).with_name("optuna-dashboard")
    with started(str(command), str(path), "--port", str(port)):
        (summary,) = ask(f"http://127.0.0.1:{port}/api/studies")["study_summaries"]
        assert summary["study_name"] == "jaxmeta"
        found = ask(f"http://127.0.0.1:{port}/api/studies/{summary['study_id']}?after=0")
    assert len(found["trials"]) == len(told.rows)
    values = [trial.get("values") for trial in found["trials"]]
    assert values == [None if row.score.value is None else [row.score.plotted] for row in told.rows]


def test_tensorboard_shows_it(folder, told, tmp_path):
    path, port = convert(folder, "tensorboard", tmp_path), free_port()
    runs = [name for name in sorted(entry.name for entry in path.iterdir()) if "-r" in name]
    assert len(runs) == 2 * len(told.rows)
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(path)]
    with started(*command, "--port", str(port), "--load_fast=false"):
        at = f"http://127.0.0.1:{port}/data/plugin"
        first = f"{at}/scalars/scalars?tag=epoch%2Fscore&run={runs[0]}"
        points = ask(first)
        curve = [s.plotted for s in told.rows[0].trainings[0].curve if s.value is not None]
        assert [point[2] for point in points] == pytest.approx(curve, rel=1e-6)
        experiment = ask(f"{at}/hparams/experiment", {"experimentName": ""})
        named = {one["name"] for one in experiment["hparamInfos"]}
        assert named == set(told.space.names)


def test_a_log_that_is_there_is_gone_on_with(folder, tmp_path):
    from jaxmeta.convert.tensorboard import Board

    lines = read(folder)
    board = Board(tmp_path / "log", lines[:4])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*-r*/*")}
    assert len(before) == 3 * 2
    for line in lines[1:6]:
        board.add(line)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*-r*/*")}
    assert before.items() <= after.items() and len(after) == 5 * 2


def test_tune_writes_the_log_while_it_runs(tmp_path, capsys):
    log, study = tmp_path / "log", tmp_path / "a"
    words = ["tune", "spirals", "--i-max", "3", "--epochs", "2", "--out", str(study)]
    assert cli.main([*words, "--tensorboard", str(log)]) == 0
    trained = sum(len(line["trainings"]) for line in decisions(read(study)))
    assert len(list(log.glob("chain0-i*"))) == trained
    assert cli.main(["resume", str(study), "--tensorboard", str(tmp_path / "again")]) == 0
    assert len(list((tmp_path / "again").glob("chain0-i*"))) == trained
    capsys.readouterr()


@pytest.mark.parametrize("to", FORMATS)
def test_bad_input_is_met_at_the_door(folder, to, tmp_path, monkeypatch):
    write(tmp_path / "none", study_of(ThreeWay(LOG, i_max=12)), scores(), stop=0)
    with pytest.raises(JournalError, match="holds no decision yet"):
        convert(tmp_path / "none", to, tmp_path)
    path = convert(folder, to, tmp_path / "out")
    if path.is_dir():
        with pytest.raises(ValueError, match="choose another folder"):
            convert(folder, to, tmp_path / "out")
    package = {"parquet": "pyarrow", "tensorboard": "tensorboardX", "optuna": "optuna"}.get(to)
    if package:
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ModuleNotFoundError, match="pip install 'jaxmeta"):
            convert(folder, to, tmp_path / "other")


def test_an_unknown_format_is_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="must be one of csv, parquet"):
        convert(folder, "xls", tmp_path)


def test_log_axes_keep_their_scale(tmp_path):
    from jaxmeta.convert.optuna_space import distributions

    found = distributions(Space(a=Log(1e-4, 1.0), b=Linear(0.0, 1.0, 0.25)))
    assert found["a"].log and not found["b"].log
