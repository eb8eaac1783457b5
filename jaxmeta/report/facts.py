"""What was asked of a study, in pairs of a name and words: the head of its table and its page."""

from jaxmeta.plain import plain
from jaxmeta.report.story import Story
from jaxmeta.report.words import OPTIONS, show_options
from jaxmeta.space import to_text


def facts(told: Story) -> list[tuple[str, str]]:
    """The study's task, space, tuner, trainings and score; an empty name goes on with the last."""
    named = zip(told.space.names, told.space.axes, strict=True)
    axes = [f"{name}  {plain(to_text(axis), OPTIONS)}" for name, axis in named]
    examples = "" if told.of is None else f", {told.of} examples"
    own = {name: value for name, value in told.tuner_options.items() if name != "prior"}
    return [
        ("task", told.task),
        *zip(["tuned", *[""] * (len(axes) - 1)], axes, strict=True),
        *([("fixed", show_options(told.fixed))] if told.fixed else []),
        ("tuner", f"{told.tuner}  {show_options(own)}"),
        *_learned(told),
        ("training", f"{show_options(told.training_options)}, the same for every trial"),
        *_stopping(told),
        *([("arithmetic", "portable")] if told.promises == "portable" else []),
        ("seed", str(told.seed)),
        *_design(told),
        ("score", f"{told.meaning}, {told.scored_on} split{examples}"),
    ]


def _learned(told: Story) -> list[tuple[str, str]]:
    """What earlier studies the tuner learned from."""
    prior = told.tuner_options.get("prior")
    if prior is None:
        return []
    sources, left_out = ", ".join(prior["sources"]), "; ".join(prior["left_out"])
    words = f"{len(prior['sources'])} earlier studies: {sources}"
    return [("learned", plain(words, OPTIONS))] + (
        [("left out", plain(left_out, OPTIONS))] if left_out else []
    )


def _stopping(told: Story) -> list[tuple[str, str]]:
    """The rule that stops trainings, and what it has saved so far."""
    if told.stop_early is None:
        return []
    run, stopped, of = told.epochs
    rule = show_options({n: v for n, v in told.stop_early.items() if n != "rule"})
    most = of * told.training_options["epochs"]
    words = f"{stopped} of {of} trainings stopped early; {run} of at most {most} epochs run"
    return [("stopping", f"{plain(told.stop_early['rule'], OPTIONS)}  {rule}; {words}")]


def _design(told: Story) -> list[tuple[str, str]]:
    """What is not the poster's: chains, replicates, paired keys."""
    words = [f"{told.chains} chains"] if told.chains > 1 else []
    words += [f"{told.replicates} replicates a decision, scores added"] * (told.replicates > 1)
    words += ["paired keys: the same values are tried once in a chain"] * told.paired
    return [("design", "; ".join(words))] if words else []
