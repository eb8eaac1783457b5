"""What a journal's lines may hold: each field's form, type and range, before anything uses it.

A journal may be a stranger's. So names stand in the order in which they are written, none is
missing and none is new; and every number that memory or time follows from has a limit, which
`Study` keeps too. What follows from seed and scores is not looked at here: `replay` computes it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jaxmeta import stopping
from jaxmeta.record.error import JournalError, Mismatch, shown
from jaxmeta.record.rules import (
    INT32,
    NAME,
    Rule,
    Unfit,
    each,
    float32,
    holding,
    info,
    loss,
    many,
    masses,
    number,
    one_of,
    optional,
    pattern,
    plain,
    record,
    table,
    text,
    truth,
    whole,
)
from jaxmeta.score import COUNT, FLOAT
from jaxmeta.space import Axis, Space
from jaxmeta.space.ranges import Range

Line = dict[str, Any]

FORMAT = 3

CHAINS, REPLICATES, EPOCHS, WIDTH = 1000, 10_000, 1_000_000, 256
DECISIONS = 100_000  # of all chains
LANE_EPOCHS = 10_000_000  # width times epochs: each takes some 24 bytes on the device


def task(value: Any, at: str) -> None:
    """Name and options; whether something of that name takes them, `tasks` says."""
    table(plain())(value, at)
    if next(iter(value), "") != "name":
        raise Unfit(at, "the field name before all others", list(value))
    text(NAME)(value["name"], f"{at}.name")


def tuner(value: Any, at: str) -> None:
    """Name, version and options; whether the tuner has them, `tuning.from_record` says."""
    table(lambda *_: None)(value, at)
    options = dict(value)
    PRIOR(options.pop("prior", None), f"{at}.prior")
    holding(table(plain(0)), decisions=whole(1, DECISIONS))(options, at)
    if list(value)[:3] != ["name", "version", "one"]:
        raise Unfit(at, "the fields name, version, one before all others", list(value))
    text(NAME)(value["name"], f"{at}.name")
    for name in ("version", "one"):
        whole(0, INT32)(options.pop(name), f"{at}.{name}")
    for name, option in options.items():
        if type(option) is int:
            whole(0, DECISIONS)(option, f"{at}.{name}")
        if type(option) is float:
            number(option, f"{at}.{name}")


HASH = pattern("[0-9a-f]{64}", "64 hexadecimal digits")
# Of earlier tasks: each training's position, where null is not known, and its share.
_TRAINED = many(optional(whole(-INT32 - 1, INT32)), 2, 65)
PRIOR = optional(
    record(
        digest=HASH,
        sources=many(text(NAME), 1, 64),
        left_out=many(text(NAME), 0, 64),
        tasks=many(many(_TRAINED, 1, 40), 1, 64),
    )
)
DIGEST = pattern("[0-9a-f]{32}", "32 hexadecimal digits")
INFO, ENVIRONMENT = table(info), table(plain())
SPLITS = ("validation", "test")


def space(value: Any, at: str) -> None:
    """Axes by name, each with its positions."""
    table(plain(2))(value, at)
    try:
        made = Space.from_record(value)
    except ValueError as error:
        raise Unfit(at, f"a search space ({error})", value) from None
    if not all(axis.resolved for axis in made.axes):
        raise Unfit(at, "a search space whose ranges have a step or points", value)


def data(value: Any, at: str) -> None:
    """Name, digest and sizes; whether they are those of the task, `study.from_line` says."""
    table(plain(0))(value, at)
    if list(value)[:2] != ["name", "digest"]:
        raise Unfit(at, "the fields name and digest before all others", list(value))
    HASH(value["digest"], f"{at}.digest")


def examples(value: Any, at: str) -> None:
    """What a count on each split is out of; a study without a test has no entry for one."""
    table(optional(whole(1, INT32)))(value, at)
    if tuple(value) not in (SPLITS, SPLITS[:1]):
        raise Unfit(at, "validation, and test or nothing else", list(value))


CONFIGURATION: dict[str, Rule] = {
    "task": task,
    "space": space,
    "fixed": table(plain(0)),
    "tuner": tuner,
    "training": record(epochs=whole(1, EPOCHS), patience=whole(1, INT32)),
    "seed": whole(0, 2**32 - 1),
    "scored_on": one_of("validation", "test"),
    "chains": whole(1, CHAINS),
    "replicates": whole(1, REPLICATES),
    "keys": text(NAME),
    "lanes": record(width=whole(1, WIDTH), formulation=one_of("map", "vmap")),
    "score": record(kind=one_of(COUNT, FLOAT), meaning=text(NAME), of=examples),
    "promises": one_of("fixed order", "plain", "portable"),
    "data": optional(data),
}


def stop_early(value: Any, at: str) -> None:
    """A rule's name and settings; whether there is such a rule, `stopping` says."""
    table(lambda *_: None)(value, at)
    if next(iter(value), "") != "rule":
        raise Unfit(at, "the field rule before all others", list(value))
    text(NAME)(value["rule"], f"{at}.rule")
    try:
        rule = stopping.from_record(value)
    except ValueError as error:
        raise Unfit(at, f"a rule that stops trainings ({error})", value) from None
    if list(value) != list(stopping.to_record(rule)):
        raise Unfit(at, f"the fields {', '.join(stopping.to_record(rule))}", list(value))


def rules_of(first: Mapping[str, Any]) -> dict[str, Rule]:
    """The rules of a configuration; a study without a rule that stops trainings names none."""
    return CONFIGURATION | ({"stop_early": stop_early} if "stop_early" in first else {})


def study(value: Any, at: str) -> None:
    """A journal's first line."""
    ends = record(
        prev=HASH,
        line=one_of("study"),
        format=one_of(FORMAT),
        **(rules_of(value) if type(value) is dict else CONFIGURATION),
        environment=ENVIRONMENT,
    )
    ends(value, at)


def lines_of(first: Line) -> dict[str, Rule]:
    """The rules of the lines after `first`, by their kind."""
    space = space_of(first)
    chains, replicates, axes = first["chains"], first["replicates"], space.d
    epochs, counts, of = first["training"]["epochs"], first["score"]["kind"] == COUNT, _of(first)

    def score(split: str, times: int) -> Rule:
        def rule(value: Any, at: str) -> None:
            if value == "diverged":
                return
            examples = of.get(split)
            if not counts:
                float32(value, at, nan=split == "test")
            elif examples is None:
                whole(-INT32, INT32)(value, at)
            else:
                whole(0, times * examples)(value, at)

        return rule

    one, all_ = (score(first["scored_on"], n) for n in (1, replicates))
    position = many(whole(-INT32, INT32), axes, axes)
    values = record(**dict(zip(space.names, map(value_on, space.axes), strict=True)))
    moves = [3 if axis.ordered else axis.bounds[1] + 1 for axis in space.axes]
    p = each(*map(masses, moves))
    # Free, but for the words that are read: why a position is tried, and what came of it.
    drawn = holding(
        lambda *_: None,
        u=many(whole(0, INT32), axes, axes),
        c=each(*(whole(0, n) for n in moves)),
        held=many(truth, axes, axes),
        p=p,
    )

    suggested, learned = holding(INFO, position=position), holding(INFO, best=position)

    def asked(value: Any, at: str) -> None:
        suggested(value, at)
        if {"u", "c", "held", "p"} & value.keys():
            drawn(value, at)

    def told(value: Any, at: str) -> None:
        learned(value, at)
        if "better" in value:
            truth(value["better"], f"{at}.better")

    training = record(
        r=whole(0, INT32),
        score=one,
        best_epoch=whole(0, epochs),
        curve=many(one, 1, epochs),
        losses=many(loss, 1, epochs),
        digests=many(DIGEST, 1, epochs),
        compiled=DIGEST,
        **({"stopped": truth} if "stop_early" in first else {}),
    )
    point = record(
        chain=whole(0, chains - 1),
        i=whole(0, DECISIONS),
        position=position,
        values=values,
        score=all_,
    )
    tested = record(r=whole(0, INT32), score=score("test", 1), weights=DIGEST)
    test = record(
        score=score("test", replicates),
        of=one_of(replicates * examples) if (examples := of.get("test")) else one_of(None),
        trainings=many(tested, 0, replicates),
    )
    return {
        "decision": record(
            prev=HASH,
            line=one_of("decision"),
            chain=whole(0, chains - 1),
            i=whole(0, DECISIONS),
            position=position,
            values=values,
            asked=asked,
            revisits=optional(whole(0, DECISIONS)),
            trainings=many(training, 0, replicates),
            score=all_,
            told=told,
        ),
        "environment": record(prev=HASH, line=one_of("environment"), environment=ENVIRONMENT),
        "end": record(
            prev=HASH,
            line=one_of("end"),
            decisions=whole(1, DECISIONS),
            trainings=whole(1, DECISIONS * REPLICATES),
            chains=many(point, chains, chains),
            recommended=point,
            best_score=point,
            test=test if "test" in of else one_of(None),
        ),
    }


def value_on(axis: Axis) -> Rule:
    """What is on `axis`; whether it is what stands at the position, `replay` says."""
    if isinstance(axis, Range):
        return float32
    low, high = axis.bounds
    values = [axis.value(k) for k in range(low, high + 1)]
    return one_of(*(value.hex() if isinstance(value, float) else value for value in values))


def space_of(first: Line) -> Space:
    """The search space of the study that begins with `first`."""
    return Space.from_record(first["space"])


def _of(first: Line) -> dict[str, int | None]:
    return first["score"]["of"]


def check(lines: Sequence[Line]) -> None:
    """Raise for the first line that a study cannot have.

    Raises:
      JournalError: line 1, so that nothing is known of the others.
      Mismatch: a line after it.
    """
    if not lines:
        return
    try:
        study(lines[0], "")
        _limits(lines[0])
    except Unfit as unfit:
        raise JournalError(
            f"line 1 must have {unfit.at or 'a study'} = {unfit.expected}, and has "
            f"{shown(unfit.value)}; the record was changed after it was made, or is of another "
            "version of jaxmeta",
            1,
        ) from None
    rules, run = lines_of(lines[0]), set()
    for at, line in enumerate(lines[1:], 2):
        kind = line.get("line")
        try:
            if type(kind) is not str or kind not in rules:
                raise Unfit("line", " or ".join(rules), kind)
            if lines[at - 2]["line"] == "end":
                raise Unfit("line", "nothing after the end", kind)
            rules[kind](line, "")
            if kind == "decision":
                _decision(line, run)
        except Unfit as unfit:
            raise Mismatch(at, unfit.at or "fields", unfit.value, unfit.expected) from None


def configuration(fields: Mapping[str, Any]) -> None:
    """Raise for a study whose journal could not be read again.

    Raises:
      ValueError: a field and what it must be.
    """
    try:
        fields = json.loads(json.dumps(fields))
    except (RecursionError, TypeError, ValueError) as error:
        raise ValueError(
            f"a study's options go into its record as JSON, and these cannot ({error}); "
            "use texts, numbers and lists"
        ) from None
    try:
        for name, rule in rules_of(fields).items():
            rule(fields[name], name)
        _limits(fields)
    except Unfit as unfit:
        raise ValueError(
            f"{unfit.at} must be {unfit.expected}, got {shown(unfit.value)}; change it"
        ) from None


def _limits(first: Mapping[str, Any]) -> None:
    """Of products."""
    width = first["lanes"]["width"]
    most = max((n or 1 for n in first["score"]["of"].values()), default=1)
    products = {
        "chains times decisions": (first["chains"] * first["tuner"]["decisions"], DECISIONS),
        "lanes times epochs": (width * first["training"]["epochs"], LANE_EPOCHS),
        "replicates times examples": (first["replicates"] * most, INT32),
    }
    if first["scored_on"] not in first["score"]["of"]:
        raise Unfit("scored_on", "a split that there is", first["scored_on"])
    for words, (product, most) in products.items():
        if product > most:
            raise Unfit(words, f"at most {most}", product)


def _decision(line: Line, run: set[tuple[int, int]]) -> None:
    """What `line` rests on; `run` has chain and iteration of those before with trainings."""
    chain, revisits = line["chain"], line["revisits"]
    for place, one in enumerate(line["trainings"]):
        if not len(one["curve"]) == len(one["losses"]) == len(one["digests"]):
            raise Unfit(f"trainings.{place}", "as many losses and digests as evaluations", one)
    if revisits is None and line["trainings"]:
        run.add((chain, line["i"]))
    elif revisits is None or line["trainings"] or (chain, revisits) not in run:
        words = "trainings, or the iteration before that had them"
        raise Unfit("trainings" if revisits is None else "revisits", words, revisits)
