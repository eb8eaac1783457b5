"""One study on a real Ray cluster of this machine: the journal of a laptop, byte for byte.

make cluster
"""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from jaxmeta import Study, Training, tasks
from jaxmeta.engine import Place
from jaxmeta.engine.ray_cluster import RayCluster
from jaxmeta.engine.scheduler import job, run_all
from jaxmeta.training import Lanes
from jaxmeta.trial import Trial
from jaxmeta.tuning import Chains
from tests.repro.processes import NAME, begun, finish, jaxmeta

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'jaxmeta[ray]'")
cluster_utils = pytest.importorskip("ray.cluster_utils")

pytestmark = pytest.mark.cluster

STUDY = ["tune", "spirals", "--preset", "logarithmic", "--p-eps", "0.05", "--epochs", "3"]
SHORT = [*STUDY, "--i-max", "6"]
LONG = [*STUDY, "--i-max", "40", "--noprog-max", "40", "--epochs", "120", "--patience", "120"]
DESIGNS = {
    "as it is": [],
    "3 chains": ["--chains", "3"],
    "3 replicates": ["--replicates", "3"],
    "paired keys": ["--keys", "paired"],
    "several axes": ["--tune", "learning_rate", "--tune", "batch_size=16,32,64"],
}
KILLS = 20


class Nodes:
    """A cluster whose head runs nothing, and machines of one core each."""

    def __init__(self, n: int) -> None:
        self.cluster = cluster_utils.Cluster(
            initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
        )
        self.nodes = [self.add() for _ in range(n)]

    @property
    def engine(self) -> str:
        return f"ray={self.cluster.address}"

    def add(self, **options):
        return self.cluster.add_node(num_cpus=1, **options)

    def kill(self, which: int) -> None:
        """As a power cut does; another machine comes in its place."""
        self.cluster.remove_node(self.nodes[which], allow_graceful=False)
        self.nodes[which] = self.add()


@pytest.fixture(scope="module")
def nodes():
    cluster = Nodes(2)
    yield cluster
    cluster.cluster.shutdown()


@pytest.fixture(scope="module")
def laptop(tmp_path_factory):
    """The journal of a study in one process, run once."""
    home, made = tmp_path_factory.mktemp("laptop"), {}

    def journal(study: list[str]) -> bytes:
        if tuple(study) not in made:
            folder = home / str(len(made))
            finish(jaxmeta(*study, "--out", folder))
            made[tuple(study)] = (folder / NAME).read_bytes()
        return made[tuple(study)]

    return journal


def begin(folder: Path, *arguments: object, **environment: str) -> subprocess.Popen[bytes]:
    """`jaxmeta ARGUMENTS`, its output in a file: nobody reads along, and a pipe would fill up."""
    with folder.with_suffix(".log").open("ab") as log:
        command = [sys.executable, "-m", "jaxmeta.cli", *map(str, arguments)]
        given = {**os.environ, **environment}
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=given)


def said(folder: Path) -> str:
    return folder.with_suffix(".log").read_text()[-3000:]


def workers_alive() -> list[str]:
    rows = subprocess.check_output(["ps", "-eo", "pid,args"], text=True).splitlines()
    return [row for row in rows if re.search(r"ray::Worker", row)]


@pytest.mark.parametrize("design", DESIGNS)
def test_the_journal_is_that_of_a_laptop(design, nodes, laptop, tmp_path):
    study = [*SHORT, *DESIGNS[design]]
    finish(jaxmeta(*study, "--out", tmp_path / "a", "--engine", nodes.engine))
    assert (tmp_path / "a" / NAME).read_bytes() == laptop(study)
    assert (tmp_path / "a" / "weights").is_dir()  # they came from the machine that had them
    assert workers_alive() == []


def test_what_is_stopped_early_is_what_a_laptop_stops(nodes, laptop, tmp_path):
    study = ["tune", "spirals", "--tuner", "random", "--i-max", "6", "--keys", "paired",
             "--stop-early", "rival:first=20,share=100", "--epochs", "10"]  # fmt: skip
    finish(jaxmeta(*study, "--out", tmp_path / "a", "--engine", nodes.engine))
    journal = (tmp_path / "a" / NAME).read_bytes()
    assert journal == laptop(study)
    assert b'"stopped":true' in journal


def test_one_at_a_time_and_a_number_of_workers(nodes, laptop, tmp_path):
    for n, more in enumerate((["--lookahead", "0"], ["--workers", "1"])):
        finish(jaxmeta(*SHORT, "--out", tmp_path / str(n), "--engine", nodes.engine, *more))
        assert (tmp_path / str(n) / NAME).read_bytes() == laptop(SHORT)


def test_machines_killed_at_random(nodes, laptop, tmp_path):
    """Studies until so many machines were lost; with trials in progress saved, and without."""
    rng, killed, studies = random.Random(0), 0, 0
    while killed < KILLS:
        folder = tmp_path / str(studies)
        scratch = ["--scratch", tmp_path / f"scratch{studies}"] if studies % 2 else []
        study = begin(folder, *LONG, "--out", folder, "--engine", nodes.engine, *scratch)
        while study.poll() is None:
            # A worker needs some seconds to start, and the study must come to an end.
            time.sleep(rng.uniform(4, 10))
            if study.poll() is None and begun(folder) and killed < KILLS:
                nodes.kill(rng.randrange(len(nodes.nodes)))
                killed += 1
        assert study.returncode == 0, said(folder)
        assert (folder / NAME).read_bytes() == laptop(LONG)
        studies += 1
    print(f"\n{killed} machines killed at random in {studies} studies: the same bytes")


def test_the_driver_killed_and_resumed(nodes, laptop, tmp_path):
    folder, kills = tmp_path / "a", 0
    rng = random.Random(1)
    study = begin(folder, *LONG, "--out", folder, "--engine", nodes.engine)
    while study.poll() is None:
        time.sleep(rng.uniform(6, 14))
        if study.poll() is None and kills < 4:
            study.send_signal(signal.SIGKILL)
            study.wait()
            kills += 1
            again = ["resume", folder] if begun(folder) else [*LONG, "--out", folder]
            study = begin(folder, *again, "--engine", nodes.engine)
    assert study.returncode == 0, said(folder)
    assert kills and (folder / NAME).read_bytes() == laptop(LONG)
    until = time.monotonic() + 30
    while workers_alive() and time.monotonic() < until:
        time.sleep(0.5)
    assert workers_alive() == []
    print(f"\nthe driver killed {kills} times: the same bytes, and no worker left behind")


class Head:
    """A head that also trains, started as a user does it, in a session of its own.

    Attributes:
      token: the environment of those who know its token.
    """

    def __init__(self) -> None:
        self.home = tempfile.mkdtemp()  # short: the path of a socket may have 107 letters
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        secret = Path(self.home, "token")
        secret.write_text("0" * 64)
        self.token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(secret)}
        start = ["start", "--head", "--node-ip-address=127.0.0.1", f"--temp-dir={self.home}"]
        start += [f"--port={port}", "--num-cpus=2", "--include-dashboard=false", "--block"]
        self._process = subprocess.Popen(
            [Path(sys.executable).with_name("ray"), *start],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **self.token},
        )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                return
            time.sleep(0.5)
        raise AssertionError("the head did not start")

    def kill(self) -> None:
        """All of it at once, as a power cut does."""
        rows = subprocess.check_output(["ps", "-eo", "sid=,pid="], text=True).splitlines()
        for sid, pid in map(str.split, rows):
            if int(sid) == self._process.pid:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def test_the_head_killed_and_resumed_on_another(laptop, tmp_path):
    folder, head = tmp_path / "a", Head()
    study = begin(folder, *LONG, "--out", folder, "--engine", f"ray={head.address}", **head.token)
    try:
        until = time.monotonic() + 120
        while not begun(folder) or (folder / NAME).read_bytes().count(b"\n") < 4:
            assert study.poll() is None and time.monotonic() < until, said(folder)
            time.sleep(0.2)
        head.kill()
        killed = time.monotonic()
        assert study.wait(60) == 2, said(folder)
        seconds = time.monotonic() - killed
        port = head.address.rpartition(":")[2]  # Ray names it by another address of this machine
        words = rf"^jaxmeta: the head of the Ray cluster at [\d.]+:{port} must answer, and has not"
        assert len(re.findall(words, said(folder), re.M)) == 1, said(folder)
        assert "Traceback" not in said(folder)
    finally:
        head.kill()
    decided = (folder / NAME).read_bytes()
    assert laptop(LONG).startswith(decided) and decided != laptop(LONG)
    another = Head()
    try:
        engine = f"ray={another.address}"
        refused = finish(jaxmeta("resume", folder, "--engine", engine), (2,))
        assert "must be shown the token that it was started with" in refused
        finish(jaxmeta("resume", folder, "--engine", engine, **another.token))
    finally:
        another.kill()
    assert (folder / NAME).read_bytes() == laptop(LONG)
    print(f"\nthe head killed, noticed after {seconds:.0f} s, resumed on another: the same bytes")


def test_a_machine_with_another_flag_is_refused_by_name(nodes, caplog):
    """Whoever comes first is the measure, so it may be the two others that are refused."""
    odd = nodes.add(env_vars={"XLA_FLAGS": "--xla_cpu_enable_fast_math=true"})
    study = Study(tasks.make("spirals"), training=Training(3, 3), lanes=Lanes())
    place = Place("ray", nodes.cluster.address)
    try:
        with RayCluster([study.recipe()], 0, place) as engine:
            while not all(worker.lanes or worker.refused for worker in engine._workers):
                engine._listen()
            assert len(engine._workers) == 3
            refused = sum(worker.refused for worker in engine._workers)
            chains = Chains(study.tuner, 0)
            jobs = [job(chains, Trial(0, i, (i,), 0)) for i in range(4)]
            assert run_all(engine, jobs).keys() == {one.name for one in jobs}
    finally:
        nodes.cluster.remove_node(odd)
    assert refused in (1, 2) and engine.lanes == 0
    assert caplog.text.count("xla_flags: recorded") == refused


def test_a_worker_that_has_nothing_to_do_is_told_so(nodes):
    """Also where it was in the middle of an epoch when nothing was wanted any more."""
    study = Study(tasks.make("spirals"), training=Training(10**6, 10**6), lanes=Lanes())
    with RayCluster([study.recipe()], 1, Place("ray", nodes.cluster.address)) as engine:
        (worker,) = engine._workers
        engine.want([job(Chains(study.tuner, 0), Trial(0, 0, (0,), 0))])
        engine.next()
        assert worker.calling and worker.told
        engine.want([])
        while worker.calling:
            engine._listen()
        still = worker.actor.__ray_call__.remote(lambda actor: list(actor._engine._wanted))
        assert engine._ray.get(still) == []


def test_no_cluster_is_a_sentence(tmp_path: Path):
    said = finish(jaxmeta(*SHORT, "--out", tmp_path / "a", "--engine", "ray=127.0.0.1:1"), (2,))
    assert "a Ray cluster must answer at 127.0.0.1:1" in said
    assert said.count("\n") <= 2
