"""What a journal's lines may hold: each field's form, type and range, before anything uses it.

A journal may be a stranger's. So names stand in the order in which they are written, none is
missing and none is new; and every number that memory or time follows from has a limit, which
`Study` keeps too. What follows from seed and scores is not looked at here: `replay` computes it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jaxmeta.record.error import JournalError, Mismatch, shown
from jaxmeta.record.rules import (
    INT32,
    NAME,
    Rule,
    Unfit,
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

Line = dict[str, Any]

FORMAT = 2
EXACT = "minus the sum of squared errors"
COUNT = "correct predictions"

CHAINS, REPLICATES, EPOCHS, WIDTH = 1000, 10_000, 1_000_000, 256
DECISIONS = 100_000  # chains times i_max
LANE_EPOCHS = 10_000_000  # width times epochs: each takes some 24 bytes on the device


def task(value: Any, at: str) -> None:
    """Name and options; whether something of that name takes them, `tasks` says."""
    table(plain())(value, at)
    if next(iter(value), "") != "name":
        raise Unfit(at, "the field name before all others", list(value))
    text(NAME)(value["name"], f"{at}.name")


def tuner(value: Any, at: str) -> None:
    """Name, version and options; whether the tuner has them, `tuning.from_record` says."""
    holding(table(plain(1)), i_max=whole(1, DECISIONS))(value, at)
    if list(value)[:3] != ["name", "version", "one"]:
        raise Unfit(at, "the fields name, version, one before all others", list(value))
    text(NAME)(value["name"], f"{at}.name")
    options = dict(value)
    for name in ("version", "one"):
        whole(0, INT32)(options.pop(name), f"{at}.{name}")
    lattice = options.get("lattice", {})
    table(plain(0))(lattice, f"{at}.lattice")
    for name, option in [*options.items(), *lattice.items()]:
        if type(option) is int:
            whole(0, DECISIONS)(option, f"{at}.{name}")
        if type(option) is float:
            number(option, f"{at}.{name}")


HASH = pattern("[0-9a-f]{64}", "64 hexadecimal digits")
DIGEST = pattern("[0-9a-f]{32}", "32 hexadecimal digits")
VALUES, ENVIRONMENT = holding(table(float32), learning_rate=float32), table(plain())
INFO = table(info)
WALK = holding(INFO, u=whole(0, INT32), c=whole(0, 3), held=truth, p=masses)
TOLD = holding(INFO, k_best=whole(-INT32 - 1, INT32))
BETTER = holding(TOLD, better=truth)


def asked(value: Any, at: str) -> None:
    """Why a learning rate is tried: free, but for the words of a walk, which are read."""
    (WALK if type(value) is dict and {"u", "c", "held", "p"} & value.keys() else INFO)(value, at)


def told(value: Any, at: str) -> None:
    """What the tuner made of it, likewise."""
    (BETTER if type(value) is dict and "better" in value else TOLD)(value, at)


CONFIGURATION: dict[str, Rule] = {
    "task": task,
    "tuner": tuner,
    "training": record(
        epochs=whole(1, EPOCHS),
        patience=whole(1, INT32),
        batch_size=whole(1, INT32),
        steps_per_epoch=optional(whole(1, INT32)),
    ),
    "seed": whole(0, 2**32 - 1),
    "scored_on": one_of("validation", "test"),
    "chains": whole(1, CHAINS),
    "replicates": whole(1, REPLICATES),
    "keys": text(NAME),
    "lanes": record(width=whole(1, WIDTH), formulation=one_of("map", "vmap")),
    "score": one_of(COUNT, EXACT),
    "data": record(
        name=text(NAME),
        digest=HASH,
        train=whole(1, INT32),
        validation=whole(1, INT32),
        test=whole(1, INT32),
    ),
}
STUDY = record(
    prev=HASH,
    line=one_of("study"),
    format=one_of(FORMAT),
    **CONFIGURATION,
    environment=ENVIRONMENT,
)


def lines_of(first: Line) -> dict[str, Rule]:
    """The rules of the lines after `first`, by their kind."""
    chains, replicates, data = first["chains"], first["replicates"], first["data"]
    epochs, exact = first["training"]["epochs"], first["score"] == EXACT

    def score(examples: int, nan: bool = False) -> Rule:
        def rule(value: Any, at: str) -> None:
            if value == "diverged":
                return
            float32(value, at, nan) if exact else whole(0, examples)(value, at)

        return rule

    one, all_ = (score(n * data[first["scored_on"]]) for n in (1, replicates))
    training = record(
        r=whole(0, INT32),
        score=one,
        best_epoch=whole(0, epochs),
        curve=many(one, 1, epochs),
        losses=many(loss, 1, epochs),
        digests=many(DIGEST, 1, epochs),
    )
    point = record(
        chain=whole(0, chains - 1),
        i=whole(0, DECISIONS),
        k=whole(-INT32, INT32),
        values=VALUES,
        score=all_,
    )
    tested = record(r=whole(0, INT32), score=score(data["test"], True), weights=DIGEST)
    return {
        "decision": record(
            prev=HASH,
            line=one_of("decision"),
            chain=whole(0, chains - 1),
            i=whole(0, DECISIONS),
            k=whole(-INT32, INT32),
            values=VALUES,
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
            lambda_best=point,
            best_score=point,
            test=record(
                score=score(replicates * data["test"], True),
                of=whole(1, replicates * data["test"]),
                trainings=many(tested, 0, replicates),
            ),
        ),
    }


def check(lines: Sequence[Line]) -> None:
    """Raise for the first line that a study cannot have.

    Raises:
      JournalError: line 1, so that nothing is known of the others.
      Mismatch: a line after it.
    """
    if not lines:
        return
    try:
        STUDY(lines[0], "")
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
        for name, rule in CONFIGURATION.items():
            rule(fields[name], name)
        _limits(fields)
    except Unfit as unfit:
        raise ValueError(
            f"{unfit.at} must be {unfit.expected}, got {shown(unfit.value)}; change it"
        ) from None


def _limits(first: Mapping[str, Any]) -> None:
    """Of products."""
    i_max, width = first["tuner"].get("i_max"), first["lanes"]["width"]
    examples = first["data"][first["scored_on"]]
    products = {
        "chains times i_max": (first["chains"] * (i_max if type(i_max) is int else 1), DECISIONS),
        "lanes times epochs": (width * first["training"]["epochs"], LANE_EPOCHS),
        "replicates times examples": (first["replicates"] * examples, INT32),
    }
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
