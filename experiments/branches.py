"""How many trials look-ahead must think of, on one axis and on several.

    python -m experiments.branches

An outcome, worse or not, changes the masses of the axes that moved. On one axis the next draw meets
them; with axes in turn an axis is drawn from again only d iterations later, so fewer draws hang on
outcomes that are not known yet; with all axes at once each of d draws does. Printed are the trials
that iteration i may want, seen from the first one (mean of 20 seeds, p_eps = 0.1), and the rounds
that 8 lanes need for 60 decisions with coin-flip scores (mean of 5 seeds; one lane needs 60):

                     i = 1   i = 2   i = 4   i = 6   i = 8    rounds
    one axis           1.0     1.4     2.2     4.7     8.0      10.8
    4 axes, in_turn    1.0     1.0     1.0     1.6     2.8       8.8
    4 axes, all        1.0     1.8     6.0    23.9    92.4      16.6

Half a minute on one core; no network, no data. The numbers are the same on every machine.
"""

import hashlib
from statistics import mean

from jaxmeta.space import Log, Space
from jaxmeta.tuning import PosterRule, Walk
from jaxmeta.tuning.lookahead import Key, ahead, simulate

AXIS = Log(1e-6, 1.0, 0.1)
DEPTHS = (1, 2, 4, 6, 8)
DECISIONS, LANES = 60, 8


def tuner(d: int, axes: str) -> PosterRule:
    space = Space(**{f"x{a}": AXIS for a in range(d)})
    return PosterRule(space, i_max=DECISIONS, noprog_max=DECISIONS, axes=axes)


def coin(seed: int, key: Key) -> int:
    return hashlib.sha256(f"{seed} {key}".encode()).digest()[0]


def wanted(of: PosterRule, depth: int, seed: int) -> int:
    foreseen = ahead(Walk(of, seed), 10**6, {}, depth=depth)
    return sum(key.i == depth for key, _ in foreseen)


def main() -> None:
    print(f"{'':18}" + "".join(f"{f'i = {depth}':>8}" for depth in DEPTHS) + f"{'rounds':>10}")
    for d, axes in ((1, "in_turn"), (2, "in_turn"), (4, "in_turn"), (2, "all"), (4, "all")):
        of = tuner(d, axes)
        counts = [mean(wanted(of, depth, seed) for seed in range(20)) for depth in DEPTHS]
        rounds = mean(
            simulate(of, seed, LANES, lambda key: coin(seed, key)).rounds  # noqa: B023
            for seed in range(5)
        )
        name = "one axis" if d == 1 else f"{d} axes, {axes}"
        print(f"{name:18}" + "".join(f"{n:>8.1f}" for n in counts) + f"{rounds:>10.1f}", flush=True)


if __name__ == "__main__":
    main()
