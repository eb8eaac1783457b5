"""The leaderboard as text, the same bytes for the same seed."""

from collections.abc import Sequence

from jaxmeta.judge.contenders import BUDGETS
from jaxmeta.judge.verdict import Difference, Line

COMPARED = (5, 10, 20, 40)


def number(value: float) -> str:
    """.0054, with four digits after the point."""
    return f"{value:.4f}".removeprefix("0") if value >= 0 else "-" + number(-value)


def board(title: str, lines: dict[str, Line]) -> list[str]:
    """Median regret and its quartiles by budget, wrong moves, trainings to within a point."""
    head = "".join(f"{f'{budget} trainings':<22}" for budget in BUDGETS)
    rows = [title, "", f"{'':<30}{head}{'wrong':>6}{'within':>8}"]
    for name, line in lines.items():
        cells = "".join(
            f"{f'{number(median)} ({number(low)}-{number(high)})':<22}"
            for median, low, high in line.regret.values()
        )
        within = "never" if line.within is None else str(line.within)
        rows.append(f"{name:<30}{cells}{100 * line.wrong:>4.0f} %{within:>8}")
    return [*rows, ""]


def limits(lines: dict[str, Line], name: str) -> list[str]:
    """What the rates that `name` tried would have allowed for."""
    cells = "".join(f"{number(limit):<22}" for limit in lines[name].limit.values())
    return [f"{name + ', limit':<30}{cells}", ""]


def by_start(title: str, starts: Sequence[float], lines: dict[str, Line], budget: int) -> list[str]:
    """Median regret after `budget` trainings, by the first learning rate."""
    column = BUDGETS.index(budget)
    rows = [title, "", f"{'':<30}" + "".join(f"{start:<10g}" for start in starts)]
    for name, line in lines.items():
        rows.append(f"{name:<30}" + "".join(f"{number(m):<10}" for m in line.by_start[:, column]))
    return [*rows, ""]


def differences(title: str, found: dict[str, dict[int, Difference]]) -> list[str]:
    """What `three_way` is above each of the others, by budget; below 0 it is the better one."""
    head = "".join(f"{f'{budget} trainings':<28}" for budget in COMPARED)
    rows = [title, "", f"{'':<30}{head}"]
    for name, by_budget in found.items():
        cells = "".join(
            f"{f'{number(d.median)} [{number(d.low)}, {number(d.high)}]':<28}"
            for d in by_budget.values()
        )
        rows.append(f"{name:<30}{cells}".rstrip())
    return [*rows, ""]
