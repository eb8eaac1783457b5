"""Train_N: its loop on trainables whose every epoch is known beforehand, and on real small ones."""

import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmeta import keys, score, tasks
from jaxmeta.arithmetic import product
from jaxmeta.training import Program, Programs, Training, executable, train, trainable, variant
from jaxmeta.training.executable import Executable

KEY = keys.training(keys.root(0), 0, 0)
RATE = {"learning_rate": 0.01}


def scripted(table, nan_at=None, kind=score.COUNT, **training):
    """Its state counts epochs; its score after epoch t is table[t]."""
    table = np.array(table, np.int32 if kind == score.COUNT else np.float32)

    def epoch(key, n, values, state, train):
        assert n.dtype == jnp.int32
        return state + 1, jnp.where(n + 1 == (nan_at or -1), jnp.nan, n.astype(jnp.float32))

    made = trainable(
        "scripted",
        lambda key, values, train: jnp.int32(0),
        epoch,
        lambda key, values, state, held_out: jnp.asarray(held_out)[state],
        axes={"x": None},
        kind=kind,
        held_out={"validation": table},
    )
    return Program(made, Training(**training), traced=["x"])


def run(program, **more):
    return train(program, KEY, {"x": 1.0}, **more)


def test_the_score_is_the_best_evaluation_seen_first():
    result, at = run(scripted([0, 3, 7, 7, 5], epochs=4, patience=9))
    assert (result.score, result.best_epoch, result.epochs) == (7, 2, 4)
    assert result.curve == [3, 7, 7, 5] and result.losses == [0, 1, 2, 3]
    assert int(at.state) == 4


@pytest.mark.parametrize(("patience", "epochs"), [(1, 2), (2, 3), (3, 6), (9, 6)])
def test_patience_waits_that_many_epochs_for_a_better_one(patience, epochs):
    """Evaluations 5 5 4 6 6 6, after epochs 1 to 6."""
    result, _ = run(scripted([0, 5, 5, 4, 6, 6, 6], epochs=6, patience=patience))
    assert result.epochs == epochs
    assert result.score == (5 if patience < 3 else 6)


def test_a_loss_that_is_not_a_number_ends_the_training_there():
    result, at = run(scripted([0, 1, 2, 3, 4], nan_at=2, epochs=4, patience=9))
    assert result.diverged and result.score == score.DIVERGED and result.best_epoch == 0
    assert result.curve == [1, score.DIVERGED] and np.isnan(result.losses[-1])
    assert int(at.state) == 2


@pytest.mark.parametrize(
    ("kind", "table"),
    [(score.COUNT, [0, 4, score.DIVERGED, 9]), (score.FLOAT, [0, 4, np.nan, 9])],
)
def test_a_score_that_is_none_ends_it_too(kind, table):
    result, _ = run(scripted(table, kind=kind, epochs=3, patience=9))
    assert result.diverged and result.epochs == 2 and result.curve[1] == score.DIVERGED


def test_floats_are_scores_by_their_rank_and_minus_infinity_is_one():
    result, _ = run(scripted([0, -np.inf, -2.5, 3e38], kind=score.FLOAT, epochs=3, patience=9))
    assert [score.to_float(points) for points in result.curve] == [-np.inf, -2.5, np.float32(3e38)]
    assert not result.diverged and result.score == result.curve[2]


def test_a_key_belongs_to_the_training_and_its_split():
    def seen(key, values, state, held_out):
        return jax.random.uniform(key)

    def draw(key):
        return jax.random.uniform(keys.derive(key, "draw"))

    made = trainable(
        "keys",
        lambda key, values, train: key,
        lambda key, n, values, state, train: (state, draw(key)),
        seen,
        axes={},
        held_out={"validation": (), "test": ()},
    )
    program = Program(made, Training(3, 9))
    results = [train(program, keys.training(keys.root(0), i, 0), {})[0] for i in (0, 0, 1)]
    assert results[0] == results[1] != results[2]
    assert len(set(results[0].curve)) == len(set(results[0].losses)) == 1
    _, at = train(program, KEY, {})
    assert program.score("test", KEY, {}, at) != results[0].curve[0]
    with pytest.raises(ValueError, match="has no test split"):
        Program(made_without_a_test(), Training(), scored_on="test")


def made_without_a_test():
    nothing = lambda *_: (jnp.float32(0), jnp.float32(0))  # noqa: E731
    return trainable("a", nothing, nothing, nothing, axes={})


@pytest.mark.parametrize(
    ("epoch", "score_of", "match"),
    [
        (
            lambda s: s.astype(jnp.float16),
            lambda s: s[0],
            r"changes state\['w'\] from float32\[3\]",
        ),
        (lambda s: s[:2], lambda s: s[0], r"to float32\[2\]; give it the same shape"),
        (lambda s: s, lambda s: s, "a score that is a float must be one floating number"),
        (lambda s: s, lambda s: jnp.int32(1), r"got int32\[\]"),
    ],
)
def test_a_trainable_that_cannot_be_run_is_named_before_it_is_compiled(epoch, score_of, match):
    made = trainable(
        "bad",
        lambda key, values, train: {"w": jnp.zeros(3)},
        lambda key, n, values, state, train: ({"w": epoch(state["w"])}, jnp.float32(0)),
        lambda key, values, state, held_out: score_of(state["w"]),
        axes={},
    )
    with pytest.raises(ValueError, match=match):
        train(Program(made, Training()), KEY, {})


@pytest.fixture(scope="module", params=["spirals", "sine"])
def small(request):
    task = tasks.make(request.param, train_size=200)
    return Program(task, Training(epochs=6, patience=6), traced=["learning_rate"])


@pytest.mark.parametrize("rate", [1e20, 1e38])
def test_a_huge_learning_rate_is_data_not_an_exception(small, rate):
    result, _ = train(small, KEY, {"learning_rate": rate})
    assert result.diverged and result.score == score.DIVERGED


def test_k_epochs_and_then_more_equal_one_longer_run(small):
    whole, at_whole = train(small, KEY, RATE)
    for k in (1, 2, 5):
        _, at = train(small, KEY, RATE, until=k)
        assert int(at.epoch) == k
        parts, at_parts = train(small, KEY, RATE, at=at)
        assert parts == whole
        chex.assert_trees_all_equal(at_parts, at_whole)
    watched, at_watched = train(small, KEY, RATE, watch=lambda _: None)
    assert watched == whole
    chex.assert_trees_all_equal(at_watched, at_whole)


def test_control_another_key_and_another_rate_give_other_bits(small):
    digests = {
        train(small, key, {"learning_rate": rate}, until=1)[0].digests[0]
        for key in (KEY, keys.training(keys.root(1), 0, 0))
        for rate in (0.01, 0.010000001)
    }
    assert len(digests) == 4


class Compilations:
    """Counts the programs that XLA compiles."""

    def __init__(self, monkeypatch):
        from jax._src import compiler

        self.names = []
        compile_it = compiler.compile_or_get_cached

        def counted(backend, computation, *rest, **more):
            self.names.append(str(computation.operation.attributes["sym_name"]).strip('"'))
            return compile_it(backend, computation, *rest, **more)

        monkeypatch.setattr(compiler, "compile_or_get_cached", counted)

    def of(self, name):
        return sum(name in module for module in self.names)


def test_a_traced_value_never_compiles_and_a_static_one_once(monkeypatch):
    task = tasks.make("spirals", train_size=200)
    made = Compilations(monkeypatch)
    programs = Programs(task, Training(2, 2), {"dropout": 0.25})

    def trial(**values):
        program = programs.of(values)
        result, _ = train(program, KEY, values)
        assert len(program.compiled) == 32 and result.compiled == program.compiled
        return result

    floats = [{"learning_rate": rate, "beta1": b} for rate in (0.1, 0.01) for b in (0.5, 0.9)]
    statics = [
        {"batch_size": 20, "optimizer": "adam"},
        {"batch_size": 50, "optimizer": "lion"},
    ]
    results = [trial(**static, **traced) for static in statics for traced in floats]
    assert len({result.digests[-1] for result in results}) == 8
    assert len({result.compiled for result in results}) == 2 == len(programs)
    assert made.of("_go_on") == made.of("_begin") == 2
    before = len(made.names)
    again = [trial(**static, **traced) for static in statics for traced in floats]
    assert again == results and len(made.names) == before


def test_names_in_the_source_are_no_part_of_a_compiled_program():
    """JAX's cache takes programs that differ by names alone for one, and gives one's text."""

    def one(x, y):
        return jnp.sin(x) @ y

    def other(a, b):
        return jnp.sin(a) @ b

    def swapped(x, y):
        return jnp.sin(y) @ x

    square = jax.ShapeDtypeStruct((8, 8), jnp.float32)
    made = []
    for function in (one, other, swapped):
        function.__name__ = "same"
        made.append(Executable(jax.jit(function), None, square, square))
    assert made[0].written == made[1].written != made[2].written
    assert made[0].compiled == made[1].compiled != made[2].compiled


def test_no_step_copies_the_weights(monkeypatch):
    """And a JAX that cannot be told so compiles the same numbers."""

    def steps(w, x):
        def step(w, x):
            y, pull = jax.vjp(lambda x, w: jnp.sin(product(x, w)), x, w)
            dx, dw = pull(y)
            return w - dw, dx

        return jax.lax.scan(step, w, x)

    draw = np.random.default_rng(0)
    of = draw.standard_normal((48, 64), np.float32), draw.standard_normal((3, 8, 48), np.float32)
    told = Executable(jax.jit(steps), None, *of)
    monkeypatch.setattr(executable, "IN_ORDER", "xla_cpu_not_in_this_release")
    untold = Executable(jax.jit(steps), None, *of)
    chex.assert_trees_all_equal(told(*of), untold(*of))
    copies = [len(re.findall(r"f32\[48,64]\S* copy\(", made.compiled)) for made in (told, untold)]
    assert copies[0] < copies[1], copies


def test_a_variant_is_its_static_values_and_the_names_of_the_others():
    one = variant({"b": 0.5, "a": "x", "c": 3})
    assert one == ((("a", "x"), ("c", 3)), ("b",))
    assert one == variant({"c": 3, "a": "x", "b": 0.25}) != variant({"c": 4, "a": "x", "b": 0.5})


def test_the_program_is_named_by_what_it_computes():
    def digests(epochs=3, rate=1e-3, size=2):
        made = trainable(
            "falls",
            lambda key, values, train: jnp.ones(values["size"]),
            lambda key, n, values, state, train: (state * (1 - values["rate"]), state.sum()),
            lambda key, values, state, held_out: state[0],
            axes={"rate": None, "size": None},
        )
        return Program(made, Training(epochs), {"rate": rate, "size": size}).digests()

    same = digests()
    assert same == digests()
    assert len(same["program"]) == len(same["compiled"]) == 32
    others = [digests(epochs=4), digests(rate=1e-2), digests(size=3)]
    for part in ("program", "compiled"):
        assert len({digests[part] for digests in (same, *others)}) == 4


@pytest.mark.parametrize("bad", [{"epochs": 0}, {"patience": 0}])
def test_bad_lengths_are_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Training(**bad)


@pytest.mark.parametrize(
    ("epochs", "best_epoch", "diverged", "ended"),
    [(2, 1, False, False), (2, 1, True, True), (5, 5, False, True), (3, 1, False, True)],
)
def test_a_training_ends_by_its_epochs_its_patience_or_a_divergence(
    epochs, best_epoch, diverged, ended
):
    training = Training(epochs=5, patience=2)
    assert training.ended(epochs, best_epoch, diverged) is ended
    assert bool(jax.jit(training.ended)(epochs, best_epoch, diverged)) is ended
