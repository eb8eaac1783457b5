"""Is the network right? TensorFlow's former tutorial "Deep MNIST for Experts", step for step.

    make tutorial

The same network, 20,000 steps of 50 images, Adam at 1e-4, dropout 0.5, truncated-normal weights;
the tutorial promises a test accuracy of "approximately 99.2 %". Trained on 55,000 images, evaluated
on the 5,000 of the validation split after every 1,000 steps, and once, at the end, on the test set:
the weights after the last step, as the tutorial does, not the best ones. What was measured stands
in docs/figures.md.
"""

import argparse
import time

from jaxmeta import keys
from jaxmeta.tasks.images import images
from jaxmeta.training import Program, Progress, Training, train

STEPS, EVERY, RATE = 20_000, 1_000, 1e-4


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.tutorial")
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    epochs = STEPS // EVERY
    task = images()
    constants = {"batch_size": 50, "steps_per_epoch": EVERY}
    program = Program(task, Training(epochs, patience=epochs), constants, ["learning_rate"])
    started = time.monotonic()

    def watch(at: Progress) -> None:
        n = int(at.epoch)
        right, of = int(at.curve[n - 1]), task.data.validation.examples
        rate = n * EVERY / (time.monotonic() - started)
        print(
            f"step {n * EVERY:6,}: {right} of {of} validation images right, {right / of:.2%} "
            f"({rate:.0f} steps/s)",
            flush=True,
        )

    key, values = keys.derive(keys.root(seed), "train", 0), {"learning_rate": RATE}
    _, at = train(program, key, values, watch=watch)
    right = program.score("test", key, values, at)
    print(f"seed {seed}: test accuracy {right / task.data.test.examples:.2%} after {STEPS:,} steps")


if __name__ == "__main__":
    main()
