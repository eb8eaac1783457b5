"""How much the driver can take: studies, workers and events a second, trainings that cost nothing.

    make bench-engines      after the others; two minutes

The scheduler, look-ahead and tuner of real studies on a simulated clock (`jaxmeta.plan`), where
trainings take 0.5 to 1.5 of their mean time, in steps of a hundredth. Processor seconds of the
driver, so that a busy machine changes little; the journal's fsync, which `bench_host` measures, is
left out. With as many studies as workers nothing is looked ahead; with ten workers a study
look-ahead is what takes the time.
"""

import hashlib
import os
import sys
import time

from experiments.bench import cpu
from experiments.sleeper import SPACE
from jaxmeta import PosterRule
from jaxmeta.plan import Measured, plan
from jaxmeta.trial import Trial
from jaxmeta.tuning import Chains

CASES = ((1, 1), (100, 100), (1, 10), (10, 100), (1_000, 1_000), (1_000, 10_000))
DECISIONS, EPOCHS = 3, 50


def training(study: int, trial: Trial) -> Measured:
    drawn = hashlib.sha256(f"{study} {trial}".encode()).digest()
    return Measured(drawn[0], 0.5 + drawn[1] % 101 / 100)


def seconds(studies: int, workers: int, decisions: int, epochs: int = 1) -> tuple[float, int]:
    """Processor seconds, and trainings that ended."""
    tuner = PosterRule(SPACE, i_max=decisions, noprog_max=decisions)

    def chains() -> list[Chains]:
        return [Chains(tuner, seed) for seed in range(studies)]

    began = time.process_time()
    made = plan(chains, training, workers, epochs=epochs)
    return time.process_time() - began, made.trainings


def main() -> int:
    seconds(1, 2, DECISIONS)  # what is imported and compiled once
    print(f"\n{cpu()}, {os.cpu_count()} cores; processes running or waiting before the start:")
    print(f"{os.getloadavg()[0]:.1f}\n")
    print(f"{'studies':>8}{'workers':>9}{'trainings/s':>13}")
    for studies, workers in CASES:
        took, trainings = seconds(studies, workers, DECISIONS)
        print(f"{studies:8,}{workers:9,}{trainings / took:13,.0f}", flush=True)
    took, trainings = seconds(1_000, 1_000, 1, EPOCHS)  # nothing to look ahead to
    print("\nends of epochs a second, 1,000 studies on 1,000 workers:", end=" ")
    print(f"{trainings * EPOCHS / took:,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
