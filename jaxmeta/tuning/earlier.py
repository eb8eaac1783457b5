"""What earlier tasks tell of a space: their trainings, at its positions, and a mean made of them.

To the trainings of each earlier task t a process is fitted as to a study's own, but a smoother
one, since what carries over to another task is how it goes on the whole; its mean is m_t. With the
trust w_t that each has earned, the prior mean of a study is

    m0(x) = 1/3 + sum_t w_t (m_t(x) - 1/3) / (sum_t w_t + 1/2)
    w_t = max(0, (con - dis + trust) / (con + dis + trust))^2

where con pairs of the study's own trainings came out in the order in which m_t puts them, and dis
the other way. A *portfolio* is the positions to try first: one of the largest sum_t m_t(x), then
one by one those that raise sum_t max(best so far, m_t(x)) most, or have the largest sum_t m_t(x).

Bounds: m_t - 1/3 is at most 16 in units of 1/SHARE, or 2**16, and cut to 2**13; w <= 2**10, so
sums over 64 tasks stay below 2**29; there are at most 500,000 pairs, and 2**10 of them are below
2**29, and with the largest `trust` below 2**31.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from jaxmeta.space import Space
from jaxmeta.tuning import gaussian
from jaxmeta.tuning.both import Array, xp
from jaxmeta.tuning.gaussian import ONE, UNKNOWN

TASKS, TRAININGS = 64, 40  # the first 40 of a task: a tuner's later ones are all at the top
PORTFOLIO = 10
TRUSTED = 1 << 10  # a trust of 1
SHARE = 1 << 12  # all of a task's trainings, as a share of them
SMOOTH = 100  # percent of a range, the length of the kernel here
MEAN = ONE // 3  # of the square of a share, when all shares are as likely
LETTERS = 200  # of the name of a source, or of a word on what was left out


class Row(NamedTuple):
    """A training of an earlier task."""

    position: tuple[int | None, ...]  # one an axis; None: the earlier study does not say
    share: int  # of the task's trainings it did better than, 0 to SHARE


@dataclass(frozen=True)
class Earlier:
    """Trainings of earlier tasks at positions of one space: what a record keeps of a prior.

    Attributes:
      digest: SHA-256 of the prior that it was made of, 64 hexadecimal digits.
      sources: where each task's trainings come from, in words.
      left_out: what of the prior does not fit this space, in words.
      tasks: of each task its trainings, 1 to 40 of them.
    """

    digest: str
    sources: tuple[str, ...]
    left_out: tuple[str, ...]
    tasks: tuple[tuple[Row, ...], ...]

    def __hash__(self) -> int:  # JAX asks for it at each call of a compiled function
        return hash(self.digest)

    def check(self, space: Space) -> None:
        """Raise a ValueError unless this is a prior over `space`."""
        words = (*self.sources, *self.left_out)
        if not re.fullmatch("[0-9a-f]{64}", self.digest):
            raise ValueError(f"a prior's digest must be 64 hexadecimal digits, got {self.digest!r}")
        if len(words) > 2 * TASKS or not all(
            isinstance(word, str) and word.isprintable() and len(word) <= LETTERS for word in words
        ):
            raise ValueError(
                f"a prior says where it is from and what was left out in at most {2 * TASKS} texts "
                f"of {LETTERS} printable letters, got {str(words):.100}; shorten them"
            )
        if not 1 <= len(self.tasks) == len(self.sources) <= TASKS:
            raise ValueError(
                f"a prior has 1 to {TASKS} tasks and a source of each, got {len(self.tasks)} and "
                f"{len(self.sources)}; make it of fewer records"
            )
        bounds = list(zip(*space.bounds, strict=True))
        for rows in self.tasks:
            if not 1 <= len(rows) <= TRAININGS:
                raise ValueError(
                    f"a prior has 1 to {TRAININGS} trainings a task, got {len(rows)}; take fewer"
                )
            for position, share in rows:
                there = len(position) == space.d and all(
                    k is None or (type(k) is int and low <= k <= high)
                    for k, (low, high) in zip(position, bounds, strict=True)
                )
                if not there or type(share) is not int or not 0 <= share <= SHARE:
                    raise ValueError(
                        "a prior's training must be at a position of the space, with a share up to "
                        f"{SHARE}, got {str((position, share)):.100}; make it for this space"
                    )

    def to_record(self) -> dict[str, Any]:
        """As JSON; `from_record` gives it back."""
        return {
            "digest": self.digest,
            "sources": list(self.sources),
            "left_out": list(self.left_out),
            "tasks": [[[*row.position, row.share] for row in rows] for rows in self.tasks],
        }

    @classmethod
    def from_record(cls, record: Any) -> Self:
        """What `to_record` described. A record is a stranger's text: see `check`.

        Raises:
          ValueError: it is of another form.
        """
        try:
            digest, sources, left_out, tasks = (
                record[name] for name in ("digest", "sources", "left_out", "tasks")
            )
            made = tuple(tuple(Row(tuple(r[:-1]), r[-1]) for r in rows) for rows in tasks)
            if isinstance(digest, str) and isinstance(sources, list) and isinstance(left_out, list):
                return cls(digest, tuple(sources), tuple(left_out), made)
        except (TypeError, KeyError, IndexError):
            pass
        raise ValueError(
            "the record's prior must have a digest, sources, what was left out, and tasks with "
            "their trainings; restore the record"
        )


class Evidence:
    """The means m_t over one space, ready to be asked.

    Attributes:
      at: int32[R, d], the coordinates of all trainings.
      alpha: int32[T, R], the weights of each task's own; 0 elsewhere.
      portfolio: int32[P, d], positions to try first.
    """

    def __init__(self, space: Space, tasks: Sequence[Sequence[Row]]) -> None:
        self.space, rows = space, [row for task in tasks for row in task]
        start = space.start
        filled = np.array(
            [[start[a] if k is None else k for a, k in enumerate(row.position)] for row in rows],
            np.int32,
        )
        unknown = np.array([[k is None for k in row.position] for row in rows])
        here = gaussian.coordinates(space.axes, filled)
        self.at = np.where(unknown, np.int32(UNKNOWN), here).astype(np.int32)
        self.alpha = np.zeros((len(tasks), len(rows)), np.int32)
        share = np.array([row.share for row in rows], np.int32)
        wanted, begin = target(share) - MEAN, 0
        for t, task in enumerate(tasks):
            own = slice(begin, begin + len(task))
            alpha = gaussian.fit(space.axes, self.at[own], wanted[own], SMOOTH)
            self.alpha[t, own] = alpha
            begin += len(task)
        self._filled, self._here = filled, here

    def means(self, at: Array) -> Array:
        """int32[T, n]: m_t - 1/3 at coordinates int32[n, d], in units of 1 / SHARE."""
        k = gaussian.kernel(self.space.axes, self.at, at, SMOOTH)
        means = gaussian.product(self.alpha, k) // (ONE // SHARE)
        return xp.clip(means, -2 * SHARE, 2 * SHARE)

    @cached_property
    def portfolio(self) -> np.ndarray:
        positions, which = np.unique(self._filled, axis=0, return_index=True)
        means = self.means(self._here[which])
        total, best = means.sum(0), np.full(len(means), -2 * SHARE)
        chosen: list[int] = []
        while len(chosen) < min(PORTFOLIO, len(positions)):
            gains = np.maximum(means, best[:, None]).sum(0) - best.sum()
            gains[chosen] = -1
            # Of equals, and where nothing gains any more, the one that is best for all together.
            nth = max(range(len(positions)), key=lambda n: (gains[n], total[n], -n))
            chosen.append(nth)
            best = np.maximum(best, means[:, nth])
        return positions[chosen]


def target(share: Array) -> Array:
    """What the process is fitted to: the square of a share, int32 in units."""
    return share * share // (SHARE * SHARE // ONE)


def trust(con: Array, dis: Array, given: int) -> Array:
    """w_t, int32[T], in units of 1 / TRUSTED, from the pairs counted, int32[T] each."""
    ratio = xp.maximum(con - dis + given, 0) * TRUSTED // (con + dis + given)
    return ratio * ratio // TRUSTED


def mixed(trust: Array, means: Array) -> Array:
    """m0 in units, int32[n], from the tasks' m_t - 1/3, int32[T, n]."""
    total = trust.sum(dtype=np.int32) + TRUSTED // 2
    over = (trust[:, None] * means).sum(0, dtype=np.int32) // total
    return MEAN + over * (ONE // SHARE)
