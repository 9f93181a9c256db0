"""TWO_PERSON_RULE: two different people approve a move; one is enough to skip it."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bot_builders import ANNA, BORIS, LATER, NOW, cancelled_at, move_ids
from bot_fixture import BotFixture, bot_on, running_bot, running_panel
from stack import ANNA as ANNA_ID
from stack import BORIS as BORIS_ID
from stack import VERA as VERA_ID
from stack import Stack, button, buttons, running_stack, world

from balancer.model import Reason
from bot.cli import run
from bot.cli.arguments import OPTIONS
from bot.config.loading import find_settings
from bot.config.settings import Settings
from bot.config.validation import check_people
from bot.domain.proposals import Actor, ActorKind, MigrationState, MoveState, Verdict, same_person
from bot.errors import ConfigError
from bot.rendering.catalog import texts_for
from bot.rendering.export import history_rows
from bot.service.local_actor import at_the_terminal
from bot.service.remote_requests import RemoteRequests
from bot.store.store import Store

APPROVE, SKIP = Verdict.APPROVE, Verdict.SKIP
ROOT_USER = Actor(ActorKind.TERMINAL, "root")


def everybody(_actor: Actor, _cluster: int, _name: str) -> bool:
    return True


def nobody(_actor: Actor, _cluster: int, _name: str) -> bool:
    return False


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    result = Store(tmp_path / "bot.db")
    await result.open()
    yield result
    await result.close()


@pytest.fixture
async def fixture(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(
        tmp_path, two_person_rule=True, telegram_admin_ids="1001,1002", max_migrations_per_cycle=2
    ) as result:
        yield result


# The same person -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (ANNA, Actor(ActorKind.TELEGRAM, "Renamed", 1001), True),
        (ANNA, Actor(ActorKind.TELEGRAM, "Anna", 1002), False),
        (ROOT_USER, Actor(ActorKind.CODE, " Root "), True),
        (ROOT_USER, Actor(ActorKind.TERMINAL, "anna"), False),
        (ANNA, Actor(ActorKind.TERMINAL, "Anna"), False),
    ],
)
def test_person_is_the_telegram_id_or_the_local_user_name(one: Actor, other: Actor, same: bool) -> None:
    assert same_person(one, other) is same
    assert same_person(other, one) is same


def test_environment_cannot_change_the_user_at_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    before = at_the_terminal()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert at_the_terminal() == before


# The store -------------------------------------------------------------------------------------------


async def test_first_approval_waits_and_second_decides(store: Store) -> None:
    [move_id] = await move_ids(store, 1)
    [first] = await store.decisions.decide([move_id], APPROVE, ANNA, NOW, counts=everybody)
    assert (first.done, first.noted, first.again) == (False, True, False)
    assert first.move.state is MoveState.PENDING
    assert first.move.first is not None and (first.move.first.by, first.move.first.at) == (ANNA, NOW)
    assert await store.migrations.in_states(tuple(MigrationState)) == []
    [again] = await store.decisions.decide([move_id], APPROVE, ANNA, NOW, counts=everybody)
    assert (again.done, again.noted, again.again) == (False, False, True)
    [second] = await store.decisions.decide([move_id], APPROVE, BORIS, NOW, counts=everybody)
    assert (second.done, second.move.state, second.move.decided_by) == (True, MoveState.APPROVED, BORIS)
    [late] = await store.decisions.decide([move_id], APPROVE, ANNA, NOW, counts=everybody)
    assert (late.done, late.noted, late.again) == (False, False, False)
    assert len(await store.migrations.in_states((MigrationState.QUEUED,))) == 1
    trail = [(e.event, e.by.name) for e in reversed(await store.audit.entries())]
    assert trail[-3:] == [("first-approval", "Anna"), ("seconded", "Boris"), ("approved", "Boris")]
    assert (await store.audit.verify()).problems == ()


async def test_one_person_can_skip(store: Store) -> None:
    [move_id] = await move_ids(store, 1)
    await store.decisions.decide([move_id], APPROVE, ANNA, NOW, counts=everybody)
    [skipped] = await store.decisions.decide([move_id], SKIP, ANNA, NOW, counts=everybody)
    assert (skipped.done, skipped.move.state) == (True, MoveState.SKIPPED)


async def test_a_first_approval_does_not_outlive_the_proposal(store: Store) -> None:
    [move_id] = await move_ids(store, 1)
    await store.decisions.decide([move_id], APPROVE, ANNA, NOW, counts=everybody)
    [late] = await store.decisions.decide([move_id], APPROVE, BORIS, LATER, counts=everybody)
    assert not (late.done or late.noted or late.again)
    await store.proposals.expire_due(LATER)
    [over] = await store.decisions.decide([move_id], APPROVE, BORIS, NOW, counts=everybody)
    assert not over.done and over.move.state is MoveState.EXPIRED
    assert await store.decisions.first_approvals() == {}


async def test_approval_of_a_former_admin_does_not_count(store: Store) -> None:
    [move_id] = await move_ids(store, 1)
    await store.decisions.decide([move_id], APPROVE, ANNA, NOW, counts=everybody)
    [instead] = await store.decisions.decide([move_id], APPROVE, BORIS, NOW, counts=nobody)
    assert instead.noted and not instead.done
    assert instead.move.first is not None and instead.move.first.by == BORIS


async def test_approve_all_advances_each_move_as_far_as_possible(store: Store) -> None:
    ids = await move_ids(store, 1, 2, 3)
    await store.decisions.decide(ids[:1], APPROVE, ANNA, NOW, counts=everybody)
    await store.decisions.decide(ids[1:2], APPROVE, BORIS, NOW, counts=everybody)
    results = await store.decisions.decide(ids, APPROVE, ANNA, NOW, counts=everybody)
    assert [(r.done, r.noted, r.again) for r in results] == [
        (False, False, True),
        (True, False, False),
        (False, True, False),
    ]


async def test_simultaneous_approvals_of_two_people_count_as_two(store: Store, tmp_path: Path) -> None:
    [move_id] = await move_ids(store, 1)
    other = Store(tmp_path / "bot.db")
    await other.open()
    try:
        people = [ANNA, BORIS, ANNA, BORIS]
        stores = [store, other, other, store]
        result = await asyncio.gather(
            *(
                s.decisions.decide([move_id], APPROVE, who, NOW, counts=everybody)
                for s, who in zip(stores, people, strict=True)
            )
        )
    finally:
        await other.close()
    results = [r for [r] in result]
    assert sum(r.noted for r in results) == 1 and sum(r.done for r in results) == 1
    assert len(await store.migrations.in_states((MigrationState.QUEUED,))) == 1


async def test_interrupted_press_is_stored_fully_or_leaves_no_trace(store: Store) -> None:
    ids = await move_ids(store, *range(1, 41))
    for number, move_id in enumerate(ids, start=1):
        await store.decisions.decide([move_id], APPROVE, ANNA, NOW, counts=everybody)
        if not await cancelled_at(store.decisions.decide([move_id], APPROVE, BORIS, NOW, counts=everybody), number):
            break
        new_move = await store.proposals.move(move_id)
        assert new_move is not None
        decided = new_move[1].state is MoveState.APPROVED
        assert decided == (new_move[1].migration is not None) == (new_move[1].decided_by is not None)
    else:
        raise AssertionError("more waits than moves: the walk did not get to the end")


async def test_history_names_both_people(store: Store) -> None:
    [move_id] = await move_ids(store, 1)
    await store.decisions.decide([move_id], APPROVE, ANNA, NOW, counts=everybody)
    await store.decisions.decide([move_id], APPROVE, BORIS, NOW, counts=everybody)
    [row] = history_rows(await store.decisions.history(10), texts_for("en"))
    assert (row["by"], row["by_id"], row["first_by"], row["first_by_id"]) == ("Boris", 1002, "Anna", 1001)


async def test_first_approvals_are_deleted_with_their_proposals(store: Store, tmp_path: Path) -> None:
    [move_id] = await move_ids(store, 1)
    await store.decisions.decide([move_id], APPROVE, ANNA, NOW, counts=everybody)
    await store.proposals.expire_due(LATER)
    await store.incidents.end_of_others([], Reason.of("cluster-not-checked"), NOW)
    assert await store.retention.forget_before(LATER, LATER) == 1
    with sqlite3.connect(tmp_path / "bot.db") as db:
        assert db.execute("SELECT count(*) FROM first_approval").fetchone() == (0,)
    db.close()


# The service -----------------------------------------------------------------------------------------


async def pending(fixture: BotFixture) -> list[int]:
    return [m.id for p in await fixture.store.proposals.waiting() for m in p.pending]


async def test_nothing_moves_before_the_second_approval(fixture: BotFixture) -> None:
    fixture.start()
    await fixture.propose()
    ids = await pending(fixture)
    shown = len(fixture.notifier.changed)
    await fixture.service.decisions.decide(ids, APPROVE, ANNA)
    assert len(fixture.notifier.changed) == shown + 1, "the message is to show the first approval"
    await fixture.service.decisions.decide(ids, APPROVE, ANNA)
    assert await fixture.executor.idle() and fixture.posts() == []
    await fixture.service.decisions.decide(ids, APPROVE, BORIS)
    await fixture.carry_out()
    assert sorted(fixture.posts()) == [(11, 2), (12, 2)]


async def test_same_plan_keeps_a_first_approval_and_another_plan_drops_it(fixture: BotFixture) -> None:
    await fixture.propose()
    ids = await pending(fixture)
    await fixture.service.decisions.decide(ids, APPROVE, ANNA)
    await fixture.propose()
    assert await pending(fixture) == ids
    fixture.panel.world.set_vm(fixture.panel.world.vms[11], iso_mounted=True)
    await fixture.propose()
    new = await pending(fixture)
    assert new and not set(new) & set(ids)
    assert await fixture.store.decisions.first_approvals() == {}


async def test_removed_role_removes_the_first_approval(tmp_path: Path) -> None:
    given = {"two_person_rule": True, "max_migrations_per_cycle": 1}
    async with running_bot(tmp_path, telegram_admin_ids="1001,1002", **given) as fixture:
        await fixture.propose()
        ids = await pending(fixture)
        await fixture.service.decisions.decide(ids, APPROVE, ANNA)
    async with running_bot(tmp_path, telegram_admin_ids="1002,1003", **given) as fixture:
        [result] = await fixture.service.decisions.decide(ids, APPROVE, BORIS)
        assert result.noted and not result.done
        [result] = await fixture.service.decisions.decide(ids, APPROVE, Actor(ActorKind.TELEGRAM, "Vera", 1003))
        assert result.done


@pytest.mark.parametrize("cluster", ["Production", "1"])
async def test_a_first_approver_counts_only_in_clusters_where_they_decide(tmp_path: Path, cluster: str) -> None:
    chats = tmp_path / "chats.json"
    vera = Actor(ActorKind.TELEGRAM, "Vera", 1003)
    given = {"two_person_rule": True, "max_migrations_per_cycle": 1, "chats_file": chats}

    def write(admins: list[int]) -> None:
        here = {"id": -1001, "clusters": [cluster], "admins": admins}
        chats.write_text(json.dumps({"chats": [here, {"id": -1002, "clusters": ["Elsewhere"], "admins": [1003]}]}))

    write([1001, 1002, 1003])
    async with running_bot(tmp_path, **given) as fixture:
        await fixture.propose()
        ids = await pending(fixture)
        [result] = await fixture.service.decisions.decide(ids, APPROVE, vera)
        assert result.noted
    write([1001, 1002])  # Vera is an admin of the other chat only
    async with running_bot(tmp_path, **given) as fixture:
        [result] = await fixture.service.decisions.decide(ids, APPROVE, ANNA)
        assert result.noted and not result.done
        [result] = await fixture.service.decisions.decide(ids, APPROVE, BORIS)
        assert result.done


async def test_two_person_rule_forbids_automatic_mode(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        await fixture.service.admin.set_mode("auto", ANNA)
    async with running_bot(tmp_path, two_person_rule=True) as fixture:
        assert await fixture.service.runtime.mode() == "approve", "what was set before the rule"
        with pytest.raises(ConfigError, match="TWO_PERSON_RULE is true: in mode assist or auto"):
            await fixture.service.admin.set_mode("auto", ANNA)
        await fixture.propose()
        assert await pending(fixture) and fixture.posts() == []


async def test_what_automatic_mode_had_queued_is_not_started_under_the_rule(tmp_path: Path) -> None:
    async with running_bot(tmp_path, balance_mode="auto") as fixture:
        await fixture.propose()
        assert await fixture.in_state(MigrationState.QUEUED)
    async with running_bot(tmp_path, two_person_rule=True) as fixture:
        await fixture.carry_out()
        assert (await fixture.migration()).state is MigrationState.STALE and fixture.posts() == []


async def test_a_first_approval_from_a_console_is_shown_by_the_program_that_runs(fixture: BotFixture) -> None:
    await fixture.propose()
    [proposal] = await fixture.store.proposals.waiting()
    watch = RemoteRequests(fixture.store, fixture.service, fixture.notifier)
    await watch.begin()
    other = Store(fixture.path)
    await other.open()
    try:
        await other.decisions.decide([proposal.moves[0].id], APPROVE, ROOT_USER, fixture.clock(), counts=everybody)
    finally:
        await other.close()
    fixture.notifier.changed.clear()
    await watch.look()
    assert fixture.notifier.changed == [proposal.id]
    fixture.notifier.changed.clear()
    await watch.look()
    assert fixture.notifier.changed == []


# Settings --------------------------------------------------------------------------------------------


def problems_of(**given: object) -> str:
    return " ".join(p.text for p in check_people(Settings(**given)))  # type: ignore[arg-type]


def test_automatic_mode_with_the_two_person_rule_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for mode in ("assist", "auto"):
        assert "both cannot be on" in problems_of(two_person_rule=True, balance_mode=mode)
    assert problems_of(two_person_rule=True) == problems_of(balance_mode="auto") == ""
    monkeypatch.chdir(tmp_path)
    settings_file = find_settings({"two_person_rule": "true", "balance_mode": "auto"}, options=OPTIONS)
    assert any("BALANCE_MODE=auto (--balance-mode)" in p for p in settings_file.problems)


def test_yes_option_counts_as_one_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--once", "--yes", "--two-person-rule", "--host", "panel", "--username", "u", "--password", "secret"]
    with pytest.raises(ConfigError, match="one person cannot approve"):
        run.run(words)


def test_a_rule_that_one_admin_cannot_fulfil_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = {
        "vmmanager_host": "https://panel.example.com",
        "vmmanager_username": "admin",
        "vmmanager_password": "secret",
        "telegram_bot_token": "123456:ABCDEF",
        "telegram_chat_id": "1001",
        "two_person_rule": "true",
    }
    assert any("names only 1" in n for n in find_settings(given).settings.notes)
    two = find_settings({**given, "telegram_admin_ids": "1001,1002"})
    assert not two.problems and two.settings.notes == ()


# The chat --------------------------------------------------------------------------------------------


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path, world(), migration_s=1, task_row_delay_s=0.1) as running:
        running.settings["TWO_PERSON_RULE"] = "true"
        yield running


async def test_two_admins_approve_in_the_chat(stack: Stack) -> None:
    stack.start_program(MAX_MIGRATIONS_PER_CYCLE="2")
    report = await stack.message("small-a", "small-b", buttons=True)
    first = button(report, "✅ 1")
    assert await stack.press(report, first) == "Noted: small-a goes to cool once another person approves too."
    shown = await stack.message("Anna Admin approved, one more person is needed", buttons=True)
    assert shown["message_id"] == report["message_id"] and first in buttons(shown).values()
    assert "another person has to approve" in await stack.press(report, first)
    assert "may look" in await stack.press(report, first, VERA_ID)
    assert await stack.starts() == []
    words = await stack.press(report, buttons(report)["✅ Approve all 2"], BORIS_ID)
    assert words == "Approved: 1. Another person has to approve too: 1."
    await stack.message("approved by Anna Admin, Boris", "Boris Backup approved, one more", "done in")
    assert await stack.starts() == [(11, 2)]
    assert "TWO_PERSON_RULE is on" in await stack.ask("/mode auto")
    assert "Approve mode" in await stack.ask("/mode")
    assert (
        await stack.press(report, buttons(report)["⏭ Skip 2"])
        == "Skipped: small-b stays. It is not proposed again for 6 h."
    )
    await stack.message("skipped by Anna Admin")
    assert await stack.starts() == [(11, 2)]


async def test_a_first_approval_survives_a_restart_but_not_the_role(stack: Stack) -> None:
    bot = stack.start_bot()
    report = await stack.message("small-a", buttons=True)
    data = button(report, "✅ Approve 1")
    await stack.press(report, data)
    await stack.message("Anna Admin approved, one more")
    bot.send(signal.SIGKILL)
    await bot.ended()
    bot = stack.start_bot()
    assert "another person has to approve" in await stack.press(report, data, wait=30)
    bot.send(signal.SIGKILL)
    await bot.ended()
    stack.start_program(TELEGRAM_ADMIN_IDS=f"{BORIS_ID},{VERA_ID}", TELEGRAM_VIEWER_IDS=str(ANNA_ID))
    assert await stack.press(report, data, wait=30) == "You may look, but not decide."
    assert (await stack.press(report, data, BORIS_ID)).startswith("Noted:")
    assert await stack.starts() == []
    assert (await stack.press(report, data, VERA_ID)).startswith("Approved:")
    await stack.message("done in")
    assert await stack.starts() == [(11, 2)]


async def test_the_audit_says_who_approved_when(stack: Stack) -> None:
    stack.start_program()
    report = await stack.message("small-a", buttons=True)
    data = button(report, "✅ Approve 1")
    await stack.press(report, data, BORIS_ID)
    await stack.press(report, data, ANNA_ID)
    with sqlite3.connect(stack.folder / "bot.db") as db:
        rows = db.execute("SELECT event, by_id, detail FROM audit WHERE by_kind = 'telegram' ORDER BY id").fetchall()
    db.close()
    assert [row[:2] for row in rows] == [("first-approval", BORIS_ID), ("seconded", ANNA_ID), ("approved", ANNA_ID)]
    assert json.loads(rows[1][2])["after"] == ["Boris Backup"]


async def test_approval_of_one_person_from_before_the_rule_asks_for_another_person(tmp_path: Path) -> None:
    async with running_panel() as panel:
        async with bot_on(panel, tmp_path / "bot.db") as before:
            await before.propose()
            await before.decide()
        rule = {"two_person_rule": True, "telegram_admin_ids": "1001,1002"}
        async with bot_on(panel, tmp_path / "bot.db", **rule) as after:
            after.start()
            after.service.work.set()

            async def asked() -> bool:
                return any(p.pending for p in await after.store.proposals.waiting())

            await after.reached(asked)
            [proposal] = await after.store.proposals.waiting()
            first = proposal.pending[0].first
            assert first is not None and first.by == ANNA and after.posts() == []
            ids = [m.id for m in proposal.pending]
            [again] = await after.service.decisions.decide(ids[:1], APPROVE, ANNA)
            assert not again.done and again.again
            [second] = await after.service.decisions.decide(ids[:1], APPROVE, BORIS)
            assert second.done
            await after.carry_out()
            assert len(after.posts()) == 1
            assert (await after.store.audit.verify()).problems == ()


async def test_approvals_of_two_persons_are_carried_out_after_a_restart(tmp_path: Path) -> None:
    rule = {"two_person_rule": True, "telegram_admin_ids": "1001,1002"}
    async with running_panel() as panel:
        async with bot_on(panel, tmp_path / "bot.db", **rule) as before:
            await before.propose()
            ids = [m.id for p in await before.store.proposals.waiting() for m in p.pending][:1]
            for person in (ANNA, BORIS):
                await before.service.decisions.decide(ids, APPROVE, person)
        async with bot_on(panel, tmp_path / "bot.db", **rule) as after:
            await after.carry_out()
            assert len(after.posts()) == 1
