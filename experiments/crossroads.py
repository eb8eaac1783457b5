"""The crossroads camera, tuned: what a pixel is, how far away it is, and both at once.

    make crossroads      rates, tuners, a joint study and a picture; 15 minutes on two cores

First each head, and both in one network, is trained for one epoch at 1e-5 to 1e-2, and for six at
the rate that three_way found for it and at the task's own. Then four tuners look for the learning
rate of segmentation at equal training steps: a training is forty mini-batches, and each tuner has
six trainings (three_way, which meets a position again at no cost, at most six). Last, five
hyperparameters are tuned at once. Studies are records in the out folder; the tables are
printed and stand in results.json, the picture in pictures.png. Figures and hardware are in
docs/crossroads.md.
"""

import argparse
import json
import math
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

import jaxmeta
from jaxmeta import Log, Training, cli, keys, tasks
from jaxmeta.supervised import Task
from jaxmeta.tasks import perception
from jaxmeta.tasks.crossroads import HEADS
from jaxmeta.tasks.crossroads_data import CLASSES, log_depths
from jaxmeta.training import Program, train

RATES = (1e-5, 1e-4, 1e-3, 1e-2)
AXIS = Log(1e-5, 1.0, start=1e-4)
# The poster's own step, a doubling here, from the same start.
DOUBLING = Log(1e-5, 1.0, 1.0, start=1e-4)
TUNERS: dict[str, dict[str, Any]] = {
    "three_way": {"tuner": "three_way"},
    "poster": {"preset": "logarithmic"},
    "random": {"tuner": "random"},
    "TPE": {"tuner": "optuna", "sampler": "tpe"},
}
JOINT = ("learning_rate", "batch_size", "weight_decay", "dropout", "depth_weight")
BATCH = {"batch_size": 5}
MEASURES = ("miou", "accuracy", "abs_rel", "rmse", "delta")
COLOURS = np.array(
    [[135, 206, 235], [150, 90, 60], [20, 20, 20], [100, 100, 100], [220, 170, 220], [40, 160, 40]]
    + [[30, 60, 220], [230, 40, 40], [250, 220, 60], [120, 60, 160], [0, 160, 160], [255, 255, 255]]
)


def network_of(task: Task) -> Callable[[Any, np.ndarray], np.ndarray]:
    """From kept weights and pictures to outputs float32[n, H, W, outputs], compiled once."""
    apply = jax.jit(lambda kept, x: task.outputs(task.defaults, kept, x))
    return lambda kept, pictures: perception.outputs(lambda x: apply(kept, x), pictures)


def measures(heads: str, outputs: np.ndarray, y: np.ndarray, task: Task) -> dict[str, float]:
    """All that can be said of these heads' outputs on a split with the targets `y`."""
    said: dict[str, float] = {}
    if heads != "depth":
        logits, label = (outputs[..., :-1], y[..., 0]) if heads == "both" else (outputs, y)
        n, ignored = logits.shape[-1], task.data.ignored
        counts = perception.confusion(label, logits.argmax(-1), n, ignored)
        said |= perception.segmentation(counts)
    if heads != "segmentation":
        code = y[..., 1] if heads == "both" else y
        metres = np.where(code > 0, np.exp(log_depths())[code], np.inf)
        said |= perception.depth(metres, np.exp(outputs[..., -1]))
    return said


def tune(out: Path, heads: str, options: argparse.Namespace, **how: Any) -> Any:
    """A study of the learning rate on few pictures; a list of them with `seeds`."""
    task = tasks.make("crossroads", heads=heads, train_size=options.train_size)
    axis = DOUBLING if how.get("preset") else AXIS
    return jaxmeta.tune(
        task, {"learning_rate": axis}, out=out, epochs=1, show=False, fixed=BATCH,
        i_max=options.trainings, **how,
    )  # fmt: skip


def tuners(options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """Each tuner's studies: the rate, its score on validation and test, and the trainings."""
    said: dict[str, list[dict[str, Any]]] = {}
    table = Table("tuner", "trainings", "rates found", "test mIoU, mean", "least", "most")
    for name, how in TUNERS.items():
        said[name] = []
        seeds = range(options.seeds)
        for found in tune(options.out / name, "segmentation", options, seeds=seeds, **how):
            test = found.test.value if found.test else math.nan
            said[name].append({**found.best, "validation": found.score.value, "test": test})
            said[name][-1]["trainings"] = len({r["learning_rate"] for r in found.decisions})
        tests = [one["test"] for one in said[name]]
        rates = ", ".join(f"{one['learning_rate']:.1e}" for one in said[name])
        trainings = "/".join(str(one["trainings"]) for one in said[name])
        numbers = [f"{x:.3f}" for x in (float(np.mean(tests)), min(tests), max(tests))]
        table.add_row(name, trainings, rates, *numbers)
    Console(width=120).print(table)
    return said


def rates(options: argparse.Namespace) -> dict[str, Any]:
    """Measures on the test set of each head at each rate, and a picture of the tuned ones."""
    said: dict[str, Any] = {}
    outputs: dict[str, np.ndarray] = {}
    longest: dict[str, list[dict[str, float]]] = {}  # of each head, for each seed
    table = Table("heads", "rate", "epochs", "seeds", *MEASURES)
    for heads in HEADS:
        out = options.out / f"three_way-{heads}"
        best = tune(out, heads, options, tuner="three_way").best["learning_rate"]
        task: Any = tasks.make("crossroads", heads=heads)
        whole = options.epochs
        program = Program(task, Training(whole, whole), BATCH, ["learning_rate"])
        apply, (x, y) = network_of(task), task.data.test
        own = task.defaults["learning_rate"]
        for rate, epochs in [*((r, 1) for r in (*RATES, best)), (best, whole), (own, whole)]:
            seeds = options.long_seeds if epochs == whole else 1
            found = []
            for seed in range(seeds):
                key = keys.training(keys.root(seed), 0, 0)
                _, at = train(program, key, {"learning_rate": rate}, until=epochs)
                found.append(apply(task.kept(at.state), x))
            of = [measures(heads, each, y, task) for each in found]
            outputs[heads], longest[heads] = found[0], of
            said[f"{heads} {rate:g} {epochs}"] = of
            marked = " (tuned)" if rate == best else " (the task's own)" if rate == own else ""
            cells = [_spread([one[name] for one in of if name in one]) for name in MEASURES]
            table.add_row(heads, f"{rate:.2g}{marked}", str(epochs), str(seeds), *cells)
    Console(width=140).print(table)
    gains = [
        perception.gain(both, {"miou": alone["miou"], "abs_rel": depth["abs_rel"]})
        for alone, depth, both in zip(*(longest[heads] for heads in HEADS), strict=True)
    ]
    said["gain"] = gains
    print(
        "both heads over single ones, mean relative gain of mIoU and abs-rel: "
        + ", ".join(f"{gain:+.1%}" for gain in gains)
    )
    picture(outputs["both"], options.out / "pictures.png")
    return said


def _spread(values: list[float]) -> str:
    """The mean, and from least to most if there are several."""
    if not values:
        return ""
    range_of = f" ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{range_of}"


def joint(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Five hyperparameters at once, of both heads, from each seed."""
    task = tasks.make("crossroads", heads="both", train_size=options.train_size)
    studies = jaxmeta.tune(
        task, JOINT, out=options.out / "joint", epochs=1, show=False, tuner="three_way",
        i_max=options.trainings + 2, seeds=range(options.seeds),
    )  # fmt: skip
    said = []
    for found in studies:
        first, score = found.decisions[0]["score"], found.score.value
        said.append({**found.best, "score": score, "first": first})
        print(f"joint: {score:.3f}, begun at {first:.3f}: {found.best}")
    return said


def picture(outputs: np.ndarray, path: Path, shown: tuple[int, ...] = (0, 3, 7, 11)):
    """RGB, label, label found, depth and depth found of some test pictures, side by side."""
    from jaxmeta.report.picture import save

    task: Any = tasks.make("crossroads", heads="both")
    x, y = task.data.test
    logs = log_depths()

    def figure():
        from matplotlib.figure import Figure

        drawn = Figure(figsize=(14, 2.3 * len(shown)), layout="constrained")
        axes = drawn.subplots(len(shown), 5)
        near, far = 1.5, 4.4  # log metres, one scale for both
        for row, i in zip(axes, shown, strict=True):
            label, code = y[i, ..., 0], y[i, ..., 1]
            true = np.where(code > 0, logs[code], np.nan)
            panels = [
                ("picture", x[i]),
                ("label", COLOURS[label].astype(np.uint8)),
                ("found", COLOURS[outputs[i, ..., :-1].argmax(-1)].astype(np.uint8)),
                ("depth", true),
                ("found", outputs[i, ..., -1]),
            ]
            for axis, (title, panel) in zip(row, panels, strict=True):
                axis.imshow(panel, cmap="viridis_r", vmin=near, vmax=far)
                axis.set_axis_off()
                axis.set_title(title, fontsize=9)
        return drawn

    save(figure, path, path.with_suffix(".svg"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.crossroads")
    parser.add_argument("--out", type=Path, default=Path("runs/crossroads"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trainings", type=int, default=6, help="of each study")
    parser.add_argument("--train-size", type=int, default=200, help="pictures, while tuning")
    parser.add_argument("--epochs", type=int, default=6, help="of the long trainings")
    parser.add_argument("--long-seeds", type=int, default=1, help="of each long training")
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)
    # Studies of one task compile the same programs; the bits are those of a fresh compilation.
    jax.config.update("jax_compilation_cache_dir", str(options.out / "compiled"))
    started = time.monotonic()
    said: dict[str, Any] = {"classes": CLASSES}
    for part in (rates, tuners, joint):
        said[part.__name__] = part(options)
        said["minutes"] = round((time.monotonic() - started) / 60, 1)
        (options.out / "results.json").write_text(json.dumps(said, indent=1))
        print(f"{said['minutes']} minutes", flush=True)
    return cli.main(["verify", str(options.out / "three_way-both")])


if __name__ == "__main__":
    sys.exit(main())
