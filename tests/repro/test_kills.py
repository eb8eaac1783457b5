"""Killed with SIGKILL at any instant and resumed, a study writes the journal it would have written.

`make repro` runs this, and prints how many kills and resumptions there were.
"""

import re
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.repro.processes import (
    NAME,
    command,
    finish,
    jaxmeta,
    killed_at_random,
    reference,
    start,
)

pytestmark = pytest.mark.repro

SPIRALS = ["tune", "spirals", "--preset", "logarithmic", "--i-max", "4", "--epochs", "3"]
MNIST = ["tune", "mnist", "--train-size", "1500", "--i-max", "2", "--epochs", "8"]
KILLER = Path(__file__).with_name("killer.py")
AT_ONCE = 2  # processes side by side
RANDOM_KILLS = 100


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    home = tmp_path_factory.mktemp("reference")
    journal, _ = reference(home / "compiling", SPIRALS)
    again, seconds = reference(home / "compiled", SPIRALS)
    assert again == journal
    return journal, seconds


def test_at_every_write_boundary(uninterrupted, tmp_path):
    journal, _ = uninterrupted

    def kill(boundary: int) -> bool:
        """Killed there and resumed; False when the study ended before that boundary."""
        folder = tmp_path / str(boundary)
        process = start(KILLER, boundary, *SPIRALS, "--out", folder)
        process.communicate()
        if process.returncode == 0:
            return False
        assert process.returncode == -signal.SIGKILL
        finish(jaxmeta(*command(folder, SPIRALS)))
        assert (folder / NAME).read_bytes() == journal, f"boundary {boundary}"
        return True

    with ThreadPoolExecutor(AT_ONCE) as pool:
        kills, boundary = 0, 1
        more = True
        while more:
            killed = list(pool.map(kill, range(boundary, boundary + AT_ONCE)))
            kills, boundary, more = kills + sum(killed), boundary + AT_ONCE, all(killed)
    lines = journal.count(b"\n")
    assert kills >= 4 * lines
    print(f"\nwrite boundaries: {kills} kills, {kills} resumptions, {kills} identical journals")


def test_at_random_instants(uninterrupted, tmp_path):
    journal, seconds = uninterrupted

    def study(seed: int) -> int:
        folder = tmp_path / str(seed)
        # Long enough for some processes to get to the end, so that every part is met.
        kills = sum(1 for _ in killed_at_random(folder, SPIRALS, seed, longest=1.1 * seconds))
        assert (folder / NAME).read_bytes() == journal, f"seed {seed}"
        shutil.rmtree(folder)
        return kills

    kills = studies = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while kills < RANDOM_KILLS:
            kills += sum(pool.map(study, range(studies, studies + AT_ONCE)))
            studies += AT_ONCE
    print(f"\nrandom instants: {kills} kills, {kills} resumptions, {studies} identical journals")


def saved_epochs(folder: Path) -> list[int]:
    """The epochs after which the running training was saved whole."""
    names = [path.name for path in (folder / "checkpoint").glob("*")]
    return [
        int(m[1]) for name in names if (m := re.fullmatch(r"[\d.,-]+_(\d+)_[0-9a-f]{32}", name))
    ]


def test_inside_a_training_of_mnist(tmp_path):
    """Trainings of several seconds: resumed from the last saved epoch, not from the start."""
    journal, _ = reference(tmp_path / "reference", MNIST)
    kills = from_saved = 0
    for n in range(4):
        folder = tmp_path / str(n)
        process = jaxmeta(*MNIST, "--out", folder)
        while process.poll() is None and not saved_epochs(folder):
            time.sleep(0.02)
        time.sleep(0.8 * n)  # at other epochs, and in the middle of a save
        process.send_signal(signal.SIGKILL)
        process.communicate()
        saved, kills = saved_epochs(folder), kills + 1
        output = finish(jaxmeta("resume", folder))
        first = re.search(r"epoch (\d+) of", output)
        if saved:
            assert first is not None and int(first[1]) == max(saved) + 1
            from_saved += 1
        assert (folder / NAME).read_bytes() == journal, f"kill {n}"
        assert not (folder / "checkpoint").exists()
    assert from_saved >= 1
    print(f"\nMNIST: {kills} kills, {from_saved} resumed from a saved epoch, {kills} identical")
