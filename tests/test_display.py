"""What a person sees while a study runs, on a terminal and in a log."""

from io import BytesIO, StringIO, TextIOWrapper

import pytest
from rich.console import Console

from jaxmeta import Linear, Log, Space, Study, Training
from jaxmeta.display import Live, Plain, resuming, watcher
from jaxmeta.engine.utilization import Utilization
from jaxmeta.record.journal import Journal, JournalError, Line
from jaxmeta.record.lines import end_line, kind_of
from jaxmeta.running import run
from jaxmeta.score import DIVERGED, FLOAT, to_rank
from jaxmeta.tasks.small import spirals
from jaxmeta.trial import Decision, Result, Suggestion
from jaxmeta.tuning import Chains, PosterRule, Random, ThreeWay, Tuner
from tests.report.lines import (
    EIGHT,
    FOUR,
    OPTIMIZER,
    STEPS,
    chains_of,
    line_of,
    study_of,
    the_test,
    write,
)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def first_line(tuner: Tuner, numbers: bool = False, **options) -> Line:
    return {"line": "study", **study_of(tuner, numbers=numbers, **options).configuration()}


def at(curve: list[int]) -> Result:
    """A trial after the epochs of `curve`."""
    return Result(max(curve), 0, len(curve), curve, [], [], False, "")


def play(looking: Live | Plain, tuner: Tuner, first: Line, curves, clock=None, seconds=()):
    """Show `looking` a trial for each of `curves`, of so many `seconds` each."""
    numbers = kind_of(first) == FLOAT
    chains, lines = chains_of(study_of(tuner, numbers=numbers, keys="independent")), [first]
    for n, curve in enumerate(curves):
        decision = chains.next()
        assert decision is not None
        looking.asked(decision, Utilization(1))
        for epoch in range(1, len(curve) + 1):
            looking.epoch(decision.trials[0], at(curve[:epoch]))
        if clock is not None:
            clock.now += seconds[n]
        lines.append(line_of(first, decision, [curve], chains))
        looking.told(lines[-1])
    return chains, lines


def begin(looking: Live | Plain, walked: Tuner | Chains, lanes: int = 1) -> Decision:
    """Show `looking` the next decision."""
    chains = walked if isinstance(walked, Chains) else Chains(walked, 0)
    decision = chains.next()
    assert decision is not None
    looking.asked(decision, Utilization(lanes))
    return decision


def terminal(**options) -> Console:
    return Console(file=StringIO(), force_terminal=True, _environ={}, **options)


def frame(live: Live, width: int = 80, height: int = 40) -> list[str]:
    """The lines that `live` shows now on a terminal of this size, without colours."""
    console = Console(file=StringIO(), width=width, height=height)
    console.print(live)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # pyright: ignore


def test_the_log_of_a_study():
    tuner, file = PosterRule(STEPS, i_max=3), StringIO()
    first = first_line(tuner)
    looking = Plain(Console(file=file), [first])
    with looking:
        chains, lines = play(looking, tuner, first, [[4000, 4821], [4700], [7, DIVERGED]])
        looking.ended(end_line(first, lines, chains.recommended, the_test(first, 9758)))
    one = first["tuner"]["one"]
    u = [line["asked"]["u"][0] / one for line in lines[1:]]
    assert file.getvalue().splitlines() == [
        "decision 1 of at most 3: i = 0, learning_rate = 0.0005",
        "  epoch 1 of at most 20: 4000/5000 = 80.00 %",
        "  epoch 2 of at most 20: 4821/5000 = 96.42 %",
        "  4821/5000 = 96.42 % after 2 epochs",
        "decision 2 of at most 3: i = 1, "
        f"learning_rate = 0.0006 (up, u = {u[1]:.2f}, p = 0.33 0.33 0.33)",
        "  epoch 1 of at most 20: 4700/5000 = 94.00 %",
        "  4700/5000 = 94.00 % after 1 epoch, worse",
        "decision 3 of at most 3: i = 2, "
        f"learning_rate = 0.0006 (keep, u = {u[2]:.2f}, p = 0.23 0.38 0.38)",
        "  epoch 1 of at most 20: 7/5000 = 0.14 %",
        "  epoch 2 of at most 20: diverged",
        "  diverged after 2 epochs, worse",
        "finished: all 3 decisions",
        "recommended: learning_rate = 0.0005; score: 4821/5000 = 96.42 %; "
        "test: 9758/10000 = 97.58 %",
    ]


def test_the_log_of_several_axes_names_the_one_that_moves():
    tuner, file = PosterRule(FOUR, i_max=4), StringIO()
    first = first_line(tuner, test=False)
    looking = Plain(Console(file=file), [first])
    chains, lines = play(looking, tuner, first, [[4000]] * 4)
    again = Suggestion(4, (), 0, tuner.space.values(tuner.space.start), {})
    looking.asked(Decision(0, again, (), None), Utilization(1, programs=3))
    looking.ended(end_line(first, lines, chains.recommended, None))
    log = file.getvalue().splitlines()
    asked = [row for row in log if row.startswith("decision")][:4]
    assert asked[0].endswith(
        "learning_rate = 0.001, batch_size = 50, optimizer = adam, dropout = 0.4"
    )
    for i, name in enumerate(("learning_rate", "batch_size", "optimizer"), 1):
        assert [word.split(" = ")[0] for word in asked[i].split(", ") if "(" in word] == [name]
    u, chosen = lines[4]["asked"]["u"][2], lines[4]["values"]["optimizer"]
    p = "0.20 0.20 0.20 0.20 0.20"
    assert (
        f"optimizer = {chosen} ({chosen}, u = {u / first['tuner']['one']:.2f}, p = {p})" in log[9]
    )
    assert "programs: 3 of at most 30 compiled" in log
    assert log[-1].startswith("recommended: learning_rate = ") and "test" not in log[-1]


def test_a_log_has_no_control_characters_and_fits_any_encoding():
    tuner, raw = PosterRule(STEPS, i_max=2, noprog_max=2), BytesIO()
    looking = watcher(Console(file=TextIOWrapper(raw, encoding="ascii")), study_of(tuner))
    assert isinstance(looking, Plain)
    play(looking, tuner, first_line(tuner), [[4000], [4001]])
    looking._say("λ")
    log = raw.getvalue().decode("ascii")
    assert "i = 0, learning_rate = 0.0005\n" in log and log.endswith("?\n")
    assert log.replace("\n", "").isprintable()


def test_a_score_that_is_a_number_is_shown_as_one():
    tuner, file = Random(STEPS, i_max=2), StringIO()
    first = first_line(tuner, numbers=True)
    looking = Plain(Console(file=file), [first])
    play(looking, tuner, first, [[to_rank(-8.25)]])
    assert file.getvalue().splitlines()[1:] == [
        "  epoch 1 of at most 20: -8.25",
        "  -8.25 after 1 epoch",
    ]


def test_the_watcher_fits_the_console():
    study = study_of(PosterRule(STEPS))
    assert isinstance(watcher(terminal(), study), Live)
    assert isinstance(watcher(Console(file=StringIO()), study), Plain)
    dumb = Console(file=StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
    assert isinstance(watcher(dumb, study), Plain)
    latin = Console(file=TextIOWrapper(BytesIO(), encoding="latin-1"), force_terminal=True)
    assert isinstance(watcher(latin, study), Plain)


TUNERS = {
    "one": PosterRule(STEPS, noprog_max=100),
    "choice": PosterRule(OPTIMIZER, noprog_max=100),
    "four at once": PosterRule(FOUR, noprog_max=100, axes="all"),
    "eight": ThreeWay(EIGHT),
}


@pytest.mark.parametrize("name", TUNERS)
@pytest.mark.parametrize("size", [(80, 24), (80, 40), (120, 40)], ids=str)
def test_every_frame_fits_the_terminal(name, size):
    tuner, (width, height) = TUNERS[name], size
    first = first_line(tuner)
    live = Live(terminal(), [first])
    frames = [frame(live, width, height)]
    for done in (0, 1, 12):
        live = Live(terminal(), [first])
        chains, _ = play(live, tuner, first, [[4000 + n, 4821 - n] for n in range(done)])
        decision = begin(live, chains)
        frames.append(frame(live, width, height))
        live.epoch(decision.trials[0], at([4000, 4001]))
        frames.append(frame(live, width, height))
    for lines in frames:
        assert len(lines) <= height
        assert max(map(len, lines)) <= width
        assert not any("…" in line for line in lines) or name == "eight"


def test_the_live_view_says_where_the_study_stands():
    tuner = PosterRule(STEPS, i_max=10)
    first = first_line(tuner)
    live = Live(terminal(), [first])
    chains, _ = play(live, tuner, first, [[4000], [4700], [4699]])
    decision = begin(live, chains)
    live.epoch(decision.trials[0], at([4500, 4821, 4800]))
    text = "\n".join(frame(live))
    assert "toy  poster, seed 0, scored on validation" in text
    assert "3 of at most 10" in text and "3 of at most 20" in text
    assert "4800/5000 = 96.00 %" in text and "best 4821/5000 = 96.42 %" in text
    for p in decision.suggestion.asked["p"][0]:
        assert f"{p / first['tuner']['one']:.2f}" in text
    assert "★● recommended, best  4700/5000 = 94.00 %  i = 1  learning_rate = 0.0006" in text
    assert [line.split()[0] for line in frame(live) if "better" in line or "worse" in line] == [
        *("1", "2")
    ]


def bars(live: Live, name: str) -> dict[str, str]:
    """The bars below the row of the hyperparameter `name`, by their words."""
    lines = frame(live)
    (at,) = [n for n, line in enumerate(lines) if line.startswith(name)]
    below = []
    for line in lines[at + 1 :]:
        if not line.startswith("  "):
            break
        below.append(line)
    edge = next(line for line in lines if "of at most 20" in line).index("0 of at most 20") - 42
    return {line[:edge].strip(): line[edge : edge + 40].rstrip() for line in below}


def test_the_bars_stand_where_the_probabilities_do():
    live = Live(terminal(), [first_line(PosterRule(STEPS))])
    asked = {"position": [1], "u": [3], "c": [2], "held": [True], "p": [[1, 2, 1]]}
    suggestion = Suggestion(1, (1,), 0, {"learning_rate": 1e-3}, asked)
    live.asked(Decision(0, suggestion, (), None), Utilization(1))
    assert bars(live, "learning_rate") == {
        "↑ up": "█" * 10,
        "= keep": " " * 10 + "█" * 20,
        "↓ down": " " * 30 + "█" * 10,
        "u": " " * 30 + "█",
    }
    assert any("= keep, held at the bound" in line for line in frame(live))


def test_there_is_a_bar_for_each_choice_and_for_the_axes_that_moved_alone():
    tuner = PosterRule(FOUR)
    live = Live(terminal(), [first_line(tuner)])
    asked = {
        "u": [0, 0, 3, 0],
        "c": [0, 0, 4, 0],
        "held": [False] * 4,
        "p": [[1, 1, 1], [1, 1, 1], [1, 1, 0, 2, 0], [1, 1, 1]],
    }
    values = {"learning_rate": 1e-3, "batch_size": 32, "optimizer": "nesterov", "dropout": 0.5}
    live.asked(Decision(0, Suggestion(3, (), 0, values, asked), (), None), Utilization(1))
    assert bars(live, "optimizer") == {
        "adam": "█" * 10,
        "sgd": " " * 10 + "█" * 10,
        "momentum": "",
        "nesterov": " " * 20 + "█" * 20,
        "lion": "",
        "u": " " * 30 + "█",
    }
    assert bars(live, "learning_rate") == bars(live, "dropout") == {}


def test_compiled_programs_are_counted_where_there_may_be_several():
    live = Live(terminal(), [first_line(PosterRule(FOUR))])
    chains = chains_of(study_of(PosterRule(FOUR)))
    decision = chains.next()
    assert decision is not None
    live.asked(decision, Utilization(1, programs=7))
    assert any("7 of at most 30 compiled" in line for line in frame(live))
    one = Live(terminal(), [first_line(PosterRule(STEPS))])
    one.asked(begin(one, PosterRule(STEPS)), Utilization(1, programs=1))
    assert not any("compiled" in line for line in frame(one))


def test_the_time_left_goes_by_the_median_decision():
    tuner, clock = PosterRule(STEPS, i_max=10), Clock()
    first = first_line(tuner)
    live = Live(terminal(), [first], clock)
    begin(live, tuner)
    assert frame(live)[-1] == "time 0:00:00"
    curves = [[4000], [4700], [4699]]
    chains, _ = play(live, tuner, first, curves, clock, seconds=[30, 3600, 40])
    begin(live, chains)
    clock.now += 15
    assert frame(live)[-1].startswith("time 1:01:25, at most 0:04:25 left")
    clock.now += 3600
    assert "at most 0:00:00 left" in frame(live)[-1]


def test_several_lanes_have_their_use_shown_and_one_has_not():
    tuner = PosterRule(STEPS)
    live = Live(terminal(), [first_line(tuner)])
    begin(live, tuner)
    assert not any("look-ahead" in line for line in frame(live))
    use = Utilization(4, busy=3, trials=6, hits=2, misses=1, needed_seconds=1e9)
    live.asked(begin(live, tuner), use)
    text = "\n".join(frame(live, width=120))
    assert "3 of 4 lanes busy, look-ahead: 2 hits, 1 misses" in text
    assert "trials/s" in text and "x one at a time" in text


@pytest.mark.parametrize("test", [True, False])
def test_the_end_of_the_live_view(test):
    tuner = PosterRule(STEPS, i_max=2)
    first = first_line(tuner, test=test)
    live = Live(terminal(), [first])
    chains, lines = play(live, tuner, first, [[4000], [4821]])
    assert frame(live)[-1].endswith("the recommended trial is run once more")
    live.ended(end_line(first, lines, chains.recommended, the_test(first, 9758)))
    assert any("9758/10000 = 97.58 %" in line for line in frame(live)) == test
    assert frame(live)[-1].endswith("finished: all 2 decisions")


def test_a_study_that_is_resumed_shows_what_was_done(tmp_path):
    write(tmp_path / "a", study_of(PosterRule(STEPS)), lambda _: [4000, 4821], stop=3)
    file = StringIO()
    with resuming(Console(file=file), tmp_path / "a") as looking:
        assert isinstance(looking, Plain)
    assert file.getvalue() == "not finished: 3 of at most 100 decisions so far\n"
    live = resuming(terminal(), tmp_path / "a")
    assert isinstance(live, Live)
    assert sum("4821/5000" in line for line in frame(live)) == 3 + 2


def test_where_no_study_began_nobody_looks_on(tmp_path):
    with pytest.raises(JournalError, match="journal.jsonl"):
        resuming(terminal(), tmp_path)
    Journal.create(tmp_path / "a").close()
    with resuming(terminal(), tmp_path / "a") as looking:
        assert looking is None


def test_a_real_study_is_watched_to_its_end(tmp_path):
    space = Space(learning_rate=Log(1e-4, 1e-1), dropout=Linear(0.0, 0.4, 0.1))
    study = Study(spirals(), PosterRule(space, i_max=2), Training(epochs=2))
    console = terminal(width=80, height=40)
    with watcher(console, study) as looking:
        end = run(study, tmp_path / "a", looking)
    screen = console.file.getvalue()  # pyright: ignore
    assert f"{end['test']['score']}/600" in screen
    assert "finished: all 2 decisions" in screen
    file = StringIO()
    with watcher(Console(file=file), study) as looking:
        run(study, tmp_path / "b", looking)
    log = file.getvalue().splitlines()
    assert sum(line.startswith("  epoch") for line in log) == 4
    assert log[-1].endswith(f"test: {end['test']['score']}/600 = {end['test']['score'] / 6:.2f} %")
