"""Earlier records, as a study of another data set would have left them, and what misleads.

others        rank_gp's own study of each other data set of the family and split, 40 trainings,
              without a prior of its own; for the split "report" those of "develop" too
inverted      the same, with the worst on top
shuffled      the same, with shares that are anybody's
another kind  of the data sets of another family: axes meet by name, or do not
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from itertools import takewhile

import numpy as np

from jaxmeta import keys
from jaxmeta.judge.joint.table import SPLITS, Table, family, load
from jaxmeta.prior import Prior, Task, Trained, shares
from jaxmeta.prior.tuner import shipped
from jaxmeta.space.ranges import Range
from jaxmeta.tuning import RankGP, Walk
from jaxmeta.tuning.earlier import SHARE, TRAININGS, Earlier

KINDS = ("others", "inverted", "shuffled", "another kind", "shipped")
VARIANTS = 5  # earlier studies of a data set; which one a study learns from, its seed says
ANOTHER = {"mlp": "fcnet", "fcnet": "mlp", "made up": "mlp"}


@cache
def earlier_study(name: str, variant: int) -> Task:
    """The first trainings of a study on the table called `name`."""
    table = load(name)
    walk = Walk(RankGP(table.space, i_max=TRAININGS), keys.stream(f"earlier {name} {variant}"))
    values, scores = [], []
    while not walk.done:
        asked = walk.ask()
        score = table.score(asked.position, keys.training(walk.root, 0, asked.r))
        walk.tell(score)
        values.append(asked.values)
        scores.append(score)
    rows = tuple(Trained(v, s) for v, s in zip(values, shares(scores), strict=True))
    return Task(name, hashlib.sha256(f"{name} {rows}".encode()).hexdigest(), rows)


@cache
def prior(table: Table, kind: str, variant: int) -> Earlier:
    """What a study on `table` learns from, its own data set left out."""
    if kind == "shipped":
        return _on(shipped(), table, {"optimizer": "adam"})
    splits = takewhile(lambda split: table.name not in SPLITS[split], SPLITS)
    own = next(split for split in SPLITS if table.name in SPLITS[split])
    names = [name for split in (*splits, own) for name in SPLITS[split] if name != table.name]
    wanted = ANOTHER[table.family] if kind == "another kind" else table.family
    tasks = [earlier_study(name, variant) for name in names if family(name) == wanted]
    if kind == "inverted":
        tasks = [_with(task, [SHARE - row.share for row in task.trainings]) for task in tasks]
    if kind == "shuffled":
        draw = np.random.default_rng(keys.stream(f"shuffled {table.name} {variant}"))
        tasks = [
            _with(task, draw.permutation([row.share for row in task.trainings]).tolist())
            for task in tasks
        ]
    return _on(Prior.of(tasks), table)


def _on(prior: Prior, table: Table, constants: Mapping[str, str] | None = None) -> Earlier:
    found = prior.on(table.space.resolve(Range.steps), constants)
    assert found is not None  # all families have axes in common
    return found


def _with(task: Task, shares: list[int]) -> Task:
    rows = zip(task.trainings, shares, strict=True)
    return task._replace(trainings=tuple(Trained(row.values, share) for row, share in rows))
