"""The poster, end to end: its tuner on its network on MNIST.

    make experiment           the quick profile
    make experiment-poster    the poster's: all 55,000 images, each training to early stopping

Every profile is a command line of `jaxmeta tune`, printed before it runs. The results, with seed,
hardware and minutes, stand in docs/figures.md.
"""

import argparse
import resource
import shlex
import shutil
import sys
import time
from pathlib import Path

from jaxmeta import cli
from jaxmeta.record.journal import read

PROFILES = {
    # Enough of MNIST to see the tuner walk; two cores train it in seconds.
    "quick": "tune mnist --preset poster --train-size 5000 --epochs 3 --i-max 20",
    "poster": "tune mnist --preset poster --epochs 20 --patience 3",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.mnist")
    parser.add_argument("--profile", choices=PROFILES, default="quick")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="default: runs/mnist-PROFILE-SEED, made anew")
    options = parser.parse_args()
    out = options.out or Path("runs") / f"mnist-{options.profile}-{options.seed}"
    if options.out is None and out.exists():
        shutil.rmtree(out)  # `make experiment` twice is the same study twice
    command = [*shlex.split(PROFILES[options.profile]), "--seed", str(options.seed)]
    command += ["--out", str(out)]
    print(f"jaxmeta {shlex.join(command)}\n", flush=True)
    started = time.monotonic()
    status = cli.main(command) or cli.main(["show", str(out)])
    if status:
        return status
    print("\nThe report:")
    status = cli.main(["report", str(out)])
    end = read(out)[-1]
    rate = float.fromhex(end["recommended"]["values"]["learning_rate"])
    right, of = end["test"]["score"], end["test"]["of"]
    print(f"λ_best = {rate:.6g}: {right} of {of} test images right, {right / of:.2%}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB on Linux
    print(f"{(time.monotonic() - started) / 60:.1f} minutes, peak memory {peak:.2f} GiB")
    return status


if __name__ == "__main__":
    sys.exit(main())
