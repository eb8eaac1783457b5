"""`jaxmeta judge --axes`: all contenders on all tables; a leaderboard, its picture, its digest."""

import hashlib
import os
from pathlib import Path

from jaxmeta.judge.joint import board, picture, records, rivals, runner
from jaxmeta.judge.joint.contenders import ABLATION, BEGUN, BUDGETS, Contender, everybody
from jaxmeta.judge.joint.table import SPLITS, family

OURS, LEARNED = "rank_gp", "rank_gp with a prior"


def main(
    split: str,
    seed: int,
    ablation: bool,
    studies: int,
    slow: int,
    slow_trainings: int,
    workers: int,
    out: Path,
) -> None:
    """Judge, print, draw.

    Args:
      split: "develop", the tables that rank_gp was made on, or "report", the others.
      seed: of all that is drawn.
      ablation: judge rank_gp without each of its parts and with priors that mislead.
      studies: of each contender on each table.
      slow: of those that take a second a decision.
      slow_trainings: of their studies.
      workers: processes; 0: as many as there are cores.
      out: the folder for what is printed and for the picture.

    Raises:
      ValueError: fewer than one study, or than none of the slow ones.
      ModuleNotFoundError: the tables are not installed.
    """
    for name, n, least in (
        ("studies", studies, 1),
        ("slow", slow, 0),
        ("slow_trainings", slow_trainings, BUDGETS[0]),
        ("workers", workers, 0),
    ):
        if n < least:
            raise ValueError(f"{name} must be at least {least}, got {n}; raise it")
    contenders, absent = (ABLATION, []) if ablation else everybody(slow, slow_trainings)
    what = "ablation_axes" if ablation else "leaderboard_axes"
    names = SPLITS[split]
    found = runner.run(contenders, names, seed, studies, slow, workers or os.cpu_count() or 1)
    rows = [
        f"{what}: split {split}, seed {seed}; {studies} studies of each table"
        + ("" if ablation else f", {slow} of {slow_trainings} trainings for the slow rivals"),
        f"priors: 40 trainings of each other data set, {records.VARIANTS} such records; a rival is "
        f"begun with the prior's {BEGUN} best configurations",
        *absent,
        *_versions(contenders),
        "",
    ]
    tables = [name for name in names if family(name) != "made up"]
    groups = {
        "tables of mlp and fcnet": tables,
        "made-up landscapes": [name for name in names if name not in tables],
    }
    groups = {group: of for group, of in groups.items() if of}
    for group, of in groups.items():
        rows += board.board(f"{group} ({', '.join(of)}): regret", found, of)
        if len(of) < 3:
            continue
        if ablation:
            rows += board.differences(
                f"{group}: {OURS} less the other [95 %], better on",
                found,
                OURS,
                list(found)[1:],
                of,
            )
            continue
        begun = [name for name in found if name.endswith("begun with it")]
        plain = [name for name in found if name not in (OURS, LEARNED, *begun)]
        for who, others in ((OURS, plain), (LEARNED, [OURS, *plain, *begun])):
            title = f"{group}: {who} less the other [95 %], better on"
            rows += board.differences(title, found, who, others, of)
        rows += board.by_table(f"{group}: median regret after 20 trainings", found, of, 20)
    text = "\n".join(rows)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{what}.txt").write_text(text)
    print(text)
    print("seconds a decision, which no digest holds:\n")
    for name, of in found.items():
        print(f"{name:<32}{sum(ran.seconds for ran in of.values()) / len(of):8.4f}")
    print()
    if not ablation:
        boards = {
            group: {
                name: {
                    b: float(board.medians(of, sets, b).mean())
                    for b in BUDGETS
                    if board.reached(of, b)
                }
                for name, of in found.items()
            }
            for group, sets in groups.items()
        }
        for path in picture.draw(boards, out, what):
            print(path)
    print(f"digest: {hashlib.sha256(text.encode()).hexdigest()}")


def _versions(contenders: list[Contender]) -> list[str]:
    there = [name for name in rivals.RIVALS if any(c.name == name for c in contenders)]
    return [f"{name}: {rivals.version(name)}" for name in there]
