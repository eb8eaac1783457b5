"""Look-ahead on several axes: how many lanes it fills, and what that saves.

    python -m experiments.likely      five minutes on two cores; needs the judge's tables

Studies of 40 trainings on two complete tables of the judge, MLP car (5 axes) and FCNet naval
(9 axes), where a training is a look-up; mean of `--seeds` studies of each. Speed-up: rounds of one
lane over rounds of several, counted in trainings. Used: the part of all trainings run that the
study needed. Every study ends in the decisions of one lane; that is checked here too.
"""

import argparse
from statistics import mean

from jaxmeta import keys
from jaxmeta.judge.joint import contenders
from jaxmeta.judge.joint.table import Table, load
from jaxmeta.tuning import PosterRule, ThreeWay, Tuner
from jaxmeta.tuning.lookahead import Key, simulate

TABLES, LANES, TRAININGS = ("car", "naval_propulsion"), (2, 4, 8, 16, 32, 64), 40


def tuners(table: Table, seed: int) -> dict[str, Tuner]:
    n = TRAININGS
    return {
        "poster, axes in turn": PosterRule(table.space, p_eps=0.05, i_max=n, noprog_max=n),
        "three_way": ThreeWay(table.space, i_max=n),
        "rank_gp": contenders.rank_gp(None, (), table, seed, n),
        "rank_gp with a prior": contenders.rank_gp("others", (), table, seed, n),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.likely")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print(f"{'speed-up, and part used':<24}" + "".join(f"{f'{n} lanes':>14}" for n in LANES))
    for name in tuners(load(TABLES[0]), 0):
        cells = []
        for lanes in LANES:
            saved, used = [], []
            for table, seed in ((load(t), s) for t in TABLES for s in range(options.seeds)):
                one, many = (
                    _simulated(tuners(table, seed)[name], table, seed, n) for n in (1, lanes)
                )
                assert one.path == many.path
                saved.append(one.rounds / many.rounds)
                used.append(one.trials / many.trials)
            cells.append(f"{mean(saved):.2f} ({100 * mean(used):.0f} %)")
        print(f"{name:<24}" + "".join(f"{cell:>14}" for cell in cells), flush=True)


def _simulated(tuner: Tuner, table: Table, seed: int, lanes: int):
    paired = tuner.keys == "paired"

    def score(key: Key) -> int:
        return table.score(key.position, keys.training(keys.words(seed), key.i, key.r))

    return simulate(tuner, seed, lanes, score, paired)


if __name__ == "__main__":
    main()
