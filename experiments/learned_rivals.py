"""The learned optimisers beside hand-designed ones: the tests (a), (b) and (c) of the paper.

Every optimiser minimises the same functions from the same first parameters and sees the same
mini-batches. The rivals' learning rates are the best of a grid, by the mean final loss of other
runs, and are chosen anew for each test; the learned optimiser stays as it is.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from jaxmeta import keys
from jaxmeta.learned.optimizees import Optimizee, minimize, networks, quadratics
from jaxmeta.learned.optimizer import optimizer, shipped
from jaxmeta.supervised.optimizers import adam, nesterov, rmsprop, sgd
from jaxmeta.tasks.data import load

AT_ONCE = 10
RATES = tuple(float(f"{10 ** (k / 3):.3g}") for k in range(-9, 4))  # 1e-3 to 10
RIVALS: dict[str, Callable[..., Any]] = {
    "SGD": sgd,
    "NAG": nesterov,
    "RMSprop": rmsprop,
    "Adam": adam,
}
DRAWS = 10_000  # of the bootstrap


class Comparison(NamedTuple):
    """Functions to be made small in so many steps, and the optimiser that was trained for them."""

    title: str
    trained_on: str
    optimizee: Optimizee
    steps: int = 100
    runs: int = 30
    tuning_runs: int = 10


PIXELS = 28 * 28
TESTS = {
    "a": Comparison(
        "ten-dimensional quadratics", "quadratics", quadratics(), runs=100, tuning_runs=100
    ),
    "b": Comparison("MNIST, 20 sigmoid units", "mnist", networks(PIXELS), runs=100),
    "c1": Comparison("MNIST, 200 steps", "mnist", networks(PIXELS), 200),
    "c2": Comparison("MNIST, 40 units", "mnist", networks(PIXELS, 40)),
    "c3": Comparison("MNIST, two layers", "mnist", networks(PIXELS, layers=2)),
    "c4": Comparison("MNIST, ReLU", "mnist", networks(PIXELS, activation="relu")),
}


def images(side: int = 28) -> tuple[np.ndarray, np.ndarray]:
    """The middle `side` x `side` pixels of MNIST's 55,000 training images, float32[n, side^2] in
    [0, 1], and their labels."""
    train, edge = load("mnist").train, (28 - side) // 2
    x = np.asarray(train.x[:, edge : 28 - edge, edge : 28 - edge], np.float32)
    return x.reshape(len(x), -1) * np.float32(1 / 255), train.y


@partial(jax.jit, static_argnums=(0, 1, 4))
def curves(optimizee: Optimizee, make: Any, of_make: Any, data: Any, steps: int, each: jax.Array):
    """Losses float32[runs, steps + 1] of the runs with these keys."""

    def one(key):
        return minimize(optimizee, make(**of_make), key, data, steps)

    return jax.lax.map(one, each, batch_size=min(AT_ONCE, len(each)))


def best_rate(test: Comparison, make: Callable[..., Any], data: Any) -> float:
    """The rate of the grid with the least mean final loss over runs of their own."""
    each = jax.random.split(keys.derive(keys.root(0), "tuning"), test.tuning_runs)

    def final(rate):
        losses = curves(test.optimizee, make, {"learning_rate": rate}, data, test.steps, each)
        return float(losses[:, -1].mean())

    found = np.array([final(rate) for rate in RATES])
    return RATES[int(np.argmin(np.where(np.isfinite(found), found, np.inf)))]


def run(name: str) -> dict[str, Any]:
    """The test of this name."""
    return compare(TESTS[name])


def compare(test: Comparison) -> dict[str, Any]:
    """Rates, log10 of the mean losses, and who is ahead; JSON but for the curves."""
    data = () if test.trained_on == "quadratics" else jax.tree.map(jnp.asarray, images())
    each = jax.random.split(keys.derive(keys.root(0), "unseen"), test.runs)
    ours = shipped(test.trained_on)
    of_ours = {"weights": ours.weights, "scale": np.float32(ours.scale)}
    losses = {
        "learned": np.asarray(curves(test.optimizee, optimizer, of_ours, data, test.steps, each))
    }
    rates = {name: best_rate(test, make, data) for name, make in RIVALS.items()}
    for name, make in RIVALS.items():
        of_make = {"learning_rate": rates[name]}
        losses[name] = np.asarray(curves(test.optimizee, make, of_make, data, test.steps, each))
    final = {name: values[:, -1].astype(np.float64) for name, values in losses.items()}
    rival = min(RIVALS, key=lambda name: final[name].mean())
    return {
        "title": test.title,
        "runs": test.runs,
        "rates": rates,
        "log10": {name: interval(values) for name, values in final.items()},
        "rival": rival,
        "difference": interval(final["learned"], final[rival]),
        "curves": {name: np.log10(values.mean(0)) for name, values in losses.items()},
    }


def interval(losses: np.ndarray, others: np.ndarray | None = None) -> tuple[float, float, float]:
    """log10 of the mean loss, less that of `others` in the same runs, and the ends of its 95 %
    interval by the bootstrap over runs."""

    def statistic(rows: Any) -> Any:
        mean = np.log10(losses[rows].mean(-1))
        return mean if others is None else mean - np.log10(others[rows].mean(-1))

    drawn = np.random.default_rng(0).integers(len(losses), size=(DRAWS, len(losses)))
    low, high = np.quantile(statistic(drawn), [0.025, 0.975])
    return float(statistic(np.arange(len(losses)))), float(low), float(high)


def show(found: dict[str, Any], console: Console) -> None:
    """The table: what `run` found, by test."""
    names = ["learned", *RIVALS]
    table = Table(
        "log10 of the mean final loss", *names, "learned less the best", title_justify="left"
    )
    for one in found.values():
        cells = [
            cell(one["log10"][name])
            + (f"\nat {one['rates'][name]:.3g}" if name in one["rates"] else "")
            for name in names
        ]
        table.add_row(one["title"], *cells, f"{cell(one['difference'])}\n{one['rival']}")
    console.print(table)


def cell(interval: Any) -> str:
    middle, low, high = interval
    return f"{middle:.3f} [{low:.3f}, {high:.3f}]"


def figure(found: dict[str, Any]) -> Any:
    """Mean losses by step, as the paper's figures 4 and 5."""
    from matplotlib.figure import Figure

    columns, rows = min(3, len(found)), -(-len(found) // 3)
    fig = Figure(figsize=(4.7 * columns, 4.2 * rows), layout="constrained")
    panels = fig.subplots(rows, columns, squeeze=False).ravel()
    styles = dict(zip(["learned", *RIVALS], ("-", ":", "--", "-.", (0, (5, 1))), strict=True))
    colours = ("#D55E00", "#777777", "#0072B2", "#009E73", "#CC79A7")
    for ax, one in zip(panels, found.values(), strict=False):
        top = max(one["curves"]["learned"][0], one["curves"]["Adam"][0])
        low = min(curve.min() for curve in one["curves"].values())
        for (name, style), colour in zip(styles.items(), colours, strict=True):
            rate = f", {one['rates'][name]:.3g}" if name in one["rates"] else ""
            ax.plot(one["curves"][name], ls=style, color=colour, lw=1.8, label=name + rate)
        ax.set(title=one["title"], xlabel="step", ylabel="log10 of the mean loss")
        ax.set_ylim(low - 0.05 * (top - low), top + 0.1 * (top - low))
        ax.legend()
    for ax in panels[len(found) :]:
        ax.set_visible(False)
    return fig
