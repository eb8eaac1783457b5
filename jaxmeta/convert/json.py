"""What `jaxmeta show --json` prints, as a file."""

import json
from pathlib import Path

from jaxmeta.record.journal import Line
from jaxmeta.report.as_json import to_json

NAME = "study.json"


def write(lines: list[Line], path: Path) -> None:
    """See `report.as_json`."""
    path.write_text(json.dumps(to_json(lines), indent=2) + "\n", encoding="utf-8")
