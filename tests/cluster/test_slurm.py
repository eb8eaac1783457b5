"""The scripts of examples/slurm, as they stand, on a real Slurm: the journal of a laptop.

make cluster
"""

import shutil
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from tests.cluster import slurm
from tests.repro.processes import NAME, begun, finish, jaxmeta

grpc = pytest.importorskip("grpc")
pytest.importorskip("ray", reason="Ray is not installed: pip install 'jaxmeta[ray]'")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing()),
]

SCRIPTS = Path(__file__).parents[2] / "examples" / "slurm"
STUDY = "spirals --preset logarithmic --p-eps 0.05 --noprog-max 60"
SHORT = f"{STUDY} --i-max 6 --epochs 3"
LONG = f"{STUDY} --i-max 36 --epochs 2000 --patience 2000 --batch-size 4"  # minutes
SMALL = ["--cpus-per-task=1", "--mem=1G"]  # of each job: a node has two cores


@pytest.fixture(scope="module")
def cluster():
    """In a folder that may be short: the path of a socket may have 107 letters."""
    home = Path(tempfile.mkdtemp())
    with slurm.Slurm(home) as here:
        yield here
    shutil.rmtree(home)


@pytest.fixture
def said(cluster):
    """What the jobs have written, where a test fails."""

    def all_of_it() -> str:
        logs = [*cluster.home.glob("slurm-*.out"), *cluster.home.glob("*/study.*log")]
        return "\n".join(f"== {log.name}\n{log.read_text()[-2000:]}" for log in sorted(logs))

    return all_of_it


def given(cluster, study: str, name: str) -> dict[str, object]:
    folder = cluster.home / name
    return {"OUT": folder / "study", "STUDY": study, "VENV": sys.prefix, "PATIENCE": 60}


def ended(cluster, job: int) -> bool:
    return cluster.state(job) in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")


def decided(folder: Path) -> int:
    return (folder / NAME).read_bytes().count(b"\n") if begun(folder) else 0


def laptop(study: str, folder: Path) -> bytes:
    finish(jaxmeta("tune", *study.split(), "--out", folder))
    return (folder / NAME).read_bytes()


def test_a_study_from_sbatch_to_its_end(cluster, said, tmp_path):
    here = given(cluster, SHORT, "short")
    out = here["OUT"]
    head = cluster.submit(*SMALL, SCRIPTS / "head.sh", **here)
    more = cluster.submit(*SMALL, SCRIPTS / "head.sh", **here)  # turns out not to be needed
    worker = [*SMALL, f"--dependency=after:{head}", "--array=1-2", SCRIPTS / "worker.sh"]
    workers = cluster.submit(*worker, **here)
    cluster.until(lambda: all(ended(cluster, job) for job in (head, more, workers)), 180)
    assert cluster.state(head) == cluster.state(workers) == "COMPLETED", said()
    assert cluster.state(more) == "CANCELLED"
    assert (out / NAME).read_bytes() == laptop(SHORT, tmp_path / "laptop"), said()
    assert stat.S_IMODE(out.with_suffix(".token").stat().st_mode) == 0o600


def test_one_allocation(cluster, said, tmp_path):
    here = given(cluster, SHORT, "allocation")
    nodes = [*SMALL, "--nodes=2", SCRIPTS / "allocation.sh"]
    job = cluster.submit(*nodes, **here, SCRIPTS=SCRIPTS)
    cluster.until(lambda: ended(cluster, job), 180)
    assert cluster.state(job) == "COMPLETED", said()
    assert (here["OUT"] / NAME).read_bytes() == laptop(SHORT, tmp_path / "laptop"), said()


# One call of each service that Ray's processes offer to others.
CALLS = (
    "NodeInfoGcsService/GetAllNodeInfo",
    "NodeManagerService/GetNodeStats",
    "ObjectManagerService/Push",
    "CoreWorkerService/NumPendingTasks",
)


def answers(address: str, **metadata: str) -> set[str]:
    """What a process at `address` answers to a stranger's calls, or to those with a token."""
    found = set()
    with grpc.insecure_channel(address) as channel:
        for call in CALLS:
            try:
                channel.unary_unary(f"/ray.rpc.{call}")(
                    b"", timeout=20, metadata=tuple(metadata.items())
                )
                found.add("OK")
            except grpc.RpcError as error:
                found.add(error.code().name)  # pyright: ignore[reportAttributeAccessIssue]
    return found - {"UNIMPLEMENTED"}  # that service is another process's


def strangers_are_refused(cluster, token: str) -> int:
    """Wherever a node listens on more than its own address; how many such ports there are."""
    wide = [
        f"{slurm.NET}.{node}:{port}"
        for node in (1, 2)
        for address, port in cluster.listening(node)
        if address not in (f"{slurm.NET}.{node}", "127.0.0.1")
    ]
    assert {one: answers(one) for one in wide} == {one: {"UNAUTHENTICATED"} for one in wide}
    known = [answers(one, authorization=f"Bearer {token}") for one in wide]
    assert all("UNAUTHENTICATED" not in one for one in known)
    return len(wide)


def test_time_limits_a_power_cut_and_a_cancelled_job(cluster, said, tmp_path):
    """Jobs of two minutes; the second loses a node of its workers, the third is cancelled."""
    here = given(cluster, LONG, "long")
    out = here["OUT"]
    limits = ["--time=2", "--signal=B:TERM@15"]
    heads = [cluster.submit(*SMALL, *limits, SCRIPTS / "head.sh", **here) for _ in range(16)]
    worker = [*SMALL, "--time=60", "--array=1-2", SCRIPTS / "worker.sh"]
    workers = cluster.submit(*worker, f"--dependency=after:{heads[0]}", **here)

    def running(n: int) -> None:
        """Head n runs, and has decided something."""
        cluster.until(lambda: cluster.state(heads[n]) == "RUNNING", 180)
        before = decided(out)
        cluster.until(lambda: decided(out) > before + 1 or ended(cluster, heads[n]), 180)
        assert cluster.state(heads[n]) == "RUNNING", said()

    running(0)
    wide = strangers_are_refused(cluster, out.with_suffix(".token").read_text().strip())
    cluster.until(lambda: ended(cluster, heads[0]), 180)
    running(1)
    where = cluster("squeue", "-h", "-j", heads[1], "-o", "%N").strip()
    other = 3 - int(where.removeprefix("n"))  # the head is not on it
    cluster.kill(other)
    cluster.boot(other)
    cluster.until(lambda: ended(cluster, heads[1]), 180)
    running(2)
    cluster("scancel", heads[2])
    cluster.until(lambda: all(ended(cluster, job) for job in (*heads, workers)), 900)
    assert (out / NAME).read_bytes() == laptop(LONG, tmp_path / "laptop"), said()
    ran = [job for job in heads if (cluster.home / f"slurm-{job}.out").exists()]
    states = [cluster.state(job) for job in ran]
    assert states.pop(2) == "CANCELLED" and set(states) == {"COMPLETED"}, said()
    assert len(ran) >= 4 and said().count("jaxmeta: stopped") >= 2, said()
    print(f"\nSlurm: {len(ran) - 1} hand-overs, a node lost, a job cancelled: the same bytes")
    print(f"{wide} ports of Ray's listen on all addresses: each refuses who has no token")
