"""The learned optimiser: the paper's formulae written anew, optax's laws, what is shipped."""

import hashlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxmeta import cli, keys, load, tasks
from jaxmeta.learned import lstm
from jaxmeta.learned.optimizees import quadratics
from jaxmeta.learned.optimizer import BLOCK, FILE, learned, optimizer, shipped
from jaxmeta.record.lines import decisions
from jaxmeta.supervised.optimizers import adam
from jaxmeta.training.digest import digest, to_hex

RECORDS = Path(__file__).parents[2] / "experiments/results/learned"
WEIGHTS = lstm.init(keys.root(1))
DRAW = np.random.default_rng(0)


@pytest.mark.parametrize(
    "gradient", [0.0, 1e-30, -1e-6, 4.5e-5, 4.6e-5, -4.6e-5, 1e-3, -0.5, 1.0, 7.0, -1e4]
)
def test_the_preprocessing_is_the_papers(gradient):
    """Appendix A with p = 10, in double precision."""
    if abs(gradient) >= math.exp(-10):
        expected = math.log(abs(gradient)) / 10, math.copysign(1, gradient)
    else:
        expected = -1, math.exp(10) * gradient
    found = lstm.preprocess(jnp.array([gradient], jnp.float32))[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_network_is_an_lstm_of_two_layers():
    """Step by step in NumPy, double precision, as Hochreiter and Schmidhuber's equations stand."""

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    w = [np.asarray(leaf, np.float64) for leaf in WEIGHTS]
    hidden, cell = np.zeros((2, 20)), np.zeros((2, 20))
    state = lstm.fresh(1)
    for gradient in (0.3, -0.02, 1e-6, 2.0):
        inputs = np.asarray(lstm.preprocess(jnp.array([gradient])))[:, 0]
        for layer, (kernel, bias) in enumerate(((w[0], w[1]), (w[2], w[3]))):
            i, f, g, o = (kernel @ np.concatenate([inputs, hidden[layer]]) + bias).reshape(4, 20)
            cell[layer] = sigmoid(f) * cell[layer] + sigmoid(i) * np.tanh(g)
            inputs = hidden[layer] = sigmoid(o) * np.tanh(cell[layer])
        state, said = lstm.step(WEIGHTS, state, jnp.array([gradient], jnp.float32))
        np.testing.assert_allclose(said[0], w[4] @ inputs + w[5], rtol=1e-4, atol=1e-6)
    found = [layer.cell[:, 0] for layer in state]
    np.testing.assert_allclose(found, cell, rtol=1e-4, atol=1e-6)
    assert sum(leaf.size for leaf in WEIGHTS) == 5141


def test_a_coordinate_knows_no_other_and_blocks_change_nothing():
    n = BLOCK + 100
    gradient = jnp.asarray(DRAW.standard_normal(n), jnp.float32)
    whole = optimizer(WEIGHTS, 0.1)
    state = whole.init(gradient)
    chex.assert_tree_shape_prefix(state, (2, 20, BLOCK))
    chex.assert_type(jax.tree.leaves(state), jnp.float32)
    for _ in range(2):
        updates, state = jax.jit(whole.update)(gradient, state)
    _, said = lstm.step(WEIGHTS, lstm.fresh(100), gradient[-100:])
    memory, _ = lstm.step(WEIGHTS, lstm.fresh(100), gradient[-100:])
    _, said = lstm.step(WEIGHTS, memory, gradient[-100:])
    np.testing.assert_allclose(updates[-100:], 0.1 * said, rtol=1e-5, atol=1e-7)


THREE_STEPS = """
import hashlib, jax, numpy as np
from jaxmeta import keys
from jaxmeta.learned import lstm
from jaxmeta.learned.optimizer import BLOCK, optimizer
opt = optimizer(lstm.init(keys.root(1)), 0.1)
gradients = jax.random.normal(keys.root(2), (3, BLOCK + 100))
scan = lambda state, g: opt.update(g, state)[::-1]
steps = jax.jit(lambda g: jax.lax.scan(scan, opt.init(g[0]), g)[1])(gradients)
print(hashlib.sha256(np.asarray(steps).tobytes()).hexdigest())
"""


def test_any_number_of_threads_gives_the_same_bits():
    """As many coordinates as fill a block: the other tests' few are never split among threads."""

    def digest_with(threads):
        words = [sys.executable, "-c", THREE_STEPS]
        said = subprocess.check_output(words, text=True, env={**os.environ, "NPROC": threads})
        return said.strip()

    assert digest_with("1") == digest_with("3")


def test_what_is_shipped_beats_adam_on_quadratics_that_it_never_saw():
    """Adam at the rate that the grid of experiments/learned_rivals.py finds best."""
    problem, of = quadratics(), shipped("quadratics")
    drawn, x = jax.vmap(problem.begin, (0, None))(jax.random.split(keys.root(5), 64), ())

    def losses(x):
        return jax.vmap(problem.loss, (0, 0, None, None))(drawn, x, keys.root(0), ())

    def final(opt):
        def step(carry, _):
            x, state = carry
            updates, state = opt.update(jax.grad(lambda x: losses(x).sum())(x), state, x)
            return (x + updates, state), None

        return losses(jax.lax.scan(step, (x, opt.init(x)), length=100)[0][0]).mean()

    assert jax.jit(lambda: final(optimizer(of.weights, of.scale)))() < final(adam(1.0))


def test_it_is_an_optax_transformation():
    """In a chain, on a tree, with scalars; structure and dtypes of its state stay."""
    params = {"w": jnp.ones((3, 4)), "b": jnp.zeros(4), "scalar": jnp.float32(2)}
    chained = optax.chain(optax.clip_by_global_norm(1.0), learned(), optax.scale(0.5))
    state = chained.init(params)
    after = jax.eval_shape(chained.update, params, state, params)
    assert after == jax.eval_shape(lambda: (params, state))
    alone, _ = learned().update(params, learned().init(params))
    doubled, _ = learned(2.0).update(params, learned().init(params))
    decayed, _ = learned(2.0, 0.5).update(params, learned().init(params), params)
    scale = shipped("mnist").scale
    for name, p in params.items():
        np.testing.assert_allclose(doubled[name], 2 * alone[name], rtol=1e-6)
        np.testing.assert_allclose(decayed[name], doubled[name] - scale * p, rtol=1e-5)
    with pytest.raises(ValueError, match="params"):
        learned(1.0, 0.5).update(params, learned().init(params))


@pytest.mark.parametrize("name", ["mnist", "quadratics"])
def test_what_is_shipped_is_what_its_record_says(name):
    """The weights' digest is that of the best epoch in the journal of their training."""
    of = shipped(name)
    for part, named in (("tuning", of.tuning), ("training", of.training)):
        journal = RECORDS / f"{name}-{part}.jsonl"
        assert hashlib.sha256(journal.read_bytes()).hexdigest() == named
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    (decision,) = decisions(lines)
    (trained,) = decision["trainings"]
    assert to_hex(digest(of.weights)) == trained["digests"][trained["best_epoch"] - 1]
    assert lines[0]["fixed"]["output_scale"] == pytest.approx(of.scale)
    assert FILE.stat().st_size < 60_000


def test_no_learning_rate_reaches_it_and_the_choice_is_named():
    task = tasks.make("spirals", train_size=100)
    values = {**task.defaults, "optimizer": "learned"}
    assert "learning_rate" not in task.takes(values) and "update_scale" in task.takes(values)
    assert task.promises == "fixed order"
    task.check(values)
    with pytest.raises(ValueError, match="update_scale must be"):
        task.check({**values, "update_scale": -1.0})
    assert "learned" not in task.axes["optimizer"].values


@pytest.mark.slow
def test_a_study_that_chooses_it_is_verified_to_be_identical(tmp_path, capsys):
    """Beside Adam, in lanes, and trained again."""
    words = "tune spirals --train-size 200 --tune optimizer=adam,learned --tuner grid --epochs 2"
    out = str(tmp_path / "a")
    assert cli.main([*words.split(), "--lanes", "2", "--formulation", "vmap", "--out", out]) == 0
    tried = {row["optimizer"] for row in load(out).decisions}
    assert tried == {"adam", "learned"}
    capsys.readouterr()
    assert cli.main(["verify", out]) == 0
    assert "identical" in capsys.readouterr().out
