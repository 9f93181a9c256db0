"""Only readable rows are stored, and an unreadable row stops nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA, LATER, LOAD, NOW, move, move_ids, plan, published
from bot_fixture import HOT_WORLD, bot_on, hot_clusters, running_bot, running_panel
from hypothesis import given
from hypothesis import strategies as st

from balancer.model import VM, Cluster, Node, Plan, Reason, Snapshot
from balancer.planner import plan as make_plan
from balancer.policy import STRATEGIES, Policy
from bot.cli import main
from bot.cli.output import FAILED, OK
from bot.domain.exclusions import Exclusion, ExclusionRole
from bot.domain.proposals import MigrationState, Verdict
from bot.domain.reservations import Reservation
from bot.errors import StoreError, UnstorableError
from bot.store.store import Store

S = MigrationState


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    result = Store(path)
    await result.open()
    yield result
    await result.close()


def spoil(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


# Written ------------------------------------------------------------------------------------------

UNSTORABLE: dict[str, Callable[[], Plan]] = {
    "count below zero": lambda: plan(replace(move(11), source_after=replace(LOAD, vm_count=-1))),
    "load that is no number": lambda: plan(replace(move(11), source_after=replace(LOAD, cpu_ratio=float("nan")))),
    "endless load": lambda: plan(replace(move(11), target_after=replace(LOAD, score=float("inf")))),
    "name that is no text": lambda: plan(replace(move(11), vm_name="\ud800")),
    "memory beyond a column": lambda: plan(replace(move(11), vm_id=2**70)),
}


@pytest.mark.parametrize("kind", UNSTORABLE)
async def test_a_plan_that_would_not_read_back_is_not_stored(store: Store, kind: str) -> None:
    await published(store, 21, cluster=2)
    with pytest.raises(UnstorableError):
        await store.proposals.publish(UNSTORABLE[kind](), automatic=True, now=NOW, expires_at=LATER)
    assert [p.id for p in await store.proposals.waiting()] == [1]
    assert await store.unreadable.find() == [] and await store.migrations.in_states(tuple(S)) == []


figures = st.one_of(st.none(), st.integers(-3, 200))


@st.composite
def contradictory_snapshots(draw: st.DrawFn) -> Snapshot:
    """A cluster whose totals need not agree with its list of VMs."""
    nodes = [
        Node(
            id=i,
            name=f"n{i}",
            cluster_id=1,
            cpus=draw(st.one_of(st.none(), st.integers(0, 16))),
            vcpus_allocated=draw(figures),
            memory_mib=draw(st.one_of(st.none(), st.integers(0, 200_000))),
            memory_allocated_mib=draw(st.one_of(st.none(), st.integers(-1, 200_000))),
            vm_count=draw(figures),
            state="active",
            maintenance=False,
            creation_allowed=True,
            live_migration_allowed=True,
        )
        for i in range(1, 4)
    ]
    vms = [draw(vms_of(100 + n)) for n in range(draw(st.integers(0, 12)))]
    return Snapshot(NOW, (Cluster(1, "c1", "kvm"),), tuple(nodes), tuple(vms))


def vms_of(vm_id: int) -> st.SearchStrategy[Any]:
    return st.builds(
        VM,
        id=st.just(vm_id),
        name=st.just(f"vm-{vm_id}"),
        cluster_id=st.just(1),
        node_id=st.integers(1, 3),
        vcpus=st.integers(1, 64),
        memory_mib=st.integers(1, 65_536),
        state=st.just("active"),
        iso_mounted=st.just(False),
        snapshot_count=st.just(0),
    )


@given(snapshot=contradictory_snapshots(), strategy=st.sampled_from(STRATEGIES))
async def test_every_plan_of_a_contradictory_panel_reads_back(
    tmp_path_factory: pytest.TempPathFactory, snapshot: Snapshot, strategy: str
) -> None:
    new_plan = make_plan(snapshot, Policy(strategy=strategy, cpu_overload_ratio=1.0, cpu_target_score=0.9))
    store = Store(":memory:")
    await store.open()
    try:
        result = await store.proposals.publish(new_plan, automatic=False, now=NOW, expires_at=LATER)
        waiting = await store.proposals.waiting()
        assert [p.plan for p in waiting] == ([new_plan] if result.created else [])
    finally:
        await store.close()


@pytest.mark.parametrize("total", [0, 1])
async def test_total_below_the_listed_vms_stops_nothing(tmp_path: Path, total: int) -> None:
    async with running_panel(HOT_WORLD) as panel, bot_on(panel, tmp_path / "bot.db", balance_mode="auto") as bot:
        bot.fault("unknown_fields", path="/vm/v3/node", fields={"vm": {"total": total}})
        report = await bot.service.cycle.run()
        assert report.outcome == "done", report.problem
        await bot.carry_out()
        assert bot.node_of(11) == 2 and await bot.store.unreadable.find() == []


# Read ---------------------------------------------------------------------------------------------

SPOILT = {
    "count below zero": """UPDATE proposal SET plan = replace(plan, '"vm_count": 10', '"vm_count": -1') WHERE id = 1""",
    "no json": "UPDATE proposal SET plan = 'x' WHERE id = 1",
    "bytes that are no text": "UPDATE proposal SET plan = CAST(x'ff00' AS TEXT) WHERE id = 1",
    "too few moves": """UPDATE proposal SET plan = json_set(plan, '$.moves', json('[]')) WHERE id = 1""",
    "time that is none": "UPDATE proposal SET expires_at = '2999' WHERE id = 1",
    "reason that is none": "UPDATE proposal SET closed_reason = '{' WHERE id = 1",
    "migration with a bad reason": "UPDATE migration SET reason = '[1]' WHERE id = 1",
    "migration with a bad time": "UPDATE migration SET queued_at = 'noon' WHERE id = 1",
}


@pytest.mark.parametrize("kind", SPOILT)
async def test_unreadable_row_is_set_aside_and_the_rest_works(store: Store, path: Path, kind: str) -> None:
    first = await move_ids(store, 11)
    await store.decisions.decide(first, Verdict.APPROVE, ANNA, NOW)
    second = await move_ids(store, 21, cluster=2)
    await store.close()
    spoil(path, SPOILT[kind])
    again = Store(path)
    await again.open()
    try:
        assert [p.id for p in await again.proposals.waiting()] == [2], "one row stops no list"
        assert await again.migrations.in_states((S.QUEUED,)) == [] or kind in (
            "time that is none",
            "reason that is none",
        )
        [row] = await again.unreadable.set_aside(NOW)
        assert row.reason and (row.place, row.row_id) in {("proposal", 1), ("move", first[0])}
        assert await again.unreadable.find() == [] and await again.unreadable.set_aside(NOW) == [], "told once"
        assert len(await again.unreadable.kept()) == 1
        proposal = await again.proposals.get(1)
        assert proposal is not None and proposal.pending == () and proposal.moves[0].move.key == (11, 1, 2)
        [stale] = await again.migrations.in_states(tuple(S))
        assert stale.state is S.STALE, "nobody knows what was approved"
        assert [m.move.vm_id for m in await again.decisions.history(9)] == [11]
        [result] = await again.decisions.decide(second, Verdict.APPROVE, ANNA, NOW)
        assert result.done
        [notice] = await again.notices.unsent()
        assert notice.body is not None and notice.body.code == "unreadable-rows"
    finally:
        await again.close()


async def test_a_started_migration_of_an_unreadable_plan_is_followed_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    async with running_panel(HOT_WORLD) as panel:
        async with bot_on(panel, path) as bot:
            await bot.propose()
            await bot.decide()
            bot.start()
            await bot.reached(lambda: bot.in_state(S.RUNNING))
        spoil(path, "UPDATE proposal SET plan = '{}'")
        async with bot_on(panel, path) as again:
            await again.store.unreadable.set_aside(again.clock())
            await again.carry_out()
            assert (await again.migration()).state is S.SUCCEEDED and again.posts() == [(11, 2)]


async def test_an_unreadable_reservation_stops_plans_until_it_is_set_aside(store: Store, path: Path) -> None:
    await store.reservations.add(Reservation(0, 1, "c1", 2, "n2", 4, 4096, LATER, ANNA, NOW, frozenset()), 10)
    spoil(path, "UPDATE reservation SET known_vms = 'many'")
    with pytest.raises(StoreError):
        await store.reservations.active(NOW)
    assert [row.place for row in await store.unreadable.set_aside(NOW)] == ["reservation"]
    assert await store.reservations.active(NOW) == []


async def test_an_unreadable_exclusion_holds_until_and_after_it_is_set_aside(store: Store, path: Path) -> None:
    await store.exclusions.add(Exclusion(2, "n2", ExclusionRole.TARGET, LATER, ANNA, NOW))
    spoil(path, "UPDATE exclusion SET until = 'tomorrow'")
    with pytest.raises(StoreError):
        await store.exclusions.active(NOW)
    await store.unreadable.set_aside(NOW)
    [held] = await store.exclusions.active(NOW + timedelta(days=900))
    assert (held.node_id, held.until) == (2, None)


async def test_an_unreadable_notice_is_left_out_alone(store: Store, path: Path) -> None:
    for key in ("a", "b"):
        await store.notices.note_outage(key, "x", Reason.of("outage", problem=key), NOW)
    spoil(path, "UPDATE notice SET kind = 'of a newer version' WHERE id = 1")
    assert [n.id for n in await store.notices.unsent()] == [2]
    assert [r.place for r in await store.unreadable.set_aside(NOW)] == ["notice"]


async def test_a_pause_that_cannot_be_read_holds(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as bot:
        await bot.service.admin.pause(timedelta(hours=1), ANNA)
        spoil(bot.path, "UPDATE setting SET value = 'soon' WHERE key = 'paused'")
        assert (await bot.service.cycle.run()).outcome == "paused"


@pytest.mark.parametrize("value", ["automatic", "AUTO", ""])
async def test_unknown_stored_mode_means_approve(tmp_path: Path, value: str) -> None:
    async with running_bot(tmp_path, balance_mode="auto") as bot:
        await bot.service.admin.set_mode("auto", ANNA)
        spoil(bot.path, f"UPDATE setting SET value = '{value}' WHERE key = 'mode'")  # noqa: S608
        assert await bot.service.runtime.mode() == "approve"


async def test_a_cluster_that_cannot_be_planned_leaves_the_others_alone(tmp_path: Path) -> None:
    world = hot_clusters(2)
    for vm in world["vms"]:
        if vm["id"] == 111:
            vm["ram_mib"] = 2**53
    async with running_bot(tmp_path, world) as bot:
        report = await bot.service.cycle.run()
        assert report.outcome == "done"
        assert {p.cluster_id for p in await bot.store.proposals.waiting()} >= {2}


# The command --------------------------------------------------------------------------------------


@pytest.fixture
async def spoilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program's database with one proposal that cannot be read."""
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / "vm_balancer.db")
    await store.open()
    await published(store, 11)
    await store.close()
    spoil(tmp_path / "vm_balancer.db", "UPDATE proposal SET plan = '{}'")
    return tmp_path / "vm_balancer.db"


def test_db_check_finds_and_db_repair_sets_aside(spoilt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["db", "check"]) == FAILED and "proposal 1 cannot be read" in capsys.readouterr().err
    assert main(["db", "repair"]) == OK and "1 rows set aside now, 1 in all" in capsys.readouterr().out
    assert main(["db", "check"]) == OK


def test_db_check_finds_samples_without_a_number_and_db_repair_sets_each_aside(
    spoilt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(spoilt, *SAMPLES)
    assert main(["db", "check"]) == FAILED
    errors = capsys.readouterr().err
    assert all(f"{table} " in errors for table in ("capacity_sample", "size_sample", "vm_sample"))
    assert main(["db", "repair"]) == OK and "5 rows set aside now" in capsys.readouterr().out
    assert main(["db", "check"]) == OK
    with closing(sqlite3.connect(spoilt)) as db:
        assert db.execute("SELECT vm_id FROM vm_sample").fetchall() == [(3,)], "the others stay"


SAMPLES = (
    "INSERT INTO capacity_sample VALUES (1, 0, 1, 1, 'x', 1, 1, NULL)",
    "INSERT INTO size_sample VALUES (1, x'ff', 1, 1, 1)",
    "INSERT INTO vm_sample VALUES (1, 300, 300, 'x', 1, NULL), (2, 300, 300, -1, 1, NULL), (3, 300, 300, 1, 1, NULL)",
)


@pytest.mark.parametrize("value", ["words", b"\xff", 1e308, -1, 2**62])
@pytest.mark.parametrize("column", ["covered_s", "overloaded_s", "cpu_sum", "cpu_max", "checks", "memory_max"])
async def test_an_unreadable_sample_is_left_out_of_charts_and_summaries(
    tmp_path: Path, column: str, value: object
) -> None:
    async with running_bot(tmp_path) as bot:
        await bot.propose()
        since, until = bot.clock() - timedelta(days=1), bot.clock() + timedelta(days=1)
        whole = await bot.store.samples.of_cluster(None, since, until)
        with closing(sqlite3.connect(bot.path)) as db:
            db.execute(f"UPDATE sample SET {column} = ? WHERE node_id = 2", (value,))  # noqa: S608 - a fixed word
            db.commit()
        [sample] = await bot.store.samples.of_cluster(None, since, until)
        assert sample != whole[0], "without that node"
        assert len(await bot.store.samples.of_node(1, since, until)) == 1
        assert await bot.store.samples.of_node(2, since, until) == []
        assert (await bot.store.summaries.between(since, until)).overloaded_nodes == 1


async def test_a_database_with_bytes_where_an_age_should_be_still_opens(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as bot:
        await bot.moved()
        bot.pass_time(1000)
        await bot.service.cycle.run()
    with closing(sqlite3.connect(tmp_path / "bot.db")) as db:
        assert db.execute("UPDATE outcome SET after_s = ?", (b"\xff",)).rowcount
        db.execute("INSERT INTO setting SELECT ?, value, by_kind, by_name, by_id, at FROM setting LIMIT 1", (b"\xff",))
        db.commit()
    async with running_panel() as panel, bot_on(panel, tmp_path / "bot.db") as bot:
        await bot.store.unreadable.set_aside(bot.clock())
        assert (await bot.service.cycle.run()).outcome == "done"
        assert (await bot.service.queries.status()).plans


@pytest.mark.parametrize("column", ["started_at", "finished_at", "detail"])
async def test_an_unreadable_check_stops_no_further_check(tmp_path: Path, column: str) -> None:
    async with running_bot(tmp_path) as bot:
        await bot.propose()
        spoil(bot.path, f"UPDATE cycle SET {column} = 'words'")  # noqa: S608 - words of this test
        await bot.propose()
        assert await bot.store.cycles.last_success() is not None
