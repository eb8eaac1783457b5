"""The scheduler: whatever is run ahead and whenever it comes back, the decisions are the same."""

import pytest

from jaxmeta.engine import utilization
from jaxmeta.engine.scheduler import AUTO, Scheduler, job, run_all
from jaxmeta.engine.together import together
from jaxmeta.record import cache
from jaxmeta.record.cache import Cache
from jaxmeta.space import Log, Space
from jaxmeta.trial import Result, Trial, parse
from jaxmeta.tuning import Chains, Grid, PosterRule
from tests.engine.table import Table, score_of

SPACE = Space(learning_rate=Log(1e-6, 1.0, 0.1, start=1e-3))
TUNER = PosterRule(SPACE, p_eps=0.2, i_max=15, noprog_max=15)
FIRST = [{"line": "study", "environment": {"jax": "1"}}]
DESIGNS = {
    "one": {},
    "chains": {"chains": 3},
    "replicates": {"replicates": 2},
    "paired": {"paired": True},
    "all": {"chains": 2, "replicates": 3, "paired": True},
}


def decide(chains, folder, engine, depth=AUTO):
    """All decisions, with the engine's results; and the supply."""
    source = Scheduler(engine.lanes, chains, Cache(folder, FIRST, Result), folder, depth)
    path = []
    together(engine, {"": (source, deciding(chains, source, path))})
    return path, source


def deciding(chains, source, path, most=99, seen=lambda: None):
    """A study of at most so many decisions, without a record."""
    while len(path) < most and (decision := chains.next()) is not None:
        trained = yield from source.fetch(decision)
        seen()
        path.append((decision, trained, chains.tell(decision)))
        source.used(decision)


def one_by_one(design):
    """The decisions with nothing but the tuner and the table."""
    chains, path = Chains(TUNER, 7, **design), []
    while (decision := chains.next()) is not None:
        new = chains.missing(decision)
        for name in new:
            chains.learn(name, score_of(name))
        points = [score_of(name) for name in new]
        trained = [Result(p, 1, 1, [p], [0.5], ["0" * 32], False, "1" * 32) for p in points]
        path.append((decision, trained, chains.tell(decision)))
    return path


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize(("lanes", "depth"), [(1, AUTO), (2, 0), (3, 2), (6, AUTO)])
def test_decisions_are_the_same_for_any_lanes_depth_and_order(tmp_path, design, lanes, depth):
    expected = one_by_one(DESIGNS[design])
    for seed in (0, 1):
        engine = Table(lanes, seed)
        path, _ = decide(Chains(TUNER, 7, **DESIGNS[design]), tmp_path / str(seed), engine, depth)
        assert path == expected
    assert engine.most > 1 or lanes == 1 or (design, depth) in (("one", 0), ("paired", 0))


def test_control_another_table_and_another_seed_decide_otherwise(tmp_path):
    expected = one_by_one({})
    other, _ = decide(
        Chains(TUNER, 7), tmp_path, Table(2, score=lambda name: score_of(name, seed=1))
    )
    assert other != expected
    other, _ = decide(Chains(TUNER, 8), tmp_path, Table(2))
    assert other != expected


def test_no_lane_idles_while_something_may_be_needed(tmp_path):
    chains, engine, full = Chains(TUNER, 0), Table(4), []
    source = Scheduler(4, chains, Cache(tmp_path, FIRST, Result), tmp_path)
    one_has_ended = lambda: full.append(source.use.busy == 3)  # noqa: E731 of four
    together(engine, {"": (source, deciding(chains, source, [], seen=one_has_ended))})
    assert all(full[:5]) and not full[-1]


@pytest.mark.parametrize("lanes", [1, 3, 8])
def test_studies_that_share_an_engine_decide_as_each_by_itself(tmp_path, lanes):
    engine, paths, studies = Table(lanes), {}, {}
    for name, design in DESIGNS.items():
        chains, folder = Chains(TUNER, 7, **design), tmp_path / name
        folder.mkdir()
        source = Scheduler(lanes, chains, Cache(folder, FIRST, Result), folder, AUTO, name=name)
        studies[name] = source, deciding(chains, source, paths.setdefault(name, []))
    together(engine, studies)
    assert paths == {name: one_by_one(design) for name, design in DESIGNS.items()}
    assert engine.most == lanes


def test_no_lane_idles_while_any_study_can_use_it(tmp_path):
    """One at a time, three studies want three lanes, until the shortest has ended."""
    engine, studies, paths = Table(3), {}, [[], [], []]
    wanted = engine.want
    idle: list[int] = []
    engine.want = lambda jobs: (idle.append(3 - len(jobs)), wanted(jobs))
    for n, path in enumerate(paths):
        chains, cache = Chains(TUNER, n), Cache(tmp_path, FIRST, Result)
        source = Scheduler(3, chains, cache, None, 0, name=str(n))
        studies[str(n)] = source, deciding(chains, source, path, most=5 + 5 * n)
    together(engine, studies)
    assert [len(path) for path in paths] == [5, 10, 15]
    assert idle.count(0) >= 15 and sorted(idle) == idle and idle[-1] == 3


def test_a_worker_that_joins_has_work_at_once(tmp_path):
    """And not only when a training ends, which may take hours."""
    engine, seen = Table(1, seed=1), []
    wanted, heard = engine.want, engine.next

    def want(jobs):
        seen.append((len(engine.ran), len(jobs)))
        wanted(jobs)

    def joining():
        engine.lanes = 3
        return heard()

    engine.want, engine.next = want, joining
    decide(Chains(TUNER, 7), tmp_path, engine)
    assert seen[:2] == [(0, 1), (0, 3)]


def test_nothing_is_run_ahead_where_nothing_may_be_looked_at(tmp_path):
    engine = Table(8)
    path, source = decide(Chains(TUNER, 7), tmp_path, engine, depth=0)
    assert engine.most == 1 and len(engine.ran) == len(path)
    assert source.use.hits == source.use.misses == 0
    assert not (tmp_path / cache.NAME).exists()


def test_every_training_ahead_is_a_hit_or_a_miss(tmp_path):
    engine = Table(4)
    path, source = decide(Chains(TUNER, 7), tmp_path, engine)
    needed, use = {str(decision.trials[0]) for decision, _, _ in path}, source.use
    unneeded = set(engine.ran) - needed
    assert use.misses >= len(unneeded)  # known as soon as their iteration has passed
    assert list(source.run([])) == []
    assert 3 < use.hits < len(path) and use.misses >= len(unneeded) > 0
    assert use.trials == len(engine.ran)
    assert use.needed_seconds == len(needed) < use.busy_seconds == len(engine.ran)


def test_a_grid_is_run_ahead_without_a_miss(tmp_path):
    _, source = decide(Chains(Grid(Space(x=Log(1e-5, 1.0)), points=20), 0), tmp_path, Table(5))
    assert list(source.run([])) == []
    assert source.use.hits >= 10 and source.use.misses == 0


def test_what_was_run_ahead_survives_in_the_cache(tmp_path):
    """Interrupted after five decisions: what no decision had taken is not run again."""
    first, chains = Table(6), Chains(TUNER, 7)
    source = Scheduler(6, chains, Cache(tmp_path, FIRST, Result), tmp_path)
    together(first, {"": (source, deciding(chains, source, [], most=5))})
    again, decided = Chains(TUNER, 7), []
    for decision, trained, _ in one_by_one({})[:5]:  # as `replay` would
        assert again.next() == decision
        again.learn(decision.trials[0], trained[0].score)
        decided.append(again.tell(decision))
    second = Table(6)
    second.ran = list(first.ran)  # asked for one of these, it fails
    path, _ = decide(again, tmp_path, second)
    assert path == one_by_one({})[5:]
    assert len(second.ran) > len(first.ran)


def test_the_cache_leaves_out_what_does_not_fit(tmp_path):
    kept = Cache(tmp_path, FIRST, Result)
    results = {
        f"0.{i}.0.0": Result(i, 1, 1, [i], [float("nan")], ["0" * 32], False, "1" * 32)
        for i in range(3)
    }
    for name, result in results.items():
        kept.put(name, result)
    assert repr(kept.load()) == repr(results)  # nan is not nan
    path = tmp_path / cache.NAME
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])  # torn by a kill, and gone on with
    kept.put("0.3.0.0", results["0.1.0.0"])
    assert set(kept.load()) == {"0.0.0.0", "0.1.0.0", "0.3.0.0"}
    path.write_bytes(whole.replace(b'"score":1', b'"score":7'))
    assert set(kept.load()) == {"0.0.0.0", "0.2.0.0"}
    for other in ([{**FIRST[0], "seed": 1}], [*FIRST, {"environment": {"jax": "2"}}]):
        assert Cache(tmp_path, other, Result).load() == {}


def test_a_full_disk_costs_the_cache_and_nothing_else(tmp_path):
    (tmp_path / cache.NAME).mkdir()
    path, _ = decide(Chains(TUNER, 7), tmp_path, Table(6))
    assert path == one_by_one({})


def test_jobs_are_run_to_their_ends_within_the_lanes():
    chains, engine = Chains(TUNER, 7), Table(3)
    jobs = [job(chains, Trial(0, i, (0,), 0)) for i in range(10)]
    events = run_all(engine, jobs)
    assert set(events) == {job.name for job in jobs} and engine.most == 3
    assert all(events[j.name].result.score == score_of(parse(j.name)) for j in jobs)


def test_the_speed_up_is_of_needed_seconds(monkeypatch):
    clock = iter([0.0, 10.0])
    monkeypatch.setattr(utilization.time, "monotonic", lambda: next(clock))
    use = utilization.Utilization(2, needed_seconds=15.0)
    use._began = utilization.time.monotonic()
    assert use.speed_up == 1.5
