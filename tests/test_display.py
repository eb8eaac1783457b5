"""What a person sees while a study runs, on a terminal and in a log."""

from io import BytesIO, StringIO, TextIOWrapper

import pytest
from rich.console import Console

from jaxmeta import Study, Training
from jaxmeta.display import Live, Plain, resuming, watcher
from jaxmeta.engine.supply import Scoreboard
from jaxmeta.record.journal import Journal, JournalError, Line
from jaxmeta.record.lines import COUNT, end_line, show
from jaxmeta.score import DIVERGED, to_rank
from jaxmeta.study import run
from jaxmeta.tasks.small import spirals
from jaxmeta.training.progress import Result
from jaxmeta.tuning import Chains, Grid, Lattice, TuneLearningRate, Tuner, Turn, Wanted
from tests.report.lines import chains_of, line_of, study_of, write

STEPS = Lattice(lr0=5e-4, eps=1e-4)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def first_line(tuner: Tuner, numbers: bool = False) -> Line:
    return {"line": "study", **study_of(tuner, numbers=numbers).configuration()}


def at(curve: list[int]) -> Result:
    """A training after the epochs of `curve`."""
    return Result(max(curve), 0, len(curve), curve, [], [], False)


def play(looking: Live | Plain, tuner: Tuner, first: Line, curves, clock=None, seconds=()):
    """Show `looking` a training for each of `curves`, of so many `seconds` each."""
    chains, lines = chains_of(study_of(tuner, numbers=first["score"] != COUNT)), [first]
    for n, curve in enumerate(curves):
        turn = chains.turn()
        assert turn is not None
        looking.asked(turn, Scoreboard(1))
        for epoch in range(1, len(curve) + 1):
            looking.epoch(turn.trainings[0], at(curve[:epoch]))
        if clock is not None:
            clock.now += seconds[n]
        lines.append(line_of(first, turn, [curve], chains))
        looking.told(lines[-1])
    return chains, lines


def begin(looking: Live | Plain, walked: Tuner | Chains, lanes: int = 1) -> Turn:
    """Show `looking` the next decision."""
    chains = walked if isinstance(walked, Chains) else Chains(walked, 0)
    turn = chains.turn()
    assert turn is not None
    looking.asked(turn, Scoreboard(lanes))
    return turn


def terminal(**options) -> Console:
    return Console(file=StringIO(), force_terminal=True, _environ={}, **options)


def frame(live: Live, width: int = 80, height: int = 40) -> list[str]:
    """The lines that `live` shows now on a terminal of this size, without colours."""
    console = Console(file=StringIO(), width=width, height=height)
    console.print(live)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # pyright: ignore


def test_the_log_of_a_study():
    tuner, file = TuneLearningRate(STEPS, i_max=3), StringIO()
    first = first_line(tuner)
    looking = Plain(Console(file=file), [first])
    with looking:
        chains, lines = play(looking, tuner, first, [[4000, 4821], [4700], [7, DIVERGED]])
        test = {"score": 9758, "of": 10000}
        looking.ended(end_line(first, lines, chains.recommended, test))
    one = first["tuner"]["one"]
    u = [line["asked"]["u"] / one for line in lines[1:]]
    assert file.getvalue().splitlines() == [
        "training 1 of at most 3: i = 0, λ = 0.0005",
        "  epoch 1 of at most 20: 4000/5000 = 80.00 %",
        "  epoch 2 of at most 20: 4821/5000 = 96.42 %",
        "  4821/5000 = 96.42 % after 2 epochs",
        f"training 2 of at most 3: i = 1, λ = 0.0006 (up, u = {u[1]:.2f}, p = 0.33 0.33 0.33)",
        "  epoch 1 of at most 20: 4700/5000 = 94.00 %",
        "  4700/5000 = 94.00 % after 1 epoch, worse",
        f"training 3 of at most 3: i = 2, λ = 0.0006 (keep, u = {u[2]:.2f}, p = 0.23 0.38 0.38)",
        "  epoch 1 of at most 20: 7/5000 = 0.14 %",
        "  epoch 2 of at most 20: diverged",
        "  diverged after 2 epochs, worse",
        "finished: all 3 trainings",
        "λ_best = 0.0005, test: 9758/10000 = 97.58 %",
    ]


def test_a_log_has_no_control_characters_and_fits_any_encoding():
    tuner, raw = TuneLearningRate(STEPS, i_max=2), BytesIO()
    looking = watcher(Console(file=TextIOWrapper(raw, encoding="ascii")), study_of(tuner))
    assert isinstance(looking, Plain)
    play(looking, tuner, first_line(tuner), [[4000], [4001]])
    log = raw.getvalue().decode("ascii")
    assert "i = 0, ? = 0.0005\n" in log
    assert log.replace("\n", "").isprintable()


def test_a_score_that_is_a_number_is_shown_as_one():
    tuner, file = Grid(i_max=2), StringIO()
    first = first_line(tuner, numbers=True)
    looking = Plain(Console(file=file), [first])
    play(looking, tuner, first, [[to_rank(-8.25)]])
    assert file.getvalue().splitlines() == [
        "training 1 of at most 2: i = 0, λ = 1e-05",
        "  epoch 1 of at most 20: -8.25",
        "  -8.25 after 1 epoch",
    ]


def test_the_watcher_fits_the_console():
    study = study_of(TuneLearningRate(STEPS))
    assert isinstance(watcher(terminal(), study), Live)
    assert isinstance(watcher(Console(file=StringIO()), study), Plain)
    dumb = Console(file=StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
    assert isinstance(watcher(dumb, study), Plain)
    latin = Console(file=TextIOWrapper(BytesIO(), encoding="latin-1"), force_terminal=True)
    assert isinstance(watcher(latin, study), Plain)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("height", [24, 40])
def test_every_frame_fits_the_terminal(width, height):
    tuner = TuneLearningRate(STEPS, noprog_max=100)
    first = first_line(tuner)
    live = Live(terminal(), [first])
    frames = [frame(live, width, height)]
    for done in (0, 1, 12):
        play(live, tuner, first, [[4000 + n, 4821 - n] for n in range(done)])
        turn = begin(live, tuner)
        frames.append(frame(live, width, height))
        live.epoch(turn.trainings[0], at([4000, 4001]))
        frames.append(frame(live, width, height))
    for lines in frames:
        assert len(lines) <= height
        assert max(map(len, lines)) <= width
        assert not any("…" in line for line in lines)


def test_the_live_view_says_where_the_study_stands():
    tuner = TuneLearningRate(STEPS, i_max=10)
    first = first_line(tuner)
    live = Live(terminal(), [first])
    chains, lines = play(live, tuner, first, [[4000], [4700], [4699]])
    turn = begin(live, chains)
    live.epoch(turn.trainings[0], at([4500, 4821, 4800]))
    text = "\n".join(frame(live))
    assert "toy  tune_learning_rate, seed 0, scored on validation" in text
    assert "3 of at most 10" in text and "3 of at most 20" in text
    assert "4800/5000 = 96.00 %" in text and "best 4821/5000 = 96.42 %" in text
    for p in turn.wanted.asked["p"]:
        assert f"{p / first['tuner']['one']:.2f}" in text
    assert "● best score  λ = 0.0006  4700/5000 = 94.00 %  training 1" in text
    assert [line.split()[0] for line in frame(live) if "better" in line or "worse" in line] == [
        *("1", "2")
    ]


def test_the_bars_stand_where_the_probabilities_do():
    live = Live(terminal(), [first_line(TuneLearningRate(STEPS))])
    asked = {"k": 1, "u": 3, "c": 2, "held": True, "p": [1, 2, 1]}
    wanted = Wanted(1, 1, 0, {"learning_rate": 1e-3}, asked)
    live.asked(Turn(0, wanted, (), None), Scoreboard(1))
    up, keep, down, u = (line[11:51] for line in frame(live)[5:9])
    assert up.rstrip() == "█" * 10
    assert keep.rstrip() == " " * 10 + "█" * 20
    assert down.rstrip() == " " * 30 + "█" * 10
    assert u.rstrip() == " " * 30 + "█"
    assert "= keep, held at the bound" in frame(live)[4]


def test_the_time_left_goes_by_the_median_training():
    tuner, clock = TuneLearningRate(STEPS, i_max=10), Clock()
    first = first_line(tuner)
    live = Live(terminal(), [first], clock)
    begin(live, tuner)
    assert frame(live)[-1] == "time 0:00:00"
    curves = [[4000], [4700], [4699]]
    chains, _ = play(live, tuner, first, curves, clock, seconds=[30, 3600, 40])
    begin(live, chains)
    clock.now += 15
    assert frame(live)[-1].startswith("time 1:01:25, left at most 0:04:25")
    clock.now += 3600
    assert "left at most 0:00:00" in frame(live)[-1]


def test_several_lanes_have_a_scoreboard_and_one_has_none():
    tuner = TuneLearningRate(STEPS)
    live = Live(terminal(), [first_line(tuner)])
    begin(live, tuner)
    assert not any("look-ahead" in line for line in frame(live))
    board = Scoreboard(4, busy=3, trainings=6, hits=2, misses=1, needed_seconds=1e9)
    live.asked(begin(live, tuner), board)
    text = "\n".join(frame(live, width=120))
    assert "3 of 4 lanes busy, look-ahead: 2 hits, 1 misses" in text
    assert "trainings/s" in text and "x one at a time" in text


def test_the_end_of_the_live_view():
    tuner = TuneLearningRate(STEPS, i_max=2)
    first = first_line(tuner)
    live = Live(terminal(), [first])
    chains, lines = play(live, tuner, first, [[4000], [4821]])
    assert frame(live)[-1].endswith("λ_best is trained once more and meets the test set")
    test = {"score": show(first["score"], 9758), "of": 10000}
    live.ended(end_line(first, lines, chains.recommended, test))
    assert any("9758/10000 = 97.58 %" in line for line in frame(live))
    assert frame(live)[-1].endswith("finished: all 2 trainings")


def test_a_study_that_is_resumed_shows_what_was_done(tmp_path):
    write(tmp_path / "a", study_of(TuneLearningRate(STEPS)), lambda _: [4000, 4821], stop=3)
    file = StringIO()
    with resuming(Console(file=file), tmp_path / "a") as looking:
        assert isinstance(looking, Plain)
    assert file.getvalue() == "not finished: 3 of at most 100 trainings so far\n"
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
    study = Study(spirals(), TuneLearningRate(STEPS, i_max=2), Training(epochs=2))
    console = terminal(width=80, height=40)
    with watcher(console, study) as looking:
        end = run(study, tmp_path / "a", looking)
    screen = console.file.getvalue()  # pyright: ignore
    assert f"{end['test']['score']}/600" in screen
    assert "finished: all 2 trainings" in screen
    file = StringIO()
    with watcher(Console(file=file), study) as looking:
        run(study, tmp_path / "b", looking)
    log = file.getvalue().splitlines()
    assert sum(line.startswith("  epoch") for line in log) == 4
    assert log[-1].endswith(f"test: {end['test']['score']}/600 = {end['test']['score'] / 6:.2f} %")
