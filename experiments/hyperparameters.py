"""The poster's rule on other hyperparameters: mini-batch size, optimiser, regularisation.

    make hyperparameters      three studies of one axis each, and a joint one over four

The poster announces it ("apply this methodology to other hyperparameters: mini-batch size,
optimizer, regularization technique") and gives no numbers: axes, p_ε and lengths are ours. Every
study is a command line of `jaxmeta tune`, printed before it runs, with its picture beside its
journal. Trials of one study have equal epochs, so equal examples, and not equal steps: a small
mini-batch takes more of them. Results, seed, hardware and minutes stand in docs/figures.md.
"""

import argparse
import shlex
import shutil
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from jaxmeta import cli
from jaxmeta.outcome import load

SMALL = "tune mnist --train-size 2000 --epochs 2"
POSTER = f"{SMALL} --preset poster --i-max 12 --set learning_rate=1e-3"
STUDIES = {
    "batch_size": f"{POSTER} --tune batch_size",
    "optimizer": f"{POSTER} --tune optimizer",
    "dropout": f"{POSTER} --tune dropout",
    "joint": f"{SMALL} --tuner three_way --i-max 24 --tune learning_rate --tune batch_size "
    "--tune optimizer=adam,sgd,momentum --tune dropout",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.hyperparameters")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/hyperparameters"))
    parser.add_argument("--only", choices=STUDIES, help="one of the studies")
    options = parser.parse_args()
    table = Table("study", "trials", "best values", "validation", "test", "minutes")
    for name, words in STUDIES.items():
        if options.only not in (None, name):
            continue
        out = options.out / name
        if out.exists():
            shutil.rmtree(out)  # the same command twice is the same study twice
        command = [*shlex.split(words), "--seed", str(options.seed), "--out", str(out)]
        print(f"\njaxmeta {shlex.join(command)}\n", flush=True)
        started = time.monotonic()
        if status := cli.main(command) or cli.main(["report", str(out)]):
            return status
        found = load(out)
        best = ", ".join(
            f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in found.best.items()
        )
        minutes = f"{(time.monotonic() - started) / 60:.1f}"
        table.add_row(name, str(found.trials), best, str(found.score), str(found.test), minutes)
    Console(width=130).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
