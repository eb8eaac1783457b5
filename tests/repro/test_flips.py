"""Every byte of a journal flipped, every line removed, doubled or swapped, every field edited.

`verify` must find all of it and say where. Reading and replaying finds almost all at no cost; the
few edits that only training again can tell are tried in whole.
"""

import json

import pytest

from jaxmeta import engine, tasks, tuning, verify
from jaxmeta.record.journal import NAME, JournalError, decode_all, read, split
from jaxmeta.record.lines import decisions
from jaxmeta.replay import replay
from jaxmeta.running import run
from jaxmeta.space import Choice
from jaxmeta.study import Study, from_line, space_of
from jaxmeta.training import Training

pytestmark = pytest.mark.repro
PRESET = "logarithmic"

# Bounds that this study never met: with another value the record is that of another true study.
UNREACHED = ("low", "high", "p_min", "noprog_max")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "a"
    task = tasks.make("spirals")
    space = space_of(task, {"learning_rate": None, "optimizer": Choice("adam", "sgd")}, PRESET)
    run(Study(task, tuning.make(None, PRESET, space, i_max=3), Training(epochs=2)), folder)
    return folder


def cheap(content: bytes) -> str | None:
    """What reading and replaying say against `content`: a sentence, or None."""
    raws, torn = split(content)
    if torn:
        return f"line {len(raws) + 1} is torn"
    try:
        replay(list(decode_all(raws)))
    except (JournalError, ValueError) as error:
        return str(error)
    return None


@pytest.fixture(scope="module")
def dear(folder):
    """What training again says against `content`; compiled once for all edits."""
    study = from_line(read(folder)[0])
    with engine.start([study.recipe()]) as runner:

        def check(content: bytes) -> str | None:
            journal = list(decode_all(split(content)[0]))
            try:
                forged = from_line(journal[0], study.task)
            except (JournalError, TypeError, ValueError) as error:
                return f"line 1: {error}"
            chosen = set(range(len(decisions(journal))))
            if forged.recipe() == study.recipe():
                verdict = verify.train_again(journal, chosen, runner)
            else:
                with engine.start([forged.recipe()]) as other:
                    verdict = verify.train_again(journal, chosen, other)
            return None if verdict.answer == verify.IDENTICAL else verdict.sentence

        yield check


def test_every_byte_flipped(folder, dear):
    whole = (folder / NAME).read_bytes()
    found = trained = 0
    for at in range(len(whole)):
        for bit in range(8):
            content = bytearray(whole)
            content[at] ^= 1 << bit
            sentence = cheap(bytes(content))
            if sentence is None:
                sentence = dear(bytes(content))
                trained += 1
            assert sentence, f"byte {at}, bit {bit} flipped and not found"
            assert "line" in sentence or "environment" in sentence
            found += 1
    assert dear(whole) is None  # the control: the record itself is identical
    print(f"\nbits flipped: {found} of {8 * len(whole)} found, {trained} of them by training again")


def test_every_line_removed_doubled_or_swapped(folder):
    raws = (folder / NAME).read_bytes().splitlines(keepends=True)
    edits = 0
    for i in range(len(raws)):
        changed = [raws[:i] + raws[i + 1 :], raws[:i] + raws[i : i + 1] + raws[i:]]
        changed += [raws[:i] + [raws[i + 1], raws[i]] + raws[i + 2 :]] if i + 1 < len(raws) else []
        for edit in changed:
            last_removed = edit == raws[:-1]  # that is an interrupted study, a true one
            assert cheap(b"".join(edit)) or last_removed
            edits += 1
    assert replay(read(folder)[:-1]).next() is None
    print(f"\nlines removed, doubled, swapped: {edits} edits found")


def test_every_field_edited_and_the_chain_made_to_fit(folder, dear):
    """The forger's way. What replay cannot know, measurements for one, training again tells."""
    from tests.test_replay import edited, leaves, other, rechained

    lines = read(folder)
    found = trained = 0
    for number, line in enumerate(lines):
        for path, value in leaves(line):
            if path[0] == "prev" or path[-1] in UNREACHED:
                continue
            forged = [*lines[:number], edited(line, path, other(value)), *lines[number + 1 :]]
            content = b"".join(
                json.dumps(entry, separators=(",", ":")).encode() + b"\n"
                for entry in rechained(forged)
            )
            sentence = cheap(content)
            if sentence is None:
                sentence = dear(content)
                trained += 1
            assert sentence, f"line {number + 1}, {path} edited and not found"
            found += 1
    print(f"\nfields edited: {found} found, {trained} of them by training again")
