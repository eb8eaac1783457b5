"""Where several studies are, of one task from several seeds: `seed-N` for each, in one folder."""

import re
from pathlib import Path

from jaxmeta.record.journal import NAME


def of_seed(folder: Path | str, seed: int) -> Path:
    """The folder of one of the studies in `folder`."""
    return Path(folder) / f"seed-{seed}"


def folders(folder: Path | str) -> dict[int, Path]:
    """Those of the studies in `folder`, by seed; none where it holds one study, or nothing."""
    home = Path(folder)
    if not home.is_dir() or (home / NAME).exists():
        return {}
    names = [path.name for path in home.iterdir() if (path / NAME).exists()]
    seeds = sorted(int(name[5:]) for name in names if re.fullmatch(r"seed-\d{1,10}", name))
    return {seed: of_seed(home, seed) for seed in seeds}
