"""Where several studies are: `seed-N` for each seed of one task, and `task-NAME/seed-N` where they
are of several tasks, in one folder."""

import re
from pathlib import Path

from jaxmeta.record.journal import NAME

SEED = re.compile(r"seed-(\d{1,10})")
TASK = re.compile(r"task-[\w.:-]+", re.ASCII)


def name_of(seed: int, task: str = "") -> str:
    """Of a study: its folder, as seen from that of them all. What a file's name should not hold is
    left out of the task's."""
    of = f"task-{re.sub(r'[^A-Za-z0-9_.:-]', '_', task)}/" if task else ""
    return f"{of}seed-{seed}"


def folders(folder: Path | str) -> dict[str, Path]:
    """Those of the studies in `folder`, by their names, in the order of tasks and seeds; none where
    it holds one study, or nothing."""
    home = Path(folder)
    if not home.is_dir() or (home / NAME).exists():
        return {}
    tasks = [path for path in sorted(home.iterdir()) if TASK.fullmatch(path.name)]
    return {
        (study.relative_to(home).as_posix()): study
        for parent in (home, *(path for path in tasks if path.is_dir()))
        for study in _of_seeds(parent)
    }


def _of_seeds(folder: Path) -> list[Path]:
    found = {int(m[1]): path for path in folder.iterdir() if (m := SEED.fullmatch(path.name))}
    return [path for _, path in sorted(found.items()) if (path / NAME).exists()]
