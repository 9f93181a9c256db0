"""Stopping a running migration: who may do it, that it is sent once, and that the VM's node decides the outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA, BORIS, until
from bot_fixture import BotFixture, hot_clusters, running_bot
from chat_fixture import ANNA as ANNA_ID
from chat_fixture import BORIS as BORIS_ID
from chat_fixture import GROUP, ChatFixture, running
from test_views import HOSTILE, NOW, with_migration

from bot.app.program import VMBalancer
from bot.cli.abort import abort
from bot.domain.aborts import QUESTIONS, Abort, AbortState
from bot.domain.proposals import Actor, ActorKind, Migration, MigrationState, Verdict
from bot.errors import DryRunError
from bot.rendering.aborts import abort_line, abort_words, question_words
from bot.rendering.catalog import LANGUAGES, texts_for
from bot.service.aborts import AbortKind, AbortResult
from sandbox.chat.model import Message

S = MigrationState
SECOND = timedelta(seconds=1.5)
"""Longer than a double tap."""


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path, allow_abort=True, panel={"migration_s": 300}, migration_timeout=900) as fixture:
        yield fixture


async def under_way(bot: BotFixture) -> Migration:
    """A migration that runs, with its task in the panel's lists. Time stands until ``ended`` is awaited."""
    await bot.propose()
    await bot.decide()
    bot.start()

    async def known() -> bool:
        bot.time_stands = any(m.state is S.RUNNING and m.task_id is not None for m in await bot.migrations())
        return bot.time_stands

    await bot.reached(known)
    return next(m for m in await bot.migrations() if m.state is S.RUNNING)


async def ended(bot: BotFixture, migration: Migration) -> Migration:
    bot.time_stands = False

    async def over() -> bool:
        row = await bot.store.migrations.get(migration.id)
        return row is not None and row.state not in (S.STARTING, S.RUNNING)

    await bot.reached(over)
    row = await bot.store.migrations.get(migration.id)
    assert row is not None
    return row


async def stop(bot: BotFixture, migration: Migration, actor: Any = ANNA) -> AbortResult:
    return await bot.service.aborts.abort(migration, actor, confirmed=QUESTIONS)


def posts(bot: BotFixture) -> list[str]:
    return [row["path"] for row in bot.panel.requests.since(0, "/vm/v3/task", "POST")]


def code(migration: Migration) -> str | None:
    return None if migration.reason is None else migration.reason.code


async def audited(bot: BotFixture) -> list[str]:
    return [str(e.detail["state"]) for e in reversed(await bot.store.audit.entries("abort"))]


# One person -----------------------------------------------------------------------------------------


async def test_stop_asks_twice_and_sends_one_request(bot: BotFixture) -> None:
    migration = await under_way(bot)
    for confirmed in range(QUESTIONS):
        result = await bot.service.aborts.abort(migration, ANNA, confirmed=confirmed)
        assert (result.kind, result.number) == (AbortKind.QUESTION, confirmed + 1)
    assert posts(bot) == [] and await bot.store.aborts.of([migration.id]) == {}
    assert (await stop(bot, migration)).kind is AbortKind.ACCEPTED
    assert posts(bot) == [f"/vm/v3/task/{migration.task_id}/abort"]
    row = await ended(bot, migration)
    assert (row.state, code(row)) == (S.FAILED, "aborted") and row.reason is not None
    assert row.reason.as_dict() == {"who": "Anna"} and bot.node_of(row.move.vm_id) == row.move.source_id
    assert await audited(bot) == ["sent", "accepted"]
    assert len(bot.posts()) == 1, "nothing is started because of it"


async def test_vm_is_watched_for_a_while_after_its_task_is_over(bot: BotFixture) -> None:
    migration = await under_way(bot)
    await stop(bot, migration)
    aborted_at = bot.clock()
    row = await ended(bot, migration)
    assert row.finished_at is not None and (row.finished_at - aborted_at).total_seconds() >= 60
    assert row.sighting is not None and row.sighting.task_words[-1] == "failed", "the first one is kept in detail"
    assert await bot.store.aborts.proven()


async def test_vm_that_arrives_in_spite_of_the_stop_has_arrived(bot: BotFixture) -> None:
    bot.fault("abort_ignored")
    migration = await under_way(bot)
    assert (await stop(bot, migration)).kind is AbortKind.ACCEPTED
    row = await ended(bot, migration)
    assert (row.state, row.reason) == (S.SUCCEEDED, None) and bot.node_of(row.move.vm_id) == row.move.target_id
    assert not await bot.store.aborts.proven(), "nobody has seen yet what a stop does here"


async def test_vm_restarted_by_the_stop_is_reported_and_holds_automatic_mode(bot: BotFixture) -> None:
    bot.fault("abort_restarts")
    migration = await under_way(bot)
    await stop(bot, migration)
    row = await ended(bot, migration)
    assert (row.state, code(row)) == (S.FAILED, "aborted-restarted")
    assert await bot.service.restarts.stopped([1]) == {1: row.move.vm_name}
    assert not await bot.store.aborts.proven()


@pytest.mark.parametrize("status", [403, 404, 409])
async def test_refused_stop_changes_nothing_and_can_be_asked_again(bot: BotFixture, status: int) -> None:
    bot.fault("abort_refused", count=1, status=status)
    migration = await under_way(bot)
    result = await stop(bot, migration)
    assert result.kind is AbortKind.REFUSED and "cannot be aborted" in result.problem
    assert (await bot.store.aborts.of([migration.id]))[migration.id].state is AbortState.REFUSED
    assert (await stop(bot, migration)).kind is AbortKind.ACCEPTED
    assert len(posts(bot)) == 2 and code(await ended(bot, migration)) == "aborted"


async def test_refused_stop_leaves_the_migration_to_its_own_end(bot: BotFixture) -> None:
    bot.fault("abort_refused")
    migration = await under_way(bot)
    await stop(bot, migration)
    assert (await ended(bot, migration)).state is S.SUCCEEDED


async def test_lost_answer_is_not_sent_again(bot: BotFixture) -> None:
    bot.fault("drop_after", path="/vm/v3/task", method="POST", count=1)
    migration = await under_way(bot)
    assert (await stop(bot, migration)).kind is AbortKind.UNCLEAR
    again = await stop(bot, migration, BORIS)
    assert again.kind is AbortKind.ALREADY and again.earlier is not None and again.earlier.by == ANNA
    assert len(posts(bot)) == 1 and code(await ended(bot, migration)) == "aborted"


async def test_migration_that_ended_while_a_person_was_asked_is_not_stopped(bot: BotFixture) -> None:
    migration = await under_way(bot)
    assert (await bot.service.aborts.abort(migration, ANNA)).kind is AbortKind.QUESTION
    bot.pass_time(400)  # the panel has finished; the program has not looked yet
    assert (await stop(bot, migration)).kind is AbortKind.OVER
    assert (await ended(bot, migration)).state is S.SUCCEEDED
    assert (await stop(bot, migration)).kind is AbortKind.OVER and posts(bot) == []


async def test_panel_that_cannot_be_asked_is_sent_nothing(bot: BotFixture) -> None:
    migration = await under_way(bot)
    bot.fault("drop")
    assert (await stop(bot, migration)).kind is AbortKind.UNSEEN
    bot.panel.faults.clear("drop")
    assert posts(bot) == [] and await bot.store.aborts.of([migration.id]) == {}


async def test_presses_at_once_send_one_request(bot: BotFixture) -> None:
    migration = await under_way(bot)
    results = await asyncio.gather(*(stop(bot, migration, actor) for actor in (ANNA, BORIS) * 5))
    assert sorted(r.kind.value for r in results) == ["accepted", *["already"] * 9]
    assert len(posts(bot)) == 1


async def test_stop_goes_on_after_a_crash_between_record_and_answer(bot: BotFixture) -> None:
    """A request that is recorded as sent may have been sent: it is not sent again, and the VM's node decides."""
    migration = await under_way(bot)
    await bot.store.aborts.begin(migration.id, ANNA, bot.clock(), two_persons=False)
    assert (await stop(bot, migration)).kind is AbortKind.ALREADY
    assert (await ended(bot, migration)).state is S.SUCCEEDED and posts(bot) == []


# Who may --------------------------------------------------------------------------------------------


async def test_stop_is_off_by_default(tmp_path: Path) -> None:
    async with running_bot(tmp_path, panel={"migration_s": 300}, migration_timeout=900) as bot:
        migration = await under_way(bot)
        assert (await stop(bot, migration)).kind is AbortKind.OFF and posts(bot) == []
        await ended(bot, migration)


async def test_dry_run_stops_nothing(tmp_path: Path) -> None:
    async with running_bot(tmp_path, allow_abort=True, dry_run=True) as bot:
        [plan] = await bot.service.queries.plans()
        migration = Migration(1, 1, 1, 1, plan.moves[0], S.RUNNING, bot.clock(), bot.clock(), None, 7, 8)
        with pytest.raises(DryRunError):
            await stop(bot, migration)
        assert posts(bot) == []


async def test_two_person_rule_needs_two_persons_within_ten_minutes(tmp_path: Path) -> None:
    async with running_bot(
        tmp_path, allow_abort=True, two_person_rule=True, panel={"migration_s": 3000}, migration_timeout=9000
    ) as bot:
        await bot.propose()
        for actor in (Actor(ActorKind.TERMINAL, "one"), Actor(ActorKind.TERMINAL, "two")):
            [proposal] = await bot.store.proposals.waiting()
            await bot.service.decisions.decide([m.id for m in proposal.pending], Verdict.APPROVE, actor)
        bot.start()

        async def known() -> bool:
            bot.time_stands = any(m.state is S.RUNNING and m.task_id for m in await bot.migrations())
            return bot.time_stands

        await bot.reached(known)
        migration = next(m for m in await bot.migrations() if m.state is S.RUNNING)
        assert (await stop(bot, migration)).kind is AbortKind.NOTED
        assert (await stop(bot, migration)).kind is AbortKind.SAME_PERSON
        bot.clock.advance(601)
        assert (await stop(bot, migration, BORIS)).kind is AbortKind.NOTED, "the first one counts no more"
        assert posts(bot) == []
        assert (await stop(bot, migration)).kind is AbortKind.ACCEPTED and len(posts(bot)) == 1
        await ended(bot, migration)


async def test_second_stop_waits_until_the_first_on_a_panel_is_over(tmp_path: Path) -> None:
    async with running_bot(
        *(tmp_path, hot_clusters(2)),
        allow_abort=True,
        max_parallel_migrations=2,
        panel={"migration_s": 300},
        migration_timeout=900,
    ) as bot:
        await bot.propose()
        await bot.decide()
        bot.start()

        async def both() -> bool:
            found = [m for m in await bot.migrations() if m.state is S.RUNNING and m.task_id is not None]
            bot.time_stands = len(found) == 2
            return bot.time_stands

        await bot.reached(both)
        one, two = await bot.migrations()
        assert (await stop(bot, one)).kind is AbortKind.ACCEPTED
        assert (await stop(bot, two)).kind is AbortKind.FIRST_RUNS and len(posts(bot)) == 1
        await ended(bot, one)
        bot.time_stands = True
        if (await bot.store.migrations.get(two.id)).state is S.RUNNING:  # type: ignore[union-attr]
            assert (await stop(bot, two)).kind is AbortKind.ACCEPTED
        await ended(bot, two)


# The chat -------------------------------------------------------------------------------------------


async def _running_in_chat(fixture: ChatFixture) -> Message:
    await fixture.start(timezone="UTC", task_poll_interval=0.2)
    report = await fixture.message("1. small-a", buttons=True)
    await fixture.pressed(report, "Approve 1")
    await fixture.until(lambda: any("Stop" in b["text"] for row in report.content.keyboard or [] for b in row))

    async def known() -> bool:
        return any(m.task_id is not None for m in await fixture.store.migrations.in_states((S.RUNNING,)))

    await until(known, "the task is known")
    return report


async def test_button_asks_twice_and_the_message_says_what_came_of_it(tmp_path: Path) -> None:
    async with running(tmp_path, panel={"migration_s": 1e6}, allow_abort=True, migration_timeout=86_400) as fixture:
        report = await _running_in_chat(fixture)
        assert "Press again" in await fixture.pressed(report, "Stop 1")
        fixture.clock.now += SECOND
        assert "third time" in await fixture.pressed(report, "Stop 1")
        fixture.clock.now += SECOND
        assert "asked to stop" in await fixture.pressed(report, "Stop 1")
        await fixture.until(lambda: "⏹ Anna Admin asked the panel to stop small-a" in report.content.text)
        assert not any("Stop" in b["text"] for row in report.content.keyboard or [] for b in row)

        def stopped() -> bool:
            fixture.clock.now += SECOND  # the VM is watched for a minute
            return "stopped by Anna Admin" in report.content.text

        await fixture.until(stopped)
        assert fixture.panel.world.vms[11].node == 1


async def test_double_tap_answers_no_question(tmp_path: Path) -> None:
    async with running(tmp_path, panel={"migration_s": 1e6}, allow_abort=True, migration_timeout=86_400) as fixture:
        report = await _running_in_chat(fixture)
        for _ in range(4):
            assert "Press again" in await fixture.pressed(report, "Stop 1")
        fixture.clock.now += 2 * 60 * SECOND
        assert "Press again" in await fixture.pressed(report, "Stop 1"), "the question is too old"


@pytest.mark.parametrize(("command", "button"), [("/drain mild", "Empty"), ("/fill cool", "Fill")])
async def test_message_of_a_drain_and_of_a_fill_stops_one_migration(tmp_path: Path, command: str, button: str) -> None:
    given: dict[str, Any] = {"allow_abort": True, "migration_timeout": 86_400}
    async with running(tmp_path, panel={"migration_s": 1e6}, **given) as fixture:
        await fixture.start(timezone="UTC")
        fixture.chat.state.write(GROUP, ANNA_ID, command)
        plan = await fixture.message(command.split()[1], buttons=True)
        await fixture.pressed(plan, button)

        def stop_buttons() -> list[str]:
            labels = [b["text"] for row in report.content.keyboard or [] for b in row]
            return [label for label in labels if label.startswith("⏹ Stop ")]

        report = await fixture.message("▶️ ", " left", buttons=True)
        await fixture.until(stop_buttons)
        [stop] = stop_buttons()

        async def known() -> bool:
            return any(m.task_id is not None for m in await fixture.store.migrations.in_states((S.RUNNING,)))

        await until(known, "the task is known")
        for words in ("Press again", "third time", "asked to stop"):
            assert words in await fixture.pressed(report, stop)
            fixture.clock.now += SECOND
        await fixture.until(lambda: "⏹ Anna Admin asked the panel to stop" in report.content.text)
        assert stop_buttons() == []
        assert len(fixture.panel.requests.since(0, "/vm/v3/task", "POST")) == 1


async def test_viewer_cannot_stop_and_without_the_setting_there_is_no_button(tmp_path: Path) -> None:
    async with running(
        *(tmp_path,),
        panel={"migration_s": 1e6},
        allow_abort=True,
        migration_timeout=86_400,
        telegram_admin_ids=(1001,),
        telegram_viewer_ids=(BORIS_ID,),
    ) as fixture:
        report = await _running_in_chat(fixture)
        assert "Press again" not in await fixture.pressed(report, "Stop 1", BORIS_ID)
        await fixture.stop()
        await fixture.start(allow_abort=False)
        await fixture.until(lambda: not any("Stop" in b["text"] for r in report.content.keyboard or [] for b in r))


# The terminal ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("answers", "sent"), [(["yes", "y"], 1), (["y", "no"], 0), (["да", ""], 0), ([], 0)])
async def test_command_asks_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answers: list[str], sent: int
) -> None:
    async with running_bot(tmp_path, allow_abort=True, panel={"migration_s": 300}, migration_timeout=900) as bot:
        migration = await under_way(bot)
        typed = iter(answers)

        async def ask(_question: str) -> str:
            try:
                return next(typed)
            except StopIteration:
                raise EOFError from None

        beside = VMBalancer(
            settings=bot.settings.model_copy(update={"database_path": bot.path, "telegram_notifications": False}),
            exclusive=False,
        )
        async with beside:
            code_of_exit = await abort(beside, migration.move.vm_name.upper(), ask)
            assert await abort(beside, "nobody", ask) == 1
        assert code_of_exit == 0 and len(posts(bot)) == sent
        said = capsys.readouterr().out
        assert (
            "was asked to stop" if sent else "Nothing was stopped"
        ) in said and "No running migration matches nobody" in said
        await ended(bot, migration)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(AbortKind))
def test_every_answer_fits_a_popup(language: str, kind: AbortKind) -> None:
    move = with_migration(S.RUNNING).moves[0].move
    move = replace(move, vm_name=HOSTILE, source_name=HOSTILE)
    texts = texts_for(language)
    if kind is AbortKind.QUESTION:
        answers = [question_words(texts, number, move, 60) for number in (1, 2)]
    else:
        answers = [abort_words(texts, kind.value, move, problem=HOSTILE * 9, who=HOSTILE)]
    for words in answers:
        assert 0 < len(words) <= 200 and "{" not in words and "abort-" not in words and "\x1b" not in words


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", list(AbortState))
def test_every_state_has_a_line(language: str, state: AbortState) -> None:
    line = abort_line(texts_for(language), HOSTILE, Abort(1, state, NOW, ANNA, HOSTILE))
    assert "Anna" in line and "\x1b" not in line and "{" not in line
