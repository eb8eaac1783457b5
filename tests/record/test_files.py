"""Files that somebody else made: links, pipes and devices are refused, sizes bounded."""

import os
import threading

import pytest

from jaxmeta.record import files
from jaxmeta.record.error import JournalError
from jaxmeta.record.journal import NAME, Journal, read

KINDS = {
    "a link": lambda path: path.symlink_to(path.with_name("target")),
    "a pipe": os.mkfifo,
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_regular_file_is_named_and_left_alone(kind, tmp_path):
    (tmp_path / "target").write_bytes(b"mine, without a newline")
    KINDS[kind](tmp_path / NAME)
    for act in (read, Journal.open):
        with pytest.raises(JournalError, match=f"{NAME} is {kind}, and only a regular file"):
            act(tmp_path)
    files.append(tmp_path / NAME, b"more")
    assert (tmp_path / "target").read_bytes() == b"mine, without a newline"


def test_a_new_study_is_not_begun_through_a_link(tmp_path):
    (tmp_path / "target").write_bytes(b"mine")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / NAME).symlink_to(tmp_path / "target")
    with pytest.raises(JournalError, match="is a link"):
        Journal.create(tmp_path / "a")
    assert (tmp_path / "target").read_bytes() == b"mine"


def test_a_device_is_refused():
    with pytest.raises(JournalError, match="device or socket"):
        files.regular("/dev/zero", os.O_RDONLY)


def test_lines_and_files_have_limits(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LINE", 10)
    monkeypatch.setattr(files, "LINES", 3)
    monkeypatch.setattr(files, "WHOLE", 50)
    path = tmp_path / "a"

    def lines(content):
        path.write_bytes(content)
        with open(path, "rb") as file:
            return list(files.raw_lines(file, path))

    assert lines(b"123456789\nab") == [b"123456789\n", b"ab"]
    for content, words in (
        (b"1234567890\n", "line 1 of .* more than 10 bytes"),
        (b"\n\n\n\n", "more than 3 lines"),
        (b"\n" * 51, "51 bytes, and at most 50"),
    ):
        with pytest.raises(JournalError, match=words):
            lines(content)


def test_a_sparse_file_of_a_terabyte_is_refused_at_once(tmp_path):
    with open(tmp_path / NAME, "wb") as file:
        file.truncate(2**40)
    with pytest.raises(JournalError, match="at most"):
        read(tmp_path)


def test_a_file_of_no_complete_line_is_not_cut(tmp_path):
    """It may be anything; a study that goes on has a line."""
    (tmp_path / NAME).write_bytes(b"a letter")
    Journal.open(tmp_path).close()
    assert (tmp_path / NAME).read_bytes() == b"a letter"


def test_threads_are_not_needed_to_open_a_pipe(tmp_path):
    """Opening one for writing would wait for a reader for ever."""
    os.mkfifo(tmp_path / "pipe")
    thread = threading.Thread(target=files.append, args=(tmp_path / "pipe", b"x"), daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
