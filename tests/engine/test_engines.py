"""Engines: the same results whoever runs the trainings, and none lost when a worker dies."""

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
import types

import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxmeta import Study, Training, arrays, classification, keys, tasks
from jaxmeta.engine import Job, Local, Workers, sending, worker, workers
from jaxmeta.engine.local import programs_of
from jaxmeta.engine.scheduler import job, run_all
from jaxmeta.record import checkpoint
from jaxmeta.record.journal import JournalError
from jaxmeta.space import Choice, Log, Space, Values
from jaxmeta.training import Lanes, train
from jaxmeta.trial import Trial, parse
from jaxmeta.tuning import Chains, PosterRule

TUNER = PosterRule(Space(learning_rate=Log(1e-6, 1.0, 1.0, start=1e-3)))
CHAINS = Chains(TUNER, 3)
# Four variants: each pair of a mini-batch size and an optimiser is a program of its own.
SEVERAL = Space(
    learning_rate=Log(1e-6, 1.0, 1.0, start=1e-3),
    batch_size=Values(16, 50),
    optimizer=Choice("adam", "sgd"),
)
VARIANTS = Chains(PosterRule(SEVERAL), 3)


def recipe(lanes=Lanes(), folder="", epochs=3):  # noqa: B008 it is frozen
    study = Study(tasks.make("spirals"), TUNER, Training(epochs, epochs), lanes=lanes)
    return study.recipe(folder)


def jobs(n, **options) -> list[Job]:
    return [job(CHAINS, Trial(0, i, (i % 5,), 0))._replace(**options) for i in range(n)]


@pytest.fixture(scope="module")
def alone():
    """The first jobs, each by itself in a program of one lane."""
    programs, results = programs_of(recipe()), {}
    for wanted in jobs(8):
        key = keys.wrapped(CHAINS.training_key(parse(wanted.name)))
        results[wanted.name] = train(programs.of(wanted.values), key, wanted.values)[0]
    return results


def check(engine, alone, n=8):
    with engine:
        events = run_all(engine, jobs(n))
        assert same({name: event.result for name, event in events.items()}, alone, n)
        return engine.lanes


def same(results, alone, n=8):
    """But for the name of the program, which is another for another number of lanes."""
    return {name: r._replace(compiled="") for name, r in results.items()} == {
        wanted.name: alone[wanted.name]._replace(compiled="") for wanted in jobs(n)
    }


@pytest.mark.parametrize("lanes", [Lanes(), Lanes(3, "map"), Lanes(4, "vmap")], ids=str)
def test_a_local_engine_has_the_results_of_trainings_alone(alone, lanes):
    assert check(Local([recipe(lanes)]), alone) == lanes.width


def test_workers_have_them_too_and_one_that_dies_is_replaced(alone):
    engine = Workers([recipe(Lanes(2, "map"))], 2)
    with engine:
        assert engine.lanes == 4
        first = engine._workers[0].process
        engine.want(jobs(4))
        os.kill(first.pid, signal.SIGKILL)
        events = run_all(engine, jobs(8))
        assert same({n: e.result for n, e in events.items()}, alone)
        assert not engine._done  # so that the same trial can be wanted, and run, once more
        assert first.poll() == -signal.SIGKILL
        assert first.pid not in {worker.process.pid for worker in engine._workers}
        processes = [worker.process for worker in engine._workers]
    assert all(process.poll() is not None for process in processes)


@pytest.mark.slow
def test_workers_that_die_again_and_again_end_the_study(monkeypatch):
    monkeypatch.setattr(workers, "DEATHS", 1)
    with Workers([recipe(epochs=100_000)], 1) as engine:
        engine.want(jobs(1))
        engine._workers[0].process.kill()
        with pytest.raises(JournalError, match="must stay alive, and 2 in a row ended"):
            while True:
                engine.next()
                if engine._workers[0].lanes:  # the second has begun
                    engine._deaths = 1  # as if it had not got so far
                    engine._workers[0].process.kill()


def test_a_worker_that_is_killed_while_it_starts_is_replaced(alone, monkeypatch):
    """Before it has read its recipe, of more bytes than a socket holds."""
    begin, killed = workers._Worker.begin, []

    def kill_first(worker, recipe):
        if not killed:
            killed.append(worker.process.pid)
            worker.process.kill()
            worker.process.wait()
        begin(worker, recipe)

    monkeypatch.setattr(workers._Worker, "begin", kill_first)
    engine = Workers([recipe()], 2)
    assert len(engine._recipes) > 20_000
    check(engine, alone, 4)
    assert killed and killed[0] not in {worker.process.pid for worker in engine._workers}


def test_workers_start_side_by_side(monkeypatch):
    """All processes are there before the first is told what to do."""
    begin, there = workers._Worker.begin, []

    def count(worker, recipe):
        there.append(len(engine._workers))
        begin(worker, recipe)

    monkeypatch.setattr(workers._Worker, "begin", count)
    engine = Workers([recipe()], 2)
    with engine:
        pass
    assert there == [2, 2]


def test_a_worker_takes_nothing_from_the_current_folder(tmp_path, monkeypatch):
    """Which may be a stranger's study; python -m would look there first."""
    (tmp_path / "found.py").write_text("")
    (tmp_path / "study").mkdir()
    for name in ("jax", "jaxmeta", "numpy", "cloudpickle", "jax_plugins"):
        (tmp_path / "study" / f"{name}.py").write_text("open('pwned', 'w'); raise SystemExit")
    monkeypatch.chdir(tmp_path / "study")
    monkeypatch.setattr(sys, "path", ["", str(tmp_path / "study"), *sys.path, str(tmp_path)])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setitem(sys.modules, "a.b", types.ModuleType("a.b"))
    monkeypatch.setattr(sys.modules["a.b"], "__file__", "b.py", raising=False)
    assert str(tmp_path / "study") not in sending.searched()
    assert str(tmp_path) not in sending.searched()  # nothing was imported from there yet
    importlib.import_module("found")
    assert str(tmp_path) == sending.searched()[-1]
    with Workers([recipe()], 1) as engine:
        assert engine.lanes == 1
    assert not (tmp_path / "study" / "pwned").exists()


def test_an_error_that_cannot_be_sent_becomes_words():
    class Local(Exception):
        pass

    for error in (Local("why"), ValueError(threading.Lock())):
        sent = worker._portable(error)
        assert type(sent) is RuntimeError and type(error).__name__ in str(sent)
    kept = ValueError("why")
    assert worker._portable(kept) is kept


def test_a_checkpoint_is_forgotten_by_who_saves_it(tmp_path, monkeypatch):
    """A training is given up while its lane may be saving it: again and again, and no study ends
    of it."""
    monkeypatch.setattr(checkpoint.Checkpoints.__init__, "__defaults__", ("", 0.0))
    monkeypatch.setattr(checkpoint, "PARTS", 0)
    with Local([recipe(folder=str(tmp_path), epochs=100_000)]) as engine:
        for n in range(6):
            (wanted,) = jobs(n + 1)[n:]
            engine.want([wanted])
            while wanted.name not in {event.name for event in engine.next()}:
                pass
        run_all(engine, jobs(8, epochs=1)[7:])
        left = {path.name.split("_")[0] for path in tmp_path.glob("checkpoint/*")}
    assert left <= {jobs(8)[7].name}


def test_workers_end_when_their_parent_is_killed():
    script = (
        "import sys, time; from tests.engine.test_engines import recipe, jobs\n"
        "from jaxmeta.engine import Workers\n"
        "engine = Workers([recipe(epochs=100_000)], 1).__enter__(); engine.want(jobs(1))\n"
        "engine.next(); print(engine._workers[0].process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    os.kill(pid, 0)  # it lives
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _alive(pid):
        time.sleep(0.05)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_job_ends_after_its_epochs_and_meets_the_test_set(alone):
    (wanted,) = jobs(1, epochs=2, test=True)
    with Local([recipe()]) as engine:
        event = run_all(engine, [wanted])[wanted.name]
    whole, part = alone[wanted.name], event.result
    assert part.epochs == 2 and part.digests == whole.digests[:2]
    program = programs_of(recipe()).of(wanted.values)
    key = keys.wrapped(CHAINS.training_key(parse(wanted.name)))
    _, at = train(program, key, wanted.values, until=2)
    task = tasks.make("spirals")
    test, values = task.data.test, {**task.defaults, **wanted.values}
    network = task.network.network(values)
    logits, _ = network.apply(at.state.params, at.state.rest, jnp.asarray(test.x), None)
    assert event.test == int((np.argmax(logits, 1) == test.y).sum())


def test_what_is_not_wanted_any_more_makes_room():
    """A training of a hundred thousand epochs, given up after the first."""
    endless, short = jobs(1)[0], jobs(2, epochs=2)[1]
    with Local([recipe(epochs=100_000)]) as engine:
        engine.want([endless])
        assert engine.next()[0].name == endless.name
        assert run_all(engine, [short])[short.name].result.epochs == 2


def test_what_was_saved_is_gone_on_with(tmp_path, monkeypatch, alone):
    """Given up in the middle, and taken up again by an engine that trains the rest only."""
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoint.Checkpoints.__init__, "__defaults__", ("", 0.0))
    (wanted,) = jobs(1)
    with Local([recipe(folder=str(tmp_path))]) as engine:
        engine.want([wanted])
        while not list(tmp_path.glob("checkpoint/*")):
            (event,) = engine.next()
            assert not event.done
            time.sleep(0.2)
    with Local([recipe(folder=str(tmp_path))]) as engine:
        engine.want([wanted])
        (first,) = engine.next()
        assert first.result.epochs > 1
        event = first if first.done else run_all(engine, [wanted])[wanted.name]
    assert event.result == alone[wanted.name]


class Wrong(nn.Module):
    @nn.compact
    def __call__(self, x, *, train: bool):
        return nn.Dense(2)(x)


def wrong(**more):
    x, y = np.zeros((40, 2), np.float32), np.arange(40) % 5
    task = classification("wrong", Wrong(), arrays("five", x, y, test=(x, y)), **more)
    return Study(task, TUNER, Training(1), fixed={"batch_size": 5}).recipe()


@pytest.mark.parametrize("make", [Local, lambda r: Workers(r, 1)], ids=["local", "workers"])
def test_an_error_in_a_training_is_the_users_to_read(make):
    with pytest.raises(ValueError, match="logits of 5 classes"), make([wrong()]) as engine:
        engine.surroundings()  # where a study meets it first
        engine.want(jobs(1))
        engine.next()


def test_an_error_in_the_thread_of_a_device_is_raised_where_it_is_heard():
    with Local([wrong()]) as engine, pytest.raises(ValueError, match="logits of 5 classes"):
        engine.want(jobs(1))
        engine.next()


def test_a_task_that_cannot_be_sent_is_named():
    lock = threading.Lock()

    def optimizer(learning_rate):
        with lock:
            raise NotImplementedError

    with pytest.raises(ValueError, match="what can be sent to worker processes"):
        Workers([wrong(optimizer=optimizer)], 1)


def several(n) -> list[Job]:
    """Trials of all four variants, in an order that mixes them."""
    return [job(VARIANTS, Trial(0, i, (i % 5, i % 2, i // 2 % 2), 0)) for i in range(n)]


@pytest.mark.slow  # tests/test_study.py has a study of several variants
@pytest.mark.parametrize("engine", ["3 lanes in turn", "3 lanes at once", "2 workers"])
def test_trials_of_several_variants_are_what_they_are_alone(engine):
    """Whatever else is in the lanes: a program for each variant, and none twice."""
    study = Study(tasks.make("spirals", train_size=300), VARIANTS.tuner, Training(2, 2))
    programs, alone = programs_of(study.recipe()), {}
    for wanted in several(12):
        key = keys.wrapped(VARIANTS.training_key(parse(wanted.name)))
        alone[wanted.name] = train(programs.of(wanted.values), key, wanted.values)[0]
    assert len(programs) == 4 == len({r.compiled for r in alone.values()})
    lanes = Lanes(3, "vmap" if engine == "3 lanes at once" else "map")
    recipe = Study(study.task, study.tuner, study.training, lanes=lanes).recipe()
    with Workers([study.recipe()], 2) if engine == "2 workers" else Local([recipe]) as runner:
        events = run_all(runner, several(12))
    assert max(event.programs for event in events.values()) <= 4
    for name, event in events.items():
        assert event.result._replace(compiled="") == alone[name]._replace(compiled="")
