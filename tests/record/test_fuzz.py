"""Journals broken at random: whoever reads one answers with success or one sentence, and does
nothing to the machine.

Three levels: bytes as they fall; whole lines, with the chain of hashes made to fit; any value of
any line, likewise. What reads them is watched (`tests.guard`): no process, no socket, no file
outside the study's folder, no import, no code.
"""

import io
import os
import shutil
import time
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from jaxmeta import display, engine, running, verify
from jaxmeta.engine import Event
from jaxmeta.record.diff import diff
from jaxmeta.record.journal import NAME, JournalError, read
from jaxmeta.record.lines import kind_of, rank, recorded, trial_of
from jaxmeta.replay import replay
from jaxmeta.report import as_json, picture, table
from jaxmeta.report.pace import pace
from jaxmeta.trial import Result
from tests import guard
from tests.answers import bounded, harmless, said
from tests.records import Raw, chained, seeds

JOBS = 40  # trainings that the engine of these tests hands out to one study

# A tuner with other options is compiled anew, and JAX keeps what it compiled.
COMPILED = Path(os.environ["JAX_COMPILATION_CACHE_DIR"])
TRUE = {"unfinished": "unfinished", "moved": "consistent"}  # what verify says of true journals
DEEP = 100_000
TEXTS = [
    *("", "0", "diverged", "nan", "inf", "-inf", "0x1p9999", "0x1p-2000", "0x", "1_0", " 1"),
    *("subprocess:run", "builtins:exit", "os:abort", "tests.guard:trap", "antigravity:x", "a:b:c"),
    *("../../x", "/etc/passwd", "a/../../b", "a\0b", "mnist", "sine", "spirals", "optuna", "grid"),
    *("\x1b]0;pwned\x07\x1b[2J", "\x9b31m", "\x00", "\x7f", "a\nb", "a\r\tb", "\u202ea\u2066"),
    *("\ud800", "\udfff\ud800", "\ufeff", "<script>&amp;", "]]>", "$x^{$", "[bold]x[/]", "%s{}"),
    *("learning_rate", "batch_size", "choice", "values", "linear", "log", "every", "class", "a b"),
    *("0x1.0000000000000p-1", "adam", "float", "count", "plain", "fixed order"),
    "x" * 100_000,
]
NUMBERS = [
    *(0, 1, -1, 2, 5, 1.0, -0.0, 0.5, 1e-320, 1e300, True, False, None),
    *(10**5, 10**9, 10**12, 2**31 - 1, 2**31, 2**32, 2**63, 2**64, -(2**40), 10**30, 10**400),
    *map(Raw, ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1E5", "9" * 5000, "-0")),
]
SHAPES = [
    *([], {}, [0], [[]], [None] * 3, {"": 0}, {"name": "x"}, [0] * 100_000),
    {"name": "subprocess:run", "args": "touch pwned", "shell": True},
    {"name": "tests.guard:trap"},
    {str(n): n for n in range(10_000)},
    {"kind": "linear", "low": 0.0, "high": 1.0, "points": 2**20},
    {"kind": "log", "low": 1e-6, "high": 1.0},
    {"kind": "values", "values": [*range(10_000)]},
    {"kind": "choice", "values": ["adam", "[bold]x[/]", "\x1b[2J", 1, 0.5]},
    {f"a{n}": {"kind": "choice", "values": ["a", "b"]} for n in range(64)},
    *map(Raw, ("[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP, '{"a":1,"a":2}')),
]


# A move breaks one thing: which way, and three numbers that say where and with what. They are taken
# modulo what there is to choose from, so that Hypothesis shrinks four small numbers.
Move = tuple[str, int, int, int]


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """The way to every value in a line, the inner ones too."""
    own = [path] if path else []
    if isinstance(value, dict):
        return own + [place for name in value for place in places(value[name], (*path, name))]
    if isinstance(value, list):
        return own + [place for n, item in enumerate(value) for place in places(item, (*path, n))]
    return own


def at(value: Any, path: tuple) -> Any:
    for step in path:
        value = value[step]
    return value


def put(value: Any, path: tuple, new: Any) -> Any:
    """`value` with `new` at the end of `path`; the rest is shared, not copied."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


def chosen(things: Any, n: int) -> Any:
    return things[n % len(things)]


def break_bytes(content: bytes, move: Move) -> bytes:
    how, a, b, c = move
    a %= len(content) + 1
    end = a + 1 + b % 400
    match how:
        case "flip":
            turned = bytes(byte ^ 1 << c % 8 for byte in content[a : a + 1])
            return content[:a] + turned + content[a + 1 :]
        case "remove":
            return content[:a] + content[end:]
        case "add":
            return content[:a] + b.to_bytes(4, "big") + content[a:]
        case "double":
            return content[:end] + content[a:]
        case "cut":
            return content[:a]
        case "junk":
            return content + chosen((b"{", b"\n", b"\0\xff", b"x" * 100_000), b)
    raise AssertionError(how)


STRANGERS = [{}, [], 1, None, "x", {"line": "note"}, {"line": []}, {"line": "end"}]


def break_lines(lines: list[Any], move: Move) -> list[Any]:
    how, a, b, c = move
    a, b = (n % max(len(lines), 1) for n in (a, b))
    one, other = lines[a : a + 1], lines[b : b + 1]
    match how:
        case "remove":
            return lines[:a] + lines[a + 1 :]
        case "swap":
            swapped = list(lines)
            swapped[a : a + 1], swapped[b : b + 1] = other, one
            return swapped
        case "double":
            return lines[:b] + one + lines[b:]
        case "cut":
            return lines[:a]
        case "many":
            return lines[:a] + other * chosen((10, 300), c) + lines[a:]
        case "stranger":
            return lines[:a] + [chosen(STRANGERS, c)] + lines[a:]
    raise AssertionError(how)


def break_values(lines: list[Any], move: Move) -> list[Any]:
    how, a, b, c = move
    number = a // 2 % len(lines) if a % 2 else 0  # the first line is what all else hangs on
    line = lines[number]
    path = chosen(places(line), b)
    old = at(line, path)
    match how:
        case "near" if isinstance(old, int | float):
            new: Any = old + chosen((-1, 1, 0.5, 2**31), c)
        case "moved":
            other = chosen(lines, c)
            new = at(other, chosen(places(other), c // 7))
        case "gone":
            new, path = at(line, path[:-1]).copy(), path[:-1]
            del new[chosen(sorted(new) if isinstance(new, dict) else range(len(new)), c)]
        case "more":
            new, path = at(line, path[:-1]).copy(), path[:-1]
            extra = chosen(NUMBERS, c)
            new = {**new, chosen(TEXTS, c): extra} if isinstance(new, dict) else [*new, extra]
        case _:
            new = chosen(TEXTS if how == "text" else SHAPES if how == "shape" else NUMBERS, c)
    return [*lines[:number], put(line, path, new), *lines[number + 1 :]]


WAYS = {
    "bytes": ("flip", "remove", "add", "double", "cut", "junk"),
    "lines": ("remove", "swap", "double", "cut", "many", "stranger"),
    "values": ("text", "number", "shape", "near", "moved", "gone", "more"),
}


def cases(names: list[str]) -> st.SearchStrategy:
    """The name of a true journal, how it is broken, and the moves that break it."""
    number = st.integers(0, 2**16)
    return st.sampled_from(sorted(WAYS, key=len, reverse=True)).flatmap(
        lambda level: st.tuples(
            st.sampled_from(names),
            st.just(level),
            st.lists(
                st.tuples(st.sampled_from(WAYS[level]), *[number] * 3), min_size=1, max_size=3
            ),
        )
    )


def broken(lines: list[Any], level: str, moves: list[Move]) -> bytes:
    """The journal of `lines` after these moves."""
    if level == "bytes":
        content = chained(lines)
        for move in moves:
            content = break_bytes(content, move)
        return content
    for move in moves:
        lines = break_lines(lines, move) if level == "lines" else break_values(lines, move)
    return chained(lines)


class FromRecord:
    """An engine that gives the results of true journals, and of others whatever, a few in all."""

    lanes = 3

    def __init__(self, lines: list[Any]) -> None:
        self._environment = lines[0]["environment"]
        self._known: dict[str, Result] = {}
        first, kind = lines[0], kind_of(lines[0])
        shown = lines[-1]["test"]["trainings"] if lines[-1]["line"] == "end" else []
        tested = {one["weights"]: (rank(kind, one["score"]), one["r"]) for one in shown}
        self._tests: dict[str, int] = {}  # of each replicate
        for line in lines:
            if line["line"] == "decision":
                for entry in line["trainings"]:
                    one = recorded(first, entry)
                    self._known[str(trial_of(first, line, entry))] = one
                    if one.digests[one.best_epoch - 1] in tested:
                        points, r = tested[one.digests[one.best_epoch - 1]]
                        n = one.best_epoch
                        self._known[f"test.{r}"] = one._replace(
                            epochs=n,
                            curve=one.curve[:n],
                            losses=one.losses[:n],
                            digests=one.digests[:n],
                        )
                        self._tests[f"test.{r}"] = points
        self._left = JOBS

    def surroundings(self, recipe: int = 0) -> dict[str, Any]:
        return self._environment

    def want(self, jobs) -> None:
        self._jobs = list(jobs)

    def next(self) -> list[Event]:
        self._left -= 1
        if self._left < 0:
            raise JournalError("the engine of this test is out of trainings; stop")
        job = self._jobs.pop(0)
        made_up = Result(1, 1, 2, [1, 1], [0.5, 0.5], ["0" * 32] * 2, False, "0" * 32)
        result = self._known.get(job.name, made_up)
        test = self._tests.get(job.name, 1) if job.test else None
        return [Event(job.name, result, True, 0.1, test=test)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def resumed(folder: Path) -> str:
    """Go on with a copy, on the engine of these tests."""
    file = io.StringIO()
    console = Console(file=file, width=120)
    with display.resuming(console, folder) as watcher:
        running.resume(folder, watcher=watcher)
    return file.getvalue()


def shown(folder: Path) -> str:
    file = io.StringIO()
    lines = read(folder)
    as_json.to_json(lines)
    Console(file=file, width=120).print(table.table(lines))
    return file.getvalue()


class Range:
    """Where broken journals are shot at."""

    def __init__(self, folder: Path, journals: dict[str, list[Any]], patch: Any) -> None:
        self.folder, self.journals, self.patch = folder / "here", journals, patch
        self.originals = {}
        for name, lines in journals.items():
            self.originals[name] = folder / name
            self.originals[name].mkdir()
            (self.originals[name] / NAME).write_bytes(chained(lines))
        self.counts: Counter[str] = Counter()
        self.slowest = 0.0
        # All modules that are wanted late are loaded before the watching begins.
        for name, lines in journals.items():
            answers = self.answers(name, chained(lines), draw=name == "many")
            assert answers["verify"] == TRUE.get(name, "identical"), (name, answers)

    def answers(self, name: str, content: bytes, draw: bool) -> dict[str, str]:
        """What each reader makes of the journal `content`, made of the true one called `name`."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        (self.folder / NAME).write_bytes(content)
        return self.readings(name, draw)

    def readings(self, name: str, draw: bool) -> dict[str, str]:
        folder, original = self.folder, self.originals[name]
        truth = read(original)
        self.patch.setattr(engine, "start", lambda *_, **__: FromRecord(self.journals[name]))
        readers = {
            "replay": lambda: replay(read(folder)) and "",
            "show": lambda: shown(folder),
            "diff": lambda: str(diff(truth, read(folder))),
            "verify 0": lambda: verify.verify(folder, "0").answer,
            "verify": lambda: verify.verify(folder).answer,
            "pace": lambda: pace(folder),
            "draw": lambda: str(picture.draw(folder)) and "" if draw else "",
            "resume": lambda: resumed(folder),
        }
        answers = {}
        for reader, call in readers.items():
            try:
                with bounded():
                    text = call()
                assert harmless(text), f"{reader} printed {text[:500]!r}"
                answers[reader] = text if reader.startswith("verify") else "success"
            except (JournalError, ValueError) as error:
                answers[reader] = type(error).__name__
                assert "; " in str(error), f"{reader}: {error!r} says not what to do"
            if reader == "diff":  # before anything is written
                for command in (("show", folder), ("diff", folder, original), ("replay", folder)):
                    with bounded():
                        said(*command).check(0, 1, 2)
        return answers

    def shoot(self, name: str, level: str, content: bytes, every: int) -> None:
        """Shoot, watched; draw one in so many."""
        start = time.monotonic()
        with guard.watching(self.folder, COMPILED) as seen:
            answers = self.answers(name, content, draw=zlib.crc32(content) % every == 0)
        assert not seen, seen
        self.slowest = max(self.slowest, time.monotonic() - start)
        self.counts[f"input: {level}"] += 1
        self.counts.update(f"{reader}: {answer}" for reader, answer in answers.items())


@pytest.fixture(scope="module")
def shooting_range(tmp_path_factory):
    folder = tmp_path_factory.mktemp("range")
    patch = pytest.MonkeyPatch()
    patch.setenv("JAXMETA_STATE", str(folder / "state"))
    yield Range(folder, seeds(), patch)
    patch.undo()


def fuzz(shooting_range: Range, examples: int, every: int) -> str:
    """Shoot so many broken journals; a report."""
    shooting_range.counts.clear()
    shooting_range.slowest = 0.0
    start = time.monotonic()

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(cases(sorted(shooting_range.journals)))
    def one(case):
        name, level, moves = case
        content = broken(shooting_range.journals[name], level, moves)
        shooting_range.shoot(name, level, content, every)

    one()
    counts, seconds = shooting_range.counts, time.monotonic() - start
    inputs = sum(n for name, n in counts.items() if name.startswith("input"))
    rows = [f"{n:7} {name}" for name, n in sorted(counts.items())]
    head = f"{inputs} journals in {seconds:.0f} s, the slowest {shooting_range.slowest:.2f} s"
    return "\n".join(["", head, *rows])


def test_a_broken_journal_is_answered_and_does_nothing(shooting_range):
    fuzz(shooting_range, examples=50, every=60)


@pytest.mark.slow
def test_many_broken_journals_are_answered_and_do_nothing(shooting_range, capsys):
    report = fuzz(shooting_range, examples=2000, every=40)
    with capsys.disabled():
        print(report)
