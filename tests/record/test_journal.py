"""The journal: chained, durable, one writer, and nothing guessed at."""

import errno
import os
import subprocess
import sys

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jaxmeta.record import journal
from jaxmeta.record.journal import FORMAT, NAME, Journal, JournalError, read_content

STUDY = {"line": "study", "format": FORMAT}


def read(folder):
    """The lines that the chain holds, whatever their form (`test_schema`)."""
    return read_content(folder).lines


def filled(folder, n=3):
    with Journal.create(folder) as open_journal:
        open_journal.append(STUDY)
        for i in range(n):
            open_journal.append({"line": "training", "i": i, "score": 10 * i})
    return folder / NAME


def test_what_was_appended_is_read_back_in_order(tmp_path):
    filled(tmp_path / "a")
    lines = read(tmp_path / "a")
    assert [line["line"] for line in lines] == ["study", "training", "training", "training"]
    assert [line["score"] for line in lines[1:]] == [0, 10, 20]


def test_the_same_lines_give_the_same_bytes(tmp_path):
    assert filled(tmp_path / "a").read_bytes() == filled(tmp_path / "b").read_bytes()


@pytest.mark.parametrize("torn", [b"{", b'{"prev":"00', b"\xff\x00"])
def test_a_torn_last_line_is_cut_away_and_said_so(tmp_path, torn):
    path = filled(tmp_path / "a")
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    assert len(read(tmp_path / "a")) == 4
    with Journal.open(tmp_path / "a") as again:
        assert again.cut == len(torn)
        assert path.read_bytes() == whole
        again.append({"line": "training", "i": 3})
    assert len(read(tmp_path / "a")) == 5


def test_every_flipped_byte_is_found(tmp_path):
    """Every single bit-pattern change of one byte: here each byte with its lowest bit turned."""
    path = filled(tmp_path / "a", n=2)
    whole = path.read_bytes()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1
        path.write_bytes(bytes(changed))
        try:
            lines = read(tmp_path / "a")
        except JournalError as error:
            assert "line " in str(error)
            continue
        # Only the last line has no line after it to hold its hash: it is known by its end.
        assert at > whole[:-1].rindex(b"\n"), at
        assert lines != list(journal.decode_all(journal.split(whole)[0])) or len(lines) < 3


@pytest.mark.parametrize("edit", ["remove", "double", "swap", "first"])
def test_a_line_removed_doubled_or_moved_is_found(tmp_path, edit):
    path = filled(tmp_path / "a")
    raws = path.read_bytes().splitlines(keepends=True)
    if edit == "remove":
        del raws[2]
    elif edit == "double":
        raws.insert(2, raws[2])
    elif edit == "swap":
        raws[1], raws[2] = raws[2], raws[1]
    else:
        del raws[0]
    path.write_bytes(b"".join(raws))
    with pytest.raises(JournalError, match="line [1-4] must carry"):
        read(tmp_path / "a")


def test_a_newer_format_is_refused_by_name(tmp_path):
    with Journal.create(tmp_path / "a") as a:
        a.append({"line": "study", "format": FORMAT + 1})
    with pytest.raises(JournalError, match=f"format {FORMAT + 1}"):
        read(tmp_path / "a")


def test_a_folder_in_use_is_refused(tmp_path):
    filled(tmp_path / "a")
    with pytest.raises(JournalError, match="new or empty"):
        Journal.create(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.tex").touch()
    with pytest.raises(JournalError, match="new or empty"):
        Journal.create(tmp_path / "b")


def test_a_study_that_never_began_does_not_stand_in_the_way(tmp_path):
    """Killed before its first line was whole: there is nothing to lose."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / NAME).write_bytes(b'{"prev":"0000')
    filled(tmp_path / "a")
    assert len(read(tmp_path / "a")) == 4


def test_a_folder_without_a_journal_is_named(tmp_path):
    for act in (read, Journal.open):
        with pytest.raises(JournalError, match="must hold a journal.jsonl"):
            act(tmp_path / "nowhere")


def test_a_second_process_is_kept_out_and_let_in_when_the_first_dies(tmp_path):
    """The lock is the system's: it goes with its holder, however that ends."""
    filled(tmp_path / "a")
    hold = (
        "import sys, time; from pathlib import Path; from jaxmeta.record.journal import Journal;"
        "j = Journal.open(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path / "a")], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with pytest.raises(JournalError, match="another process"):
        Journal.open(tmp_path / "a")
    holder.kill()
    holder.communicate()
    Journal.open(tmp_path / "a").close()


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    path = filled(tmp_path / "a")
    whole = path.read_bytes()
    with Journal.open(tmp_path / "a") as full:

        def fail(_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(journal.os, "fsync", fail)
            with pytest.raises(JournalError, match="No space left .* make room"):
                full.append({"line": "training", "i": 3})
        assert path.read_bytes() == whole
        full.append({"line": "training", "i": 3})  # there is room again
    assert len(read(tmp_path / "a")) == 5


def test_a_real_full_disk(tmp_path):
    """/dev/full takes no byte: the same sentence from the system itself."""
    with Journal.create(tmp_path / "a") as full:
        full._file.close()
        full._file = open("/dev/full", "r+b", buffering=0)
        with pytest.raises(JournalError, match="replaced|No space left"):
            full.append(STUDY)


def test_a_folder_deleted_while_running_is_said_so(tmp_path):
    with Journal.create(tmp_path / "a") as gone:
        gone.append(STUDY)
        (tmp_path / "a" / NAME).unlink()
        with pytest.raises(JournalError, match="did not"):
            gone.append({"line": "training", "i": 0})


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="folder that can be written to"):
        Journal.create(tmp_path / "file" / "a")


class Crashes(RuleBasedStateMachine):
    """Append, crash with any tail torn off or left half-written, reopen: against a list."""

    def __init__(self):
        super().__init__()
        import tempfile
        from pathlib import Path

        self.home = tempfile.TemporaryDirectory()
        self.folder = Path(self.home.name) / "a"
        self.journal = Journal.create(self.folder)
        self.model = [self.journal.append(STUDY)]

    @rule(score=st.integers(-(2**31), 2**31 - 1), word=st.text(max_size=5))
    def append(self, score, word):
        self.model.append(self.journal.append({"line": "training", "score": score, "word": word}))

    @rule(part=st.floats(0.0, 1.0, exclude_max=True))
    def crash_while_appending(self, part):
        raw = journal.encode({"prev": self.journal._prev, "line": "training", "score": 1})
        self.journal.close()
        with open(self.folder / NAME, "ab") as file:
            file.write(raw[: int(part * len(raw))])
        self.journal = Journal.open(self.folder)
        assert self.journal.cut == int(part * len(raw))

    @rule()
    def reopen(self):
        self.journal.close()
        self.journal = Journal.open(self.folder)
        assert self.journal.cut == 0

    @invariant()
    def holds_exactly_what_was_appended(self):
        assert self.journal.lines == self.model == read(self.folder)

    def teardown(self):
        self.journal.close()
        self.home.cleanup()


TestCrashes = Crashes.TestCase
TestCrashes.settings = settings(max_examples=30, stateful_step_count=15, deadline=None)
