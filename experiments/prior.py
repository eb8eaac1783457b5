"""The prior that comes with the package, made of its own small tasks.

    python -m experiments.prior      jaxmeta/prior/shipped.json anew; 10 minutes on two cores

Random search of 40 trainings on each task, over the hyperparameters that most trainings have:
nothing that was chosen well, so that whatever a tuner does with it is the tuner's own. Each study
is a command line of `jaxmeta tune`, printed before it runs. No table of the judge is among them.
"""

import argparse
import shlex
import shutil
import sys
from pathlib import Path

from jaxmeta import Prior, cli

COMMON = "--tune learning_rate=1e-5:1:log --tune batch_size=16,32,64 --tune dropout=0:0.6:0.1"
DECAY = "--tune optimizer=adamw,sgd,momentum --tune weight_decay=1e-6:0.1:log"
STUDIES = (
    f"spirals --epochs 10 {COMMON} {DECAY}",
    f"spirals --epochs 10 {COMMON} --set optimizer=adam",
    f"sine --epochs 10 {COMMON} {DECAY}",
    f"sine --epochs 10 {COMMON} --set optimizer=adam",
    f"mnist --train-size 1000 --epochs 2 {COMMON} --set optimizer=adam",
)
SHIPPED = Path("jaxmeta/prior/shipped.json")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.prior")
    parser.add_argument("--out", type=Path, default=Path("runs/prior"))
    parser.add_argument("--file", type=Path, default=SHIPPED)
    options = parser.parse_args()
    folders = []
    for number, study in enumerate(STUDIES):
        out = options.out / str(number)
        shutil.rmtree(out, ignore_errors=True)  # the same command twice is the same study twice
        words = f"tune {study} --tuner random --i-max 40 --keep-weights none"
        command = [*shlex.split(words), "--out", str(out)]
        print(f"\njaxmeta {shlex.join(command)}\n", flush=True)
        if status := cli.main(command):
            return status
        folders.append(out)
    Prior.from_records(folders).save(options.file)
    return cli.main(["prior", "show", str(options.file)])


if __name__ == "__main__":
    sys.exit(main())
