"""Epochs not run: the record is the same whatever runs beside, and replay holds the rule."""

import json
import random

import pytest

import jaxmeta
from jaxmeta import Log, Random, Space, Study, Training, stopping
from jaxmeta.engine import Event
from jaxmeta.engine.scheduler import Scheduler
from jaxmeta.engine.together import together
from jaxmeta.record.cache import Cache
from jaxmeta.record.error import JournalError, Mismatch
from jaxmeta.record.journal import NAME, read
from jaxmeta.replay import replay
from jaxmeta.score import DIVERGED
from jaxmeta.stopping import Halving, Rival, course, stopped_after
from jaxmeta.trial import Result, parse
from jaxmeta.tuning import Chains, RankGP, ThreeWay
from tests.report.lines import FOUR, LOG, study_of, write

EPOCHS = 8
RULES = [Rival(0, 50), Rival(25, 100), Halving(0, 2)]


def curve_of(trial) -> list[int]:
    """Eight evaluations, or fewer of a training that diverges or whose patience ends; the same in
    every process."""
    draw = random.Random(str(trial))
    n = draw.choice([3, 8, 8, 8])
    curve = [draw.randrange(4) + e * draw.randrange(3) for e in range(n)]
    return [*curve[:-1], DIVERGED] if n < 8 and draw.random() < 0.5 else curve


def result_of(curve: list[int]) -> Result:
    score, n, bad = course(curve)[-1], len(curve), curve[-1] == DIVERGED
    best = 0 if bad else curve.index(score) + 1
    return Result(score, best, n, curve, [0.5] * n, ["0" * 32] * n, bad, "1" * 32)


class Epochs:
    """An engine of `lanes`, any of which may come to the end of an epoch next."""

    def __init__(self, lanes: int, seed: int) -> None:
        self.lanes, self._random = lanes, random.Random(seed)
        self.done: dict[str, int] = {}  # epochs, of each training
        self.run = 0
        self._jobs = []

    def want(self, jobs):
        self._jobs = list(jobs)

    def next(self):
        job = self._random.choice(self._jobs)
        curve = curve_of(parse(job.name))
        e = self.done[job.name] = self.done.get(job.name, 0) + 1
        self.run += 1
        done = e == len(curve)
        if done:
            self._jobs.remove(job)
        return [Event(job.name, result_of(curve[:e]), done, 1.0)]


def decide(folder, rule, lanes=1, seed=0, depth=None, tuner=None, **design):
    """What the record would hold of each decision; and the engine."""
    tuner = tuner or RankGP(FOUR, 20)
    chains = Chains(tuner, 3, paired=True, rule=rule, epochs=EPOCHS, **design)
    engine, path = Epochs(lanes, seed), []
    folder.mkdir(exist_ok=True)
    source = Scheduler(lanes, chains, Cache(folder, [], Result), None, depth)

    def course_of_study():
        while (decision := chains.next()) is not None:
            trained = yield from source.fetch(decision)
            path.append((decision, trained, chains.tell(decision)))
            source.used(decision)

    together(engine, {"": (source, course_of_study())})  # pyright: ignore[reportArgumentType]
    return path, engine


@pytest.mark.parametrize(
    ("design", "rule"),
    [
        pytest.param(design, rule, marks=[pytest.mark.slow] * (rule not in quick))
        for design, quick in (({}, RULES[2:]), ({"chains": 2, "replicates": 2}, RULES[:1]))
        for rule in RULES
    ],
    ids=str,
)
def test_the_record_does_not_depend_on_what_ran_beside(tmp_path, rule, design):
    expected, engine = decide(tmp_path / "one", rule, depth=0, **design)
    trained = [result for _, results, _ in expected for result in results]
    assert any(one.stopped for one in trained) and not all(one.stopped for one in trained)
    if not design:  # one at a time no epoch is run that the record has not
        assert engine.run == sum(one.epochs for one in trained)
    for lanes, seed in ((2, 0), (5, 1), (9, 2)):
        assert decide(tmp_path / f"{lanes}", rule, lanes, seed, **design)[0] == expected
        # Once more, from what was kept beside the journal.
        assert decide(tmp_path / f"{lanes}", rule, lanes, seed + 1, **design)[0] == expected


def test_control_without_a_rule_all_run_to_their_ends(tmp_path):
    path, _ = decide(tmp_path, None)
    assert {one.stopped for _, results, _ in path for one in results} == {None}
    assert {one.epochs for _, results, _ in path for one in results} == {3, 8}


def test_what_is_stopped_is_behind_an_earlier_one_for_good():
    draw = random.Random(0)
    for rule in RULES:
        stopped = 0
        for _ in range(300):
            curves = [curve_of(draw.random()) for _ in range(draw.randrange(1, 9))]
            *earlier, curve = map(course, curves)
            if e := stopped_after(rule, EPOCHS, curves[-1], True, earlier):
                stopped += 1
                assert curve[e - 1] < max(other[-1] for other in earlier)
                assert curve[e - 1] < max(other[min(e, len(other)) - 1] for other in earlier)
        assert 30 < stopped < 270


def test_rules_by_hand():
    rival = [1, 4, 4, 6, 6, 6, 6, 9]
    assert stopped_after(Rival(0, 50), 8, [0], False, [rival]) == 1
    assert stopped_after(Rival(50, 50), 8, [0] * 8, True, [rival]) == 4
    assert stopped_after(Rival(0, 50), 8, [1, 1, 1, 3], False, [rival, rival[:2]]) == 4
    assert stopped_after(Rival(0, 50), 8, [1, 1, 1, 4], False, [rival]) is None
    assert stopped_after(Rival(0, 50), 8, [1, 1, 1, 4], False, [[0, 9], rival]) == 4
    assert stopped_after(Rival(0, 50), 8, [0], True, [rival]) is None  # it has ended by itself
    assert stopped_after(Rival(0, 50), 8, [0] * 8, True, [[5, DIVERGED]]) is None
    assert Halving(0, 2).rungs(8) == [1, 2, 4] and Halving(20, 2).rungs(8) == [2, 4]
    assert Halving(0, 3).rungs(20) == [3, 7] and Halving(0, 3).rungs(27) == [1, 3, 9]
    three = [[5] * 8, [3], [4] * 8]  # of four the best two go on
    assert stopped_after(Halving(0, 2), 8, [4], False, three) is None
    assert stopped_after(Halving(0, 2), 8, [3], False, three) == 1
    assert stopped_after(Halving(0, 2), 8, [4, 3], False, three) == 2  # of three the best one
    assert stopped_after(Halving(0, 2), 8, [4, 3], False, [[5] * 8, [6] * 8, [9]]) == 1


def study(tmp_path, rule, **more):
    made = study_of(RankGP(FOUR, 12), test=False, stop_early=rule, **more)
    climb = lambda top: [1000 + (top - 1000) * e // 20 for e in range(1, 21)]  # noqa: E731
    write(tmp_path, made, lambda s: climb(1500 + 37 * sum(s.position) % 991))
    return read(tmp_path)


def test_a_line_that_stopped_too_early_or_too_late_is_refused(tmp_path):
    lines = study(tmp_path, Rival(10, 50))
    replay(lines)
    at = next(n for n, line in enumerate(lines[1:], 1) if line["trainings"][0]["stopped"])
    for change in (-1, 1):
        forged = json.loads(json.dumps(lines))
        (entry,) = forged[at]["trainings"]
        n = len(entry["curve"]) + change
        for name in ("curve", "losses", "digests"):
            entry[name] = (entry[name] + entry[name][-1:])[:n]
        with pytest.raises(Mismatch, match=f"line {at + 1} must have curve"):
            replay(forged)
    runs = [line["trainings"][0]["stopped"] for line in lines[1:-1]]
    for said in (False, True):
        where = 1 + runs.index(not said)
        forged = json.loads(json.dumps(lines))
        forged[where]["trainings"][0]["stopped"] = said
        with pytest.raises(Mismatch, match=f"line {where + 1} must have trainings"):
            replay(forged)
    forged = json.loads(json.dumps(lines))
    forged[0]["stop_early"]["share"] = 100
    with pytest.raises(Mismatch):
        replay(forged)


def test_a_study_without_a_rule_has_no_word_of_it(tmp_path):
    text = "".join(map(str, study(tmp_path, None)))
    assert "stop" not in text


@pytest.mark.parametrize(
    "record",
    [
        {"rule": "never"},
        {"rule": "rival"},
        {"rule": "rival", "first": 10, "share": 0},
        {"rule": "rival", "first": True, "share": 50},
        {"rule": "rival", "share": 50, "first": 10},
        {"first": 10, "share": 50},
        {"rule": "halving", "first": 4, "eta": 3, "more": 1},
        [],
        None,
    ],
)
def test_a_first_line_with_no_such_rule_is_refused(tmp_path, record):
    lines = study(tmp_path, Rival())
    lines[0]["stop_early"] = record
    with pytest.raises(JournalError, match="line 1 must have stop_early"):
        replay(lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("median", "is rival or halving, got"),
        ("rival:share=0", "share must be a whole number from 1 to 100"),
        ("rival:eta=3", "the rule rival has first, share"),
        ("halving:eta", "settings are written as"),
    ],
)
def test_a_rule_that_is_none_is_said(text, words):
    with pytest.raises(ValueError, match=words):
        stopping.parse(text)


def test_a_rule_from_words():
    assert stopping.parse("rival") == Rival() and stopping.parse("halving:eta=4") == Halving(eta=4)


def test_a_real_study_cut_off_goes_on_to_the_same_bytes(tmp_path):
    """Verified too: the epochs that were run come out again, and no others."""
    space = Space(learning_rate=Log(1e-5, 1.0, 0.1, start=1e-2))
    spirals = jaxmeta.tasks.make("spirals")
    made = Study(spirals, Random(space, 5), Training(4, 4), keys="paired", stop_early=Rival(0, 100))
    jaxmeta.run(made, tmp_path / "whole", workers=0, lookahead=None)
    whole = (tmp_path / "whole" / NAME).read_bytes()
    rows = whole.splitlines(keepends=True)
    stopped = [json.loads(row)["trainings"][0]["stopped"] for row in rows[1:-1]]
    assert True in stopped and False in stopped
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / NAME).write_bytes(b"".join(rows[:3]) + rows[3][:50])
    jaxmeta.resume(tmp_path / "cut", lookahead=0)
    assert (tmp_path / "cut" / NAME).read_bytes() == whole
    from jaxmeta.verify import verify

    assert verify(tmp_path / "cut").answer == "identical"


def test_three_way_too(tmp_path):
    tuner = ThreeWay(LOG, i_max=15)
    expected, _ = decide(tmp_path / "a", Rival(0, 100), tuner=tuner, depth=0)
    assert decide(tmp_path / "b", Rival(0, 100), 8, 1, tuner=tuner)[0] == expected
