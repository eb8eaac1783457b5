"""A real Slurm of a few nodes on this one machine; needs root and Debian's slurm-wlm.

A node is a process in namespaces of its own: its name, address, processes, shared memory and Ray's
folder. What runs there dies with it, as on a machine that loses its power. The nodes have a
network among themselves and this machine, in 198.51.100.0/24, which is nobody's (RFC 5737).
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

NEEDED = ("sbatch", "slurmctld", "slurmd", "munged", "ip", "ss", "unshare", "setpriv")
MORTAL = ("setpriv", "--pdeathsig", "KILL")  # so that nothing outlives the tests
BRIDGE, NET = "jaxmeta", "198.51.100"
CPUS = 2
RAY = f"{tempfile.gettempdir()}/ray"


def missing() -> str:
    """Why there can be no Slurm here; "" where there can."""
    lacking = [name for name in NEEDED if not shutil.which(name)]
    if lacking:
        return f"no {', '.join(lacking)}: apt install slurm-wlm munge iproute2 util-linux"
    if os.geteuid():
        return "a Slurm on one machine needs root, for its namespaces"
    tried = ["unshare", "--net", "--uts", "--pid", "--mount", "--fork", "true"]
    if subprocess.run(tried, capture_output=True).returncode:
        return "no namespaces can be made here"
    return ""


class Slurm:
    """A controller on this machine and `n` nodes; use it in a `with` statement.

    Attributes:
      home: its folder, which all nodes see: it is on the shared file system.
      environment: of the commands that talk to it.
    """

    def __init__(self, home: Path, n: int = 2) -> None:
        self.home, self.n = home, n
        self.environment = {**os.environ, "SLURM_CONF": str(home / "slurm.conf")}
        self._nodes: dict[int, subprocess.Popen[bytes]] = {}
        self._daemons: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Slurm":
        try:
            self._network()
            self._munge()
            self._configure()
            self._daemon("slurmctld", "-D", "-c")
            for node in range(1, self.n + 1):
                self.boot(node)
            self.until(lambda: self("sinfo", "-hN", "-tidle").count("\n") >= self.n, 60)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in list(self._nodes):
            self.kill(node)
        for daemon in reversed(self._daemons):
            daemon.terminate()
            daemon.wait()
        subprocess.run(["ip", "link", "del", BRIDGE], capture_output=True)

    def __call__(self, *command: object) -> str:
        """What `command`, one of Slurm's, says; nothing where it fails, as while a node is gone."""
        words = list(map(str, command))
        return subprocess.run(words, env=self.environment, capture_output=True, text=True).stdout

    def submit(self, *command: object, **environment: object) -> int:
        """`sbatch COMMAND`; the number of the job."""
        given = {name: str(value) for name, value in environment.items()}
        words = ["sbatch", "--parsable", f"--chdir={self.home}", *map(str, command)]
        return int(subprocess.check_output(words, text=True, env=self.environment | given))

    def state(self, job: int) -> str:
        """PENDING, RUNNING, COMPLETED, ...; of the whole job."""
        shown = self("scontrol", "-o", "show", "job", job).split("JobState=")
        return shown[1].split()[0] if len(shown) > 1 else ""

    def boot(self, node: int) -> None:
        """Switch node 1, 2, ... on."""
        name = f"n{node}"
        (self.home / f"spool.{name}").mkdir(exist_ok=True)
        script = f"""
            hostname {name}
            mount --bind {self.home}/hosts /etc/hosts
            mkdir -p {RAY}
            mount -t tmpfs ray {RAY}
            mount -t tmpfs shm /dev/shm
            read -r _  # the cable is plugged in
            slurmd -D -N {name} &
            wait"""
        spaces = ["--net", "--uts", "--pid", "--mount", "--mount-proc", "--fork", "--kill-child"]
        with (self.home / f"{name}.log").open("ab") as log:
            process = self._nodes[node] = subprocess.Popen(
                [*MORTAL, "unshare", *spaces, "bash", "-c", script],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )
        inside = _child(process.pid)
        _run("ip", "link", "add", f"jaxmeta{node}", "type", "veth", "peer", "eth0", "netns", inside)
        _run("ip", "link", "set", f"jaxmeta{node}", "master", BRIDGE, "up")
        into = ["nsenter", "--net", "--target", inside, "ip"]
        _run(*into, "address", "add", f"{NET}.{node}/24", "dev", "eth0")
        _run(*into, "link", "set", "eth0", "up")
        _run(*into, "link", "set", "lo", "up")
        assert process.stdin
        process.stdin.write(b"\n")
        process.stdin.close()

    def kill(self, node: int) -> None:
        """Cut the power of a node."""
        process = self._nodes.pop(node)
        process.kill()
        process.wait()
        subprocess.run(["ip", "link", "del", f"jaxmeta{node}"], capture_output=True)

    def listening(self, node: int) -> list[tuple[str, int]]:
        """The address and port of all that listens on a node, but for Slurm's own."""
        inside = ["nsenter", "--net", "--target", str(_child(self._nodes[node].pid))]
        rows = subprocess.check_output([*inside, "ss", "-ltnpH"], text=True).splitlines()
        found = [row.split()[3].rpartition(":")[::2] for row in rows if '"slurm' not in row]
        return [(address.strip("[]").removeprefix("::ffff:"), int(p)) for address, p in found]

    @staticmethod
    def until(holds, seconds: float) -> None:
        """Wait until `holds()`, at most so many seconds."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"waited for {seconds} s in vain"
            time.sleep(0.5)

    def _network(self) -> None:
        subprocess.run(["ip", "link", "del", BRIDGE], capture_output=True)
        _run("ip", "link", "add", BRIDGE, "type", "bridge")
        _run("ip", "address", "add", f"{NET}.254/24", "dev", BRIDGE)
        _run("ip", "link", "set", BRIDGE, "up")
        names = [f"{NET}.{node} n{node}" for node in range(1, self.n + 1)]
        (self.home / "hosts").write_text("\n".join(["127.0.0.1 localhost", *names, ""]))

    def _munge(self) -> None:
        key = self.home / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        options = [f"--socket={self.home}/munge.socket", f"--key-file={key}", "--force"]
        options += [f"--{what}-file={self.home}/munge.{what}" for what in ("pid", "log", "seed")]
        self._daemon("munged", "--foreground", *options)
        self.until((self.home / "munge.socket").exists, 30)

    def _configure(self) -> None:
        nodes = "\n".join(
            f"NodeName=n{node} NodeAddr={NET}.{node} CPUs={CPUS} RealMemory=16000"
            for node in range(1, self.n + 1)
        )
        (self.home / "state").mkdir()
        (self.home / "slurm.conf").write_text(f"""ClusterName=test
SlurmctldHost={socket.gethostname().split(".")[0]}({NET}.254)
SlurmUser=root
AuthInfo=socket={self.home}/munge.socket
SlurmctldPidFile={self.home}/slurmctld.pid
SlurmdPidFile={self.home}/slurmd.%n.pid
StateSaveLocation={self.home}/state
SlurmdSpoolDir={self.home}/spool.%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=15
KillWait=10
MinJobAge=3600
{nodes}
PartitionName=main Nodes=ALL Default=YES State=UP
""")

    def _daemon(self, *command: str) -> None:
        with (self.home / f"{command[0]}.log").open("ab") as log:
            self._daemons.append(
                subprocess.Popen([*MORTAL, *command], stdout=log, stderr=log, env=self.environment)
            )


def _run(*command: object) -> None:
    subprocess.run(list(map(str, command)), check=True, capture_output=True)


def _child(pid: int) -> int:
    """The first child of process `pid`, which will have one, in namespaces of its own."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    Slurm.until(lambda: children.read_text().split(), 10)
    child = int(children.read_text().split()[0])
    Slurm.until(lambda: _net(child) != _net(os.getpid()), 10)
    return child


def _net(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/net")
