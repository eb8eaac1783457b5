"""Run a study: the tuner chooses hyperparameters, a training is run with them from fresh weights,
its score moves the tuner; again and again. Ctrl-C ends it and keeps what was done.

What is tuned is said with --tune, once for each axis:
  --tune batch_size                 the task's own axis of that name
  --tune batch_size=16,32,64,128    these numbers, in order
  --tune optimizer=adam,sgd         these choices, without order
  --tune dropout=0:0.8:0.1          from 0 to 0.8 in steps of 0.1
  --tune learning_rate=1e-5:1:log   from 1e-5 to 1, neighbours in equal ratios (log:0.1, by 10 %)
  --tune dropout=0:0.8:0.1@0.5      the same, 0.5 tried first
Without --tune it is the task's first axis."""

import argparse
from pathlib import Path
from typing import Any

from jaxmeta import display, running, several, stopping, study, tasks, tuning
from jaxmeta.arithmetic.mode import ARITHMETICS, FAST
from jaxmeta.cli.console import console
from jaxmeta.cli.running import add_running, means_of, one_log, until_stopped
from jaxmeta.prior import tuner as prior
from jaxmeta.record.several import folders
from jaxmeta.space import Axis, parse_axis, parse_value
from jaxmeta.training import Lanes, Training, lanes_here
from jaxmeta.training.lanes import FORMULATIONS
from jaxmeta.tuning.optuna_search import SAMPLERS
from jaxmeta.tuning.presets import options as options_of

# The words for the tuners' options; a new one is offered by its name alone.
WORDS = {
    "p_eps": "p_ε, how far an outcome moves the chosen probability",
    "p_min": "floor under each probability; 0 is the poster",
    "i_max": "at most so many decisions",
    "noprog_max": "stop after so many trials in a row that got worse",
    "axes": "several axes: in_turn, one moves at a time; or all",
    "points": "of a grid, on each axis",
    "sampler": f"of Optuna: {', '.join(SAMPLERS)}",
}
STUDY = {
    "chains": (int, "so many walks of the tuner, each with keys of its own (default: 1)"),
    "replicates": (int, "trials for each decision, their scores added (default: 1)"),
    "keys": (
        str,
        "independent: another key in every iteration; paired: one for all, so that a position is "
        "tried once (default: paired for three_way and rank_gp)",
    ),
}
TRAINING = {
    "epochs": (int, "N, at most so many epochs a training"),
    "patience": (int, "early stopping: epochs to wait for a better evaluation"),
}
LANES = {
    "lanes": (int, "trials in one compiled program; default: by the kind of device"),
    "formulation": (str, f"{' or '.join(FORMULATIONS)}: lanes in turn, or all at once"),
}
# The same as --set NAME=VALUE.
SET = {
    "batch_size": (int, "examples in a mini-batch"),
    "steps_per_epoch": (int, "mini-batches between evaluations; default: one pass over the data"),
}
TASK = {
    "dataset": (str, "mnist (in the package), or a name of TensorFlow Datasets: cifar10, ..."),
    "train_size": (int, "train on the first so many examples only"),
    "heads": (str, "of crossroads: segmentation, depth or both"),
    "data": (
        str,
        "a folder of your own: for steering, images and driving_log.csv or another CSV; for "
        "crossroads, labelled pictures in CamVid's layout",
    ),
    "crop_top": (int, "of steering with --data: rows to cut off the images above"),
    "crop_bottom": (int, "and below"),
}


def add(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "task",
        help=f"{', '.join(tasks.TASKS)}, or your own: module:function; or several, as in "
        "mnist,spirals: a study of each, in OUT/task-NAME/seed-N, on the same workers",
    )
    command.add_argument("--out", type=Path, required=True, help="the study's folder; new or empty")
    add_study(command)
    add_running(command)


def add_study(command: argparse.ArgumentParser) -> None:
    """What a study is, but for its task."""
    seed = command.add_mutually_exclusive_group()
    seed.add_argument("--seed", type=int, default=0, help="all that is random (default: 0)")
    seed.add_argument(
        "--seeds",
        metavar="0:20|3,5,8",
        help="a study from each of these (0:20 are 0 to 19), in OUT/seed-N, on the same workers, "
        "none of which waits while any study can use it; said again, all go on",
    )
    command.add_argument(
        "--score",
        choices=study.SCORED_ON,
        default="validation",
        help="the split that scores are taken on (default: validation; the poster's own was test)",
    )
    space = command.add_argument_group("the search space")
    space.add_argument(
        "--tune", action="append", default=[], metavar="NAME[=AXIS]", help="tune this one; repeat"
    )
    space.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="fix this one; repeat"
    )
    tuner = command.add_argument_group("the tuner")
    tuner.add_argument(
        "--tuner",
        help=f"{', '.join(tuning.TUNERS)} (default: three_way for one axis, rank_gp "
        "for several; poster with --preset)",
    )
    tuner.add_argument(
        "--preset", help=f"the poster's tuner, with settings of: {', '.join(tuning.PRESETS)}"
    )
    for name, (kind, words) in (_tuner_options() | STUDY).items():
        tuner.add_argument(_flag(name), type=kind, help=words)
    tuner.add_argument(
        "--learn-from",
        action="extend",
        nargs="+",
        default=[],
        metavar="RECORD",
        help="for rank_gp: folders of earlier studies, patterns of them ('runs/*'), or files of "
        "`jaxmeta prior build`",
    )
    tuner.add_argument(
        "--no-prior", action="store_true", help="for rank_gp: without the one in the package"
    )
    groups = {"each training": TRAINING | SET | LANES, "the data": TASK}
    for title, options in groups.items():
        group = command.add_argument_group(title)
        for name, (kind, words) in options.items():
            group.add_argument(_flag(name), type=kind, help=words)
    command.add_argument(
        "--stop-early",
        nargs="?",
        const="rival",
        metavar="RULE",
        help="stop trainings that fall behind: rival (if nothing is said), or halving (ASHA), also "
        "with settings, as in rival:first=20,share=100; the record says which epochs were not run "
        "(default: every training goes on to its own end)",
    )
    command.add_argument(
        "--arithmetic",
        choices=ARITHMETICS,
        default=FAST,
        help="fast: the same bits in one environment; portable: on every machine and with every "
        "release of JAX that is tested, and it takes longer (default: fast)",
    )


def run(options: argparse.Namespace) -> int:
    wanted, means = studies_of(options), means_of(options)
    studies: dict[str, study.Study] = {}
    if options.seeds is not None or len(wanted) > 1:
        one_log(options)
        studies = several.named(wanted, seeds_of(options))

    def go_on() -> None:
        if studies:
            several.run(studies, options.out, means, display.several(console()))
            display.summary(console(), folders(options.out))
        else:
            with display.watcher(console(), wanted[0], options.tensorboard) as watcher:
                running.run(wanted[0], options.out, watcher, **vars(means))

    return until_stopped(options.out, go_on)


def seeds_of(options: argparse.Namespace) -> list[int]:
    return [options.seed] if options.seeds is None else several.parse(options.seeds)


def studies_of(options: argparse.Namespace) -> list[study.Study]:
    """A study of each task that the command line names, which has the options for all of them."""
    names = options.task.split(",")
    if len(names) == 1:
        return [_study_of(options, options.task)]
    found = []
    for name in names:
        try:
            found.append(_study_of(options, name))
        except ValueError as error:
            raise ValueError(
                f"with several tasks every option must fit each, and for {name} one does not: "
                f"{error}"
            ) from error
    return found


def _study_of(options: argparse.Namespace, name: str) -> study.Study:
    task = tasks.make(name, **_given(options, TASK))
    fixed = dict(_pair(text, parse_value) for text in options.set) | _given(options, SET)
    axes = dict(_pair(text, parse_axis, alone=True) for text in options.tune)
    space = study.space_of(task, axes, options.preset)
    learned = prior.of_words(options.learn_from) if options.learn_from else not options.no_prior
    named = options.tuner, options.preset, space
    constants = {**task.defaults, **fixed}
    own = _given(options, _tuner_options())
    tuner = prior.make(*named, learned, constants, own)
    return study.Study(
        task,
        tuner,
        Training(**{**_training(task), **_given(options, TRAINING)}),
        seed=options.seed,
        scored_on=options.score,
        lanes=_lanes(options),
        fixed=fixed,
        stop_early=None if options.stop_early is None else stopping.parse(options.stop_early),
        arithmetic=options.arithmetic,
        **_given(options, STUDY),
    )


def said(options: argparse.Namespace) -> list[str]:
    """Those of `add_study`'s options that were given, but for `--seeds`."""
    command = argparse.ArgumentParser()
    add_study(command)
    silent = {**vars(command.parse_args([])), "seeds": options.seeds}
    return [_flag(name) for name, value in silent.items() if getattr(options, name) != value]


def _pair(text: str, parse: Any, alone: bool = False) -> tuple[str, Axis | Any | None]:
    """`NAME=WHAT` in its parts; with `alone` also a name by itself."""
    name, equals, what = text.partition("=")
    if not name or (not equals and not alone):
        form = "NAME or NAME=AXIS" if alone else "NAME=VALUE"
        raise ValueError(f"what is tuned or set is written as {form}, got {text!r}; mend it")
    return name, parse(what) if equals else None


def _tuner_options() -> dict[str, tuple[Any, str]]:
    """Every option of every tuner: its type and its words."""
    found: dict[str, tuple[Any, str]] = {}
    for tuner in tuning.TUNERS:
        for name, kind in options_of(tuner).items():
            if kind not in (int, float, str, bool):
                continue  # a prior, which --learn-from names
            kind = _truth if kind is bool else kind
            found.setdefault(name, (kind, WORDS.get(name, f"of the tuner {tuner}")))
    return found


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"must be true or false, got {text!r}")
    return text == "true"


def _training(task: Any) -> dict[str, int]:
    return {"epochs": task.training.epochs, "patience": task.training.patience}


def _lanes(options: argparse.Namespace) -> Lanes | None:
    given = _given(options, LANES)
    return lanes_here(given.get("lanes"), given.get("formulation")) if given else None


def _given(options: argparse.Namespace, names: dict[str, Any]) -> dict[str, Any]:
    """Those of the options that were named on the command line."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
