"""Is the network right? TensorFlow's former tutorial "Deep MNIST for Experts", step for step.

    make tutorial
    make tutorial ARGS="--seeds 5 --steps 2000 --arithmetic portable"

The same network, 20,000 steps of 50 images, Adam at 1e-4, dropout 0.5, truncated-normal weights;
the tutorial promises a test accuracy of "approximately 99.2 %". Trained on 55,000 images, evaluated
on the 5,000 of the validation split after every 1,000 steps, and once, at the end, on the test set:
the weights after the last step, as the tutorial does, not the best ones. What was measured stands
in docs/figures.md.
"""

import argparse
import statistics
import time

from jaxmeta import keys
from jaxmeta.arithmetic import ARITHMETICS, FAST
from jaxmeta.tasks.images import images
from jaxmeta.training import Program, Progress, Training, train

STEPS, EVERY, RATE = 20_000, 1_000, 1e-4


def run(program: Program, seed: int) -> float:
    """The test accuracy, in percent, of the training from `seed`."""
    started = time.monotonic()

    def watch(at: Progress) -> None:
        n = int(at.epoch)
        right, of = int(at.curve[n - 1]), program.trainable.of("validation") or 1
        rate = n * EVERY / (time.monotonic() - started)
        print(
            f"step {n * EVERY:6,}: {right} of {of} validation images right, {right / of:.2%} "
            f"({rate:.0f} steps/s)",
            flush=True,
        )

    key, values = keys.derive(keys.root(seed), "train", 0), {"learning_rate": RATE}
    _, at = train(program, key, values, watch=watch)
    right = program.score("test", key, values, at)
    accuracy = 100 * right / (program.trainable.of("test") or 1)
    print(f"seed {seed}: test accuracy {accuracy:.2f} % after {int(at.epoch) * EVERY:,} steps")
    return accuracy


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.tutorial")
    parser.add_argument("--seed", type=int, default=0, help="the first, or only, seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many trainings")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of each; a multiple of {EVERY}")
    parser.add_argument("--arithmetic", choices=ARITHMETICS, default=FAST)
    options = parser.parse_args()
    if options.steps < EVERY or options.steps % EVERY or options.seeds < 1:
        parser.error(f"--steps must be a multiple of {EVERY}, and --seeds 1 or more; mend them")
    training = Training(options.steps // EVERY, patience=options.steps // EVERY)
    constants = {"batch_size": 50, "steps_per_epoch": EVERY}
    program = Program(
        images(), training, constants, ["learning_rate"], arithmetic=options.arithmetic
    )
    seeds = range(options.seed, options.seed + options.seeds)
    found = [run(program, seed) for seed in seeds]
    if len(found) > 1:
        print(
            f"{options.arithmetic} arithmetic, {len(found)} seeds: "
            f"{statistics.mean(found):.2f} % on test, standard deviation "
            f"{statistics.stdev(found):.2f}, {min(found):.2f} to {max(found):.2f}"
        )


if __name__ == "__main__":
    main()
