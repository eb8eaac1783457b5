"""The crossroads network on CamVid: mean intersection over union on its test split.

    make camvid DATA=FOLDER      two learning rates, twelve epochs each

CamVid (Brostow, Fauqueur and Cipolla, "Semantic Object Classes in Video", 2009) is not in the
package: its licence allows no commercial use. FOLDER is laid out as `jaxmeta.tasks.pictures` says.
The weights of the better rate, at their best epoch on the validation split, meet the test split,
beside two networks that see nothing: the most frequent class, and the most frequent of each pixel.
"""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import jaxmeta
from experiments.crossroads import measures, network_of
from jaxmeta import Values, tasks
from jaxmeta.tasks import perception
from jaxmeta.tasks.pictures import CLASSES, IGNORED

RATES = Values(1e-3, 3e-3)


def priors(train: np.ndarray, test: np.ndarray) -> dict[str, dict[str, float]]:
    """Measures on the labels `test` of what the labels `train` alone know."""
    n = len(CLASSES)
    counts = np.stack([(train == label).sum(0) for label in range(n)])
    guesses = {
        "most frequent class": np.full(test.shape[1:], counts.sum((1, 2)).argmax()),
        "that of each pixel": counts.argmax(0),
    }
    return {
        name: perception.segmentation(
            perception.confusion(test, np.broadcast_to(guess, test.shape), n, IGNORED)
        )
        for name, guess in guesses.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.camvid")
    parser.add_argument("folder", help="in CamVid's layout")
    parser.add_argument("--out", type=Path, default=Path("runs/camvid"))
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    started = time.monotonic()
    shutil.rmtree(options.out, ignore_errors=True)
    task: Any = tasks.make("crossroads", data=options.folder)
    found = jaxmeta.tune(
        task, {"learning_rate": RATES}, out=options.out, tuner="grid", points=2,
        epochs=options.epochs, patience=options.epochs, fixed={"batch_size": 5},
    )  # fmt: skip
    x, y = task.data.test
    outputs = network_of(task)(found.weights(task), x)
    counts = perception.confusion(y, outputs.argmax(-1), len(CLASSES), IGNORED)
    said = priors(task.data.train.y, y) | {"U-Net": measures("segmentation", outputs, y, task)}
    table = Table("on CamVid's test split", "mIoU", "accuracy")
    for name, of in said.items():
        table.add_row(name, f"{of['miou']:.3f}", f"{of['accuracy']:.3f}")
    Console(width=100).print(table)
    each = dict(zip(CLASSES, perception.intersection_over_union(counts).tolist(), strict=True))
    print(", ".join(f"{name} {value:.2f}" for name, value in each.items()))
    print(f"best {found.best}, {(time.monotonic() - started) / 60:.1f} minutes")
    written = json.dumps({**said, "classes": each, "best": found.best}, indent=1)
    (options.out / "results.json").write_text(written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
