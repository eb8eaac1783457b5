"""The watcher sees each thing that it is for, and what is allowed it lets be."""

import builtins
import ctypes
import importlib
import os
import pickle
import shutil
import socket
import subprocess
import sys

import pytest

from tests import guard

FORBIDDEN = {
    "subprocess.Popen": lambda out: subprocess.run(["true"], check=False),
    "os.system": lambda out: os.system("true"),
    "os.exec": lambda out: os.execv("/bin/true", ["true"]),
    "os.posix_spawn": lambda out: os.posix_spawn("/bin/true", ["true"], {}),
    "os.fork": lambda out: os.fork(),
    "os.kill": lambda out: os.kill(os.getpid(), 0),
    "os.chdir": lambda out: os.chdir(out),
    "os.putenv": lambda out: os.environ.__setitem__("PWNED", "1"),
    "socket.__new__": lambda out: socket.socket(),
    "socket.getaddrinfo": lambda out: socket.getaddrinfo(b"127.0.0.1", 80),
    "ctypes.dlopen": lambda out: ctypes.CDLL(None),
    "import": lambda out: importlib.import_module("antigravity"),
    "compile": lambda out: compile("1", "x", "eval"),
    "exec": lambda out: builtins.exec((lambda: None).__code__),
    "pickle.find_class": lambda out: pickle.loads(b"cos\nsystem\n."),
    "open": lambda out: open(out / "new", "w"),
    "open with a number": lambda out: os.open(out / "file", os.O_RDWR),
    "open through a link": lambda out: open(out.parent / "here" / "link", "a"),
    "os.remove": lambda out: os.remove(out / "file"),
    "os.rename": lambda out: os.rename(out.parent / "here" / "file", out / "moved"),
    "os.rmdir": lambda out: os.rmdir(out / "folder"),
    "os.mkdir": lambda out: os.mkdir(out / "new"),
    "os.truncate": lambda out: os.truncate(out / "file", 0),
    "os.link": lambda out: os.link(out.parent / "here" / "file", out / "new"),
    "os.symlink": lambda out: os.symlink("x", out / "new"),
    "os.chmod": lambda out: os.chmod(out / "file", 0o777),
    "os.utime": lambda out: os.utime(out / "file"),
    "shutil.rmtree": lambda out: shutil.rmtree(out / "folder"),
    "trap": lambda out: guard.trap(1),
}


@pytest.fixture
def here(tmp_path):
    for name in ("here", "outside"):
        (tmp_path / name / "folder").mkdir(parents=True)
        (tmp_path / name / "file").write_text("mine")
    (tmp_path / "here" / "link").symlink_to(tmp_path / "outside" / "file")
    return tmp_path / "here"


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_is_forbidden_is_seen_and_stopped(name, here):
    outside = here.parent / "outside"
    before = sorted(outside.rglob("*")), (outside / "file").read_text()
    with guard.watching(here) as seen:
        try:
            FORBIDDEN[name](outside)
        except guard.Forbidden:
            pass
    assert len(seen) == 1 and seen[0].startswith(name.split()[0]), seen
    assert (sorted(outside.rglob("*")), (outside / "file").read_text()) == before


def test_what_happens_in_the_folder_is_allowed(here):
    with guard.watching(here) as seen:
        (here / "new").write_text("x")
        (here / "new").rename(here / "moved")
        (here / "link").unlink()  # the link, not what it leads to
        (here / "moved").chmod(0o600)
        shutil.rmtree(here / "folder")
        (here.parent / "outside" / "file").read_text()
        "x".encode("utf-32-be")  # loads a part of a package that is here
    assert seen == []
    assert "encodings" in sys.modules


def test_it_sleeps_outside(here):
    with guard.watching(here):
        pass
    subprocess.run(["true"], check=True)
    compile("1", "x", "eval")
