"""Tasks by name: a user's own words are followed, a record's only as far as they are declared."""

import sys
from dataclasses import replace

import pytest

from jaxmeta import tasks
from jaxmeta.tasks import cache
from jaxmeta.training import Trainable

called: list[dict] = []


def mine(train_size: int | None = None, name: str = "mine") -> Trainable:
    """What a user has in a module."""
    called.append({"train_size": train_size, "name": name})
    task = tasks.make("spirals", train_size=train_size)
    return replace(task, name=name, options={"train_size": train_size})


HERE = f"{__name__}:mine"


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this())
    called.clear()


def _this():
    import types

    module = types.ModuleType(__name__)
    module.mine = mine
    return module


def test_the_registrys_own_are_made_with_what_they_declare():
    assert tasks.from_record({"name": "spirals", "train_size": 50}).options == {"train_size": 50}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (
            {"name": "subprocess:run", "args": "touch pwned", "shell": True},
            "subprocess:run.*--task",
        ),
        ({"name": "builtins:exit"}, "builtins:exit.*--task"),
        ({"name": HERE}, "which is no task of jaxmeta's own"),
        ({"name": "mnits"}, "which is no task of jaxmeta's own"),
        (
            {"name": "spirals", "train_size": True},
            "train_size of type int or NoneType.* has a bool",
        ),
        ({"name": "spirals", "train_size": 5.0}, "has a float"),
        ({"name": "spirals", "train_size": [5]}, "has a list"),
        (
            {"name": "spirals", "folder": "x"},
            "options that it declares .train_size., and has 'folder'",
        ),
        ({"name": "mnist", "dataset": 5}, "dataset of type str"),
        ({"name": "mnist", "dataset": "../../x"}, "may not start its download.*--allow-download"),
        ({"name": "mnist", "dataset": "cifar10"}, "may not start its download.*--allow-download"),
    ],
)
def test_a_record_calls_nothing_else(record, words, monkeypatch, tmp_path):
    monkeypatch.setenv("JAXMETA_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=words):
        tasks.from_record(record)
    assert called == []


def test_a_user_may_name_the_same_function():
    task = tasks.from_record({"name": HERE, "train_size": 40}, HERE)
    assert task.options == {"train_size": 40} and called == [{"train_size": 40, "name": "mine"}]
    # A task that calls itself otherwise is made by the user's function too; `from_line` compares.
    assert tasks.from_record({"name": "mine", "train_size": 40}, HERE).name == "mine"


@pytest.mark.parametrize(
    "record",
    [{"name": "os:abort"}, {"name": HERE, "train_size": "x"}, {"name": HERE, "shell": True}],
)
def test_a_record_does_not_bend_what_the_user_named(record):
    with pytest.raises(ValueError, match="and --task names|must have"):
        tasks.from_record(record, HERE)
    assert called == []


def test_users_may_download_and_records_are_asked_each_time():
    cache.allow("cifar10", here=False)
    with cache.downloads(False):
        with pytest.raises(ValueError, match="cifar10 is not on this machine"):
            cache.allow("cifar10", here=False)
        cache.allow("cifar10", here=True)
    cache.allow("cifar10", here=False)
