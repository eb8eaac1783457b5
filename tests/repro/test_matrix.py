"""The matrix: one study, run in every parallel way there is, and whether it is the same study.

Whole processes, compared line by line: decisions, scores, losses and digests of all weights. Where
nothing but the pace was changed the journals are the same bytes. `make repro` prints the table.
"""

import hashlib
import os
import random
import signal
import time
from pathlib import Path

import pytest

from jaxmeta.record.journal import read
from jaxmeta.record.lines import decisions
from tests.repro.processes import NAME, finish, jaxmeta, killed_at_random

pytestmark = pytest.mark.repro

TUNE = ["--preset", "logarithmic", "--i-max", "8", "--epochs", "3", "--p-eps", "0.05"]
SPIRALS = ["tune", "spirals", *TUNE]
SEVERAL = [
    *SPIRALS,
    *("--tune", "learning_rate", "--tune", "batch_size", "--tune", "optimizer=adam,sgd,momentum"),
]
POSTER = ["tune", "tests.repro.networks:poster", *TUNE[:3], "4", "--epochs", "1"]


def devices(n: int) -> dict[str, str]:
    return {"XLA_FLAGS": f"--xla_force_host_platform_device_count={n}"}


# What is changed: options, environment, and whether the journal must be the same bytes.
WAYS: dict[str, tuple[list[str], dict[str, str], bool]] = {
    "look-ahead 0, 1 worker": (["--lookahead", "0", "--workers", "1"], {}, True),
    "look-ahead auto, 1 worker": (["--workers", "1"], {}, True),
    "look-ahead 0, 2 workers": (["--lookahead", "0", "--workers", "2"], {}, True),
    "look-ahead 2, 2 workers": (["--lookahead", "2", "--workers", "2"], {}, True),
    "look-ahead 8, 2 workers": (["--lookahead", "8", "--workers", "2"], {}, True),
    "look-ahead auto, 4 workers": (["--workers", "4"], {}, True),
    "look-ahead 0, 2 devices": (["--lookahead", "0"], devices(2), False),
    "look-ahead 2, 2 devices": (["--lookahead", "2"], devices(2), False),
    "look-ahead 8, 4 devices": (["--lookahead", "8"], devices(4), False),
    "look-ahead auto, 8 devices": ([], devices(8), False),
    "2 workers of 2 devices": (["--workers", "2"], devices(2), False),
    "4 lanes, one after another": (["--lanes", "4"], {}, False),
    "4 lanes, all at once": (["--lanes", "4", "--formulation", "vmap"], {}, False),
    "3 lanes all at once on 2 devices": (
        ["--lanes", "3", "--formulation", "vmap"],
        devices(2),
        False,
    ),
}
DESIGNS = {
    "one chain": [],
    "3 chains": ["--chains", "3"],
    "3 replicates": ["--replicates", "3"],
    "paired keys": ["--keys", "paired"],
    "2 paired chains of 2 replicates": ["--chains", "2", "--replicates", "2", "--keys", "paired"],
}
OF_DESIGNS = ("look-ahead auto, 4 workers", "look-ahead 8, 4 devices", "4 lanes, all at once")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("matrix")


@pytest.fixture(scope="module")
def journal_of(home):
    """The journal of a study by its command line, run once."""
    ran: dict[str, Path] = {}

    def run(tune, *options, **environment) -> Path:
        name = " ".join([*tune, *options, *environment.values()])
        if name not in ran:
            ran[name] = home / str(len(ran))
            finish(jaxmeta(*tune, *options, "--out", ran[name], **environment))
        return ran[name]

    return run


def substance(folder: Path) -> list[dict]:
    """All that was decided and measured, but for the name of the compiled program."""
    lines = [line for line in read(folder) if line["line"] in ("decision", "end")]
    for line in decisions(lines):
        for entry in line["trainings"]:
            del entry["compiled"]
    return [{name: value for name, value in line.items() if name != "prev"} for line in lines]


def compare(what: str, a: Path, b: Path, bytes_too: bool) -> None:
    same, identical = (
        substance(a) == substance(b),
        (a / NAME).read_bytes() == (b / NAME).read_bytes(),
    )
    words = "the same bytes" if identical else "another environment line"
    print(f"\n{what:60s} {'same' if same else 'OTHER'} decisions, scores, digests; {words}", end="")
    assert same
    assert identical or not bytes_too


@pytest.mark.parametrize("way", WAYS)
def test_one_chain(way, journal_of):
    options, environment, bytes_too = WAYS[way]
    base = journal_of(SPIRALS, "--lookahead", "0")
    compare(way, base, journal_of(SPIRALS, *options, **environment), bytes_too)


@pytest.mark.parametrize("way", OF_DESIGNS)
@pytest.mark.parametrize("design", list(DESIGNS)[1:])
def test_designs(design, way, journal_of):
    options, environment, bytes_too = WAYS[way]
    tune = [*SPIRALS, *DESIGNS[design]]
    base = journal_of(tune, "--lookahead", "0")
    compare(f"{design}; {way}", base, journal_of(tune, *options, **environment), bytes_too)


@pytest.mark.parametrize("way", ["look-ahead 2, 2 workers", *OF_DESIGNS])
def test_several_axes(way, journal_of):
    """Learning rate, mini-batch and optimiser: the trials are of many variants."""
    options, environment, bytes_too = WAYS[way]
    base = journal_of(SEVERAL, "--lookahead", "0")
    variants = {tuple(list(line["values"].values())[1:]) for line in decisions(read(base))}
    assert len(variants) > 2
    compare(
        f"{len(variants)} variants; {way}",
        base,
        journal_of(SEVERAL, *options, **environment),
        bytes_too,
    )


@pytest.mark.parametrize("way", ["look-ahead 2, 2 workers", *OF_DESIGNS[1:]])
def test_the_posters_network(way, journal_of):
    options, environment, bytes_too = WAYS[way]
    base = journal_of(POSTER, "--lookahead", "0")
    compare(f"MNIST; {way}", base, journal_of(POSTER, *options, **environment), bytes_too)


def test_a_chain_alone_and_among_others(journal_of):
    alone = decisions(read(journal_of(SPIRALS, "--lookahead", "0")))
    among = decisions(read(journal_of([*SPIRALS, *DESIGNS["3 chains"]], "--lookahead", "0")))
    own = [line for line in among if line["chain"] == 0]
    assert [{**line, "prev": ""} for line in own] == [{**line, "prev": ""} for line in alone]
    others = [line["trainings"] for line in among if line["chain"] != 0]
    assert not any(training in others for training in (line["trainings"] for line in alone))
    print(f"\nchain 0 alone and among 3: {len(own)} decisions, all the same", end="")


def test_a_replicate_alone_and_together(journal_of):
    """Replicate 0 of the first decision; from then on scores that are added decide otherwise."""
    alone = decisions(read(journal_of(SPIRALS, "--lookahead", "0")))[0]
    design = [*SPIRALS, *DESIGNS["3 replicates"]]
    together = decisions(read(journal_of(design, "--lookahead", "0")))[0]
    assert together["trainings"][:1] == alone["trainings"]
    assert len({training["digests"][-1] for training in together["trainings"]}) == 3
    print("\nreplicate 0 alone and among 3: the same", end="")


def test_controls_differ(journal_of):
    """The matrix sees what it must: other seeds, and one rounding a step.

    Whether plain layers differ by the width of `vmap` is the processor's affair: said, not asked.
    """
    base = substance(journal_of(SPIRALS, "--lookahead", "0"))
    assert base != substance(journal_of(SPIRALS, "--seed", "1", "--lookahead", "0"))
    left, right = (
        substance(journal_of(["tune", f"tests.repro.networks:{name}", *TUNE], "--lookahead", "0"))
        for name in ("left_to_right", "right_to_left")
    )
    assert left != right
    plain = ["tune", "tests.repro.networks:plain", *TUNE[:3], "2", "--epochs", "1"]
    one = journal_of(plain, "--lanes", "1", "--formulation", "vmap")
    four = journal_of(plain, "--lanes", "4", "--formulation", "vmap")
    widths = "differ" if substance(one) != substance(four) else "do not differ here"
    print("\ncontrols: another seed differs; a sum in another order differs;", end="")
    print(f" plain layers {widths} by the width of vmap", end="")


def children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and int((entry / "stat").read_text().split()[3]) == pid:
                found.append(int(entry.name))
        except (OSError, ValueError, IndexError):
            continue
    return found


def test_workers_killed_at_random(home, journal_of):
    kills, base = 0, journal_of(SPIRALS, "--lookahead", "0")
    for seed in range(4):
        folder, instants = home / f"workers {seed}", random.Random(seed)
        process = jaxmeta(*SPIRALS, "--workers", "2", "--out", folder)
        for _ in range(5):
            time.sleep(instants.uniform(0.2, 4))
            if process.poll() is None and (workers := children(process.pid)):
                os.kill(instants.choice(workers), signal.SIGKILL)
                kills += 1
        finish(process)
        assert (folder / NAME).read_bytes() == (base / NAME).read_bytes()
    assert kills > 3
    print(f"\n{kills} workers killed at random: 4 journals, the same bytes", end="")


def test_the_study_killed_at_random_and_resumed_in_other_ways(home, journal_of):
    base, kills = journal_of(SPIRALS, "--lookahead", "0"), 0
    for seed in range(2):
        folder = home / f"parent {seed}"
        kills += sum(1 for _ in killed_at_random(folder, SPIRALS, seed, 12, ways=("1", "2", "4")))
        assert (folder / NAME).read_bytes() == (base / NAME).read_bytes()
    assert kills
    print(f"\n{kills} studies with workers killed and resumed with others: the same bytes", end="")


def test_a_hundred_iterations_of_mnist(home, journal_of):
    """One at a time, and with look-ahead in two workers: the same digest of the journal."""
    tune = ["tune", "mnist", "--train-size", "500", "--steps-per-epoch", "5", "--epochs", "1"]
    tune += ["--preset", "poster", "--i-max", "100", "--noprog-max", "100", "--p-eps", "0.05"]
    seconds = []
    for n, options in enumerate((["--lookahead", "0"], ["--workers", "2"])):
        started = time.monotonic()
        finish(jaxmeta(*tune, *options, "--out", home / f"hundred {n}"))
        seconds.append(time.monotonic() - started)
    one, two = ((home / f"hundred {n}" / NAME).read_bytes() for n in range(2))
    assert len(decisions(read(home / "hundred 0"))) == 100
    digests = [hashlib.sha256(journal).hexdigest() for journal in (one, two)]
    print(
        f"\n100 iterations of MNIST: {seconds[0]:.0f} s one at a time, {seconds[1]:.0f} s with "
        f"look-ahead in two workers\n  sha256 {digests[0]}\n  sha256 {digests[1]}",
        end="",
    )
    assert one == two
