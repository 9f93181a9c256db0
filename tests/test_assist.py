"""Assist mode: harmless moves start by themselves, and people are asked about the rest."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA
from bot_fixture import NODE, BotFixture, bot_on, running_panel
from chaos_assist import HarmlessGuard

from balancer.harmless import RULE_NAMES, refusals
from bot.domain.held_clusters import FAILED_KEY
from bot.domain.proposals import ASSIST_ACTOR, Migration, MigrationState, MoveState, ProposedMove, Verdict
from bot.domain.shadow import Shadow
from bot.errors import ConfigError, UnconfirmedMode

HOT = 4
"""Nodes that one small VM each overloads. The first of these moves is made by a person."""
ALLOWS: dict[str, Any] = {"balance_mode": "assist", "auto_after_outcomes": 1}


def hot_nodes(**changes: dict[str, Any]) -> dict[str, Any]:
    """Nodes 1 to HOT hold 114 vCPUs on 16 CPUs each: above the threshold of 7, and not without the VM 11, 12, 13 or 14.

    Args:
        changes: of these VMs, such as ``vm12={"tags": ["ask"]}``.
    """
    nodes = [{"id": i, "name": f"hot-{i}", **NODE} for i in range(1, HOT + 1)]
    cool = [{"id": 10 + i, "name": f"cool-{i}", **NODE} for i in range(1, 4)]
    small = [
        {
            "id": 10 + i,
            "name": f"small-{i}",
            "node": i,
            "cpu_number": 2,
            "ram_mib": 2048,
            **changes.get(f"vm{10 + i}", {}),
        }
        for i in range(1, HOT + 1)
    ]
    big = [
        {"id": 100 * i + n, "name": f"big-{i}-{n}", "node": i, "cpu_number": 16, "ram_mib": 4096}
        for i in range(1, HOT + 1)
        for n in range(7)
    ]
    return {"clusters": [{"id": 1, "name": "Production"}], "nodes": [*nodes, *cool], "vms": [*small, *big]}


@asynccontextmanager
async def assist(folder: Path, of: dict[str, Any] | None = None, **given: Any) -> AsyncIterator[BotFixture]:
    """The program in assist mode, after a person approved one migration and it went well."""
    async with running_panel(of or hot_nodes()) as panel:
        async with bot_on(panel, folder / "bot.db") as bot:
            await bot.moved()
            now = bot.clock.now
        async with bot_on(panel, folder / "bot.db", **{**ALLOWS, **given}) as bot:
            bot.clock.now = now + timedelta(minutes=1)
            yield bot


async def moves(bot: BotFixture) -> list[ProposedMove]:
    """Of the newest proposal."""
    newest = await bot.store.proposals.get(await bot.store.proposals.newest())
    assert newest is not None
    return list(newest.moves)


def why(move: ProposedMove) -> list[str]:
    """The codes of the rules that refuse it."""
    return [reason.code for reason in refusals(move.rules)]


async def own(bot: BotFixture) -> list[Migration]:
    """The migrations that nobody approved."""
    found = []
    for migration in await bot.migrations():
        stored = await bot.store.proposals.move(migration.move_id)
        if stored is not None and stored[1].decided_by == ASSIST_ACTOR:
            found.append(migration)
    return found


async def test_a_harmless_move_starts_by_itself_and_names_every_rule(tmp_path: Path) -> None:
    async with assist(tmp_path) as bot:
        await bot.propose()
        [move] = await moves(bot)
        assert why(move) == []
        assert tuple(result.rule for result in move.rules) == RULE_NAMES
        assert (move.state, move.decided_by) == (MoveState.APPROVED, ASSIST_ACTOR)
        [entry] = await bot.store.audit.entries("harmless")
        assert [rule["rule"] for rule in entry.detail["moves"][str(move.id)]] == list(RULE_NAMES)
        await bot.carry_out()
        assert [m.state for m in await own(bot)] == [MigrationState.SUCCEEDED]


@pytest.mark.parametrize(
    ("changes", "given", "code"),
    [
        ({"vm12": {"tags": ["Ask "]}}, {}, "auto-tag"),
        ({}, {"auto_max_gib": 1.5}, "auto-size"),
        ({}, {"auto_hours": "13:30-14:00", "timezone": "UTC"}, "auto-hours-closed"),
        ({}, {"auto_hours": "11:00-14:00", "migration_window": "20:00-21:00", "timezone": "UTC"}, "auto-hours-closed"),
        ({}, {"auto_after_outcomes": 2}, "auto-outcomes-few"),
        ({"vm12": {"balancer_mode": "sometimes"}}, {}, "caution-mode-unknown"),
    ],
    ids=["tag", "size", "hours", "hours-of-start", "outcomes", "odd"],
)
async def test_a_rule_refuses_and_a_person_is_asked(
    tmp_path: Path, changes: dict[str, Any], given: dict[str, Any], code: str
) -> None:
    async with assist(tmp_path, hot_nodes(**changes), **given) as bot:
        await bot.propose()
        [move] = await moves(bot)
        assert move.state is MoveState.PENDING
        assert code in why(move)
        await bot.carry_out()
        assert await own(bot) == []


async def test_the_rest_of_a_plan_waits_for_a_person_while_harmless_moves_go_on(tmp_path: Path) -> None:
    async with assist(tmp_path, hot_nodes(vm13={"tags": ["ask"]}), max_migrations_per_cycle=3) as bot:
        await bot.propose()
        states = {m.move.vm_id: m.state for m in await moves(bot)}
        assert states == {12: MoveState.APPROVED, 13: MoveState.PENDING, 14: MoveState.APPROVED}
        await bot.carry_out()
        assert {m.move.vm_id for m in await own(bot)} == {12, 14}
        await bot.propose()
        assert [(m.move.vm_id, m.state) for m in await moves(bot) if m.state is MoveState.PENDING] == [
            (13, MoveState.PENDING)
        ]
        await bot.decide(13)
        await bot.carry_out()
        assert bot.node_of(13) > HOT


async def test_no_more_own_starts_than_a_day_allows(tmp_path: Path) -> None:
    async with assist(tmp_path, max_migrations_per_cycle=3, auto_max_per_day=2) as bot:
        await bot.propose()
        assert [m.state for m in await moves(bot)] == [MoveState.APPROVED] * 2 + [MoveState.PENDING]
        await bot.carry_out()
        await bot.propose()
        assert [why(m) for m in await moves(bot) if m.state is MoveState.PENDING] == [["auto-per-day"]]
        bot.pass_time(86_400)
        await bot.propose()
        assert [m.state for m in await moves(bot)] == [MoveState.APPROVED]


async def test_tag_that_appears_before_the_start_blocks_it(tmp_path: Path) -> None:
    async with assist(tmp_path) as bot:
        await bot.propose()
        bot.panel.world.set_vm(bot.panel.world.vms[12], tags=["ask"])
        await bot.carry_out()
        [migration] = await own(bot)
        assert migration.state is MigrationState.STALE
        assert migration.reason is not None and migration.reason.code == "auto-tag"


@pytest.mark.parametrize("mode", ["approve", "pause"])
async def test_a_person_stops_what_is_queued(tmp_path: Path, mode: str) -> None:
    async with assist(tmp_path) as bot:
        await bot.propose()
        if mode == "approve":
            await bot.service.admin.set_mode("approve", ANNA)
        else:
            await bot.service.admin.pause(None, ANNA)
        bot.start()
        if mode == "approve":
            await bot.carry_out()
            assert [m.state for m in await own(bot)] == [MigrationState.STALE]
        assert len(bot.posts()) == 1


@pytest.mark.parametrize("end", ["failed", "restarted"])
async def test_a_bad_end_makes_the_cluster_ask_until_an_admin_lets_it_go_on(tmp_path: Path, end: str) -> None:
    async with assist(tmp_path, migration_cooldown=0) as bot:
        if end == "failed":
            bot.fault("migrate_fails")
        else:
            bot.panel.shapes.switch_on("cold")
        await bot.propose()
        await bot.carry_out()
        assert len(await own(bot)) == 1
        bot.panel.faults.clear()
        bot.panel.shapes.switch_off()
        await bot.propose()
        waiting = [m for m in await moves(bot) if m.state is MoveState.PENDING]
        assert len(waiting) == 1
        assert why(waiting[0])[0] == ("assist-stopped" if end == "failed" else "auto-stopped")
        await bot.service.admin.set_mode("assist", ANNA)
        assert await bot.store.settings.with_prefix(FAILED_KEY) == []
        await bot.propose()
        await bot.carry_out()
        assert len(await own(bot)) == 2


async def test_a_dry_run_starts_nothing(tmp_path: Path) -> None:
    async with assist(tmp_path, dry_run=True) as bot:
        await bot.service.cycle.dry_run()
        await bot.carry_out()
        assert len(bot.posts()) == 1


async def test_two_people_win_over_assist(tmp_path: Path) -> None:
    file = tmp_path / "clusters.json"
    file.write_text(json.dumps({"clusters": {"Production": {"balance_mode": "assist"}}}))
    async with assist(tmp_path, balance_mode="approve", clusters_file=file, two_person_rule=True) as bot:
        await bot.propose()
        assert [m.state for m in await moves(bot)] == [MoveState.PENDING]
        with pytest.raises(ConfigError, match="TWO_PERSON_RULE"):
            await bot.service.admin.set_mode("assist", ANNA)


@pytest.mark.parametrize(
    ("general", "own_mode", "chosen", "starts"),
    [
        ("approve", "assist", None, True),
        ("auto", "approve", None, False),
        ("approve", "assist", "approve", False),
        ("approve", "auto", "assist", True),
        ("approve", None, None, False),
    ],
)
async def test_a_cluster_has_its_own_mode_and_a_chosen_mode_is_the_most(
    tmp_path: Path, general: str, own_mode: str | None, chosen: str | None, starts: bool
) -> None:
    file = tmp_path / "clusters.json"
    entry = {} if own_mode is None else {"balance_mode": own_mode}
    file.write_text(json.dumps({"clusters": {"Production": entry}}))
    async with assist(tmp_path, balance_mode=general, clusters_file=file) as bot:
        if chosen is not None:
            await bot.service.admin.set_mode(chosen, ANNA)
        await bot.propose()
        [move] = await moves(bot)
        assert (move.state is MoveState.APPROVED) is starts
        if chosen == "assist":
            assert move.decided_by == ASSIST_ACTOR


async def test_a_setting_cannot_switch_it_on_without_a_confirmation(tmp_path: Path) -> None:
    async with assist(tmp_path, balance_mode="approve") as bot:
        with pytest.raises(UnconfirmedMode):
            await bot.service.admin.set_value("BALANCE_MODE", "assist", ANNA)
        await bot.service.admin.set_mode("assist", ANNA)
        await bot.service.admin.set_value("BALANCE_MODE", "approve", ANNA)
        await bot.propose()
        assert [m.state for m in await moves(bot)] == [MoveState.PENDING]


async def test_reset_of_a_chosen_mode_cannot_free_the_mode_of_a_cluster_unconfirmed(tmp_path: Path) -> None:
    file = tmp_path / "clusters.json"
    file.write_text(json.dumps({"clusters": {"Production": {"balance_mode": "auto"}}}))
    async with assist(tmp_path, balance_mode="approve", clusters_file=file) as bot:
        await bot.service.admin.set_mode("approve", ANNA)
        with pytest.raises(UnconfirmedMode):
            await bot.service.admin.reset_value("BALANCE_MODE", ANNA)


async def test_a_move_that_somebody_looks_into_waits(tmp_path: Path) -> None:
    async with assist(tmp_path, hot_nodes(vm12={"tags": ["ask"]})) as bot:
        await bot.propose()
        [incident] = await bot.store.incidents.open_ones()
        await bot.service.decisions.look(incident.id, ANNA)
        bot.panel.world.set_vm(bot.panel.world.vms[12], tags=["other"])
        await bot.service.admin.set_mode("assist", ANNA)
        await bot.propose()
        [move] = await moves(bot)
        assert move.state is MoveState.PENDING
        assert why(move) == ["auto-looked-into"]
        bot.pass_time(3 * 3600)
        await bot.propose()
        assert [m.state for m in await moves(bot)] == [MoveState.APPROVED]


async def test_a_person_skips_what_asks(tmp_path: Path) -> None:
    async with assist(tmp_path, hot_nodes(vm12={"tags": ["ask"]})) as bot:
        await bot.propose()
        await bot.decide(12, verdict=Verdict.SKIP)
        await bot.propose()
        assert 12 not in {m.move.vm_id for m in await moves(bot) if m.state is not MoveState.SKIPPED}


async def test_tags_that_the_panel_leaves_out_make_the_cluster_ask(tmp_path: Path) -> None:
    async with assist(tmp_path, hot_nodes(vm12={"tags": ["ask"]})) as bot:
        await bot.propose()
        bot.panel.world.set_vm(bot.panel.world.vms[12], tags=[])
        await bot.propose()
        assert [why(m) for m in await moves(bot)] == [["protection-lost"]]


async def test_shadow_counts_what_would_have_started_by_itself(tmp_path: Path) -> None:
    given = {"auto_after_outcomes": 1, "migration_cooldown": 0}
    panel_of = running_panel(hot_nodes(vm13={"tags": ["ask"]}))
    async with panel_of as panel, bot_on(panel, tmp_path / "bot.db", **given) as bot:
        for _ in range(HOT):  # the first move: no outcome is known; the one of VM 13: it has the tag
            await bot.moved()
            bot.pass_time(600)
        await bot.service.shadow.due()
        assert await bot.service.shadow.last() is None, "the checks of less than a day say too little"
        bot.pass_time(24 * 3600)
        await bot.service.shadow.due()
        shadow = await bot.service.shadow.last()
        assert shadow is not None
        assert shadow.line() == (2, 2, 4)
        assert shadow.line([2]) is None
        summary = await bot.store.summaries.between(bot.clock.now - timedelta(days=1), bot.clock.now)
        assert summary.shadow == (2, 2, 4)
        bot.pass_time(3600)
        await bot.service.shadow.due()
        assert await bot.service.shadow.last() == shadow, "counted once a day"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"since": 1, "at": 2, "clusters": 3}', '{"clusters": {"x": [1]}}'])
def test_unreadable_shadow_counts_as_none(text: str) -> None:
    assert Shadow.of_text(text) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"tags": ["ask"]}, "has the tag ask"),
        ({"ram_mib": 9 * 1024}, "has 9216 MiB"),
    ],
)
async def test_chaos_auditor_notices_a_start_against_a_rule(
    tmp_path: Path, changes: dict[str, Any], words: str | None
) -> None:
    async with assist(tmp_path) as bot:
        await bot.service.admin.set_mode("assist", ANNA)
        await bot.propose()
        world = bot.panel.world
        world.set_vm(world.vms[12], **changes)
        [move] = await moves(bot)
        with closing(sqlite3.connect(bot.path)) as db:
            db.execute("UPDATE migration SET state = 'starting' WHERE move_id = ?", (move.id,))
            db.commit()
        offence = HarmlessGuard(bot.path, world, bot.clock)(world.vms[12], world.nodes[move.move.target_id])
        assert offence is None if words is None else words in (offence or "")
