"""A spoilt row of a campaign: the campaign pauses, its closed node stays closed, and people are told once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from bot_builders import ANNA
from bot_fixture import BotFixture, running_bot
from test_campaigns import PEOPLE, WORLD, campaign_of, closed, started, states, steps

from balancer.model import Reason
from bot.domain.campaigns import REST, CampaignState, Press
from bot.errors import StoreError

UNREADABLE = Reason.of("unreadable")
SPOILT_CAMPAIGNS = ("state", "by_kind", "created_at", "starts_at", "ends_at", "approved", "reason")
SPOILT_NODES = ("state", "since", "emptied_at", "reason", "command")


def spoil(bot: BotFixture, statement: str) -> None:
    with closing(sqlite3.connect(bot.store.path)) as db:
        db.execute(statement)
        db.commit()


async def set_aside(bot: BotFixture) -> list[tuple[str, int]]:
    """What `db repair` and the next check do, after `db check` found the same rows."""
    named = [row.summary for row in await bot.store.unreadable.find()]
    found = await bot.store.unreadable.set_aside(bot.clock())
    assert await bot.store.unreadable.set_aside(bot.clock()) == [], "told twice"
    assert [row.summary for row in found] == named
    assert await bot.store.unreadable.find() == []
    return [(row.place, row.row_id) for row in found]


@pytest.mark.parametrize("column", SPOILT_CAMPAIGNS)
async def test_spoilt_campaign_pauses_with_its_node_closed(tmp_path: Path, column: str) -> None:
    async with running_bot(tmp_path, WORLD, kernel_rule="off", **PEOPLE) as bot:
        bot.start()
        campaign = await started(bot)
        assert states(await steps(bot))[0] == "empty"
        spoil(bot, f"UPDATE campaign SET {column} = 'words'")  # noqa: S608
        with pytest.raises(StoreError):
            await bot.store.campaigns.newest(1)
        assert await set_aside(bot) == [("campaign", campaign.id)]
        assert (await steps(bot)).state is CampaignState.PAUSED
        kept = await campaign_of(bot)
        assert (kept.reason, kept.approved, states(kept)[0]) == (UNREADABLE, (), "empty")
        assert await closed(bot) == [1]
        await bot.service.campaigns.press(campaign.id, Press.STOP, ANNA)
        assert await closed(bot) == []


@pytest.mark.parametrize("column", SPOILT_NODES)
async def test_spoilt_node_pauses_the_campaign_and_stays_closed(tmp_path: Path, column: str) -> None:
    async with running_bot(tmp_path, WORLD, kernel_rule="off", **PEOPLE) as bot:
        bot.start()
        campaign = await started(bot)
        assert states(await steps(bot))[0] == "empty"
        spoil(bot, f"UPDATE campaign_node SET {column} = 'words' WHERE node_id = 1")  # noqa: S608
        assert [place for place, _ in await set_aside(bot)] == ["campaign_node"]
        kept = await steps(bot)
        assert (kept.state, kept.nodes[0].reason) == (CampaignState.PAUSED, UNREADABLE)
        assert states(kept) == ["failed", "waiting", "waiting"]
        assert await closed(bot) == [1]
        ready = await bot.service.campaigns.press(campaign.id, Press.READY, ANNA, at_node=1)
        assert ready is not None and states(ready)[0] == "done"
        assert await closed(bot) == []


async def test_spoilt_node_calls_its_moves_off(tmp_path: Path) -> None:
    async with running_bot(tmp_path, WORLD, kernel_rule="off", **PEOPLE) as bot:
        bot.start()
        await started(bot)
        while states(await campaign_of(bot))[0] != "emptying":
            await bot.service.campaign_worker.step()
        spoil(bot, "UPDATE campaign_node SET since = 'words' WHERE node_id = 1")
        await set_aside(bot)
        await bot.carry_out()
        assert sum(vm.node == 1 for vm in bot.panel.world.vms.values()) == 3
        assert await closed(bot) == [1]


async def test_spoilt_campaign_stops_where_another_is_open(tmp_path: Path) -> None:
    async with running_bot(tmp_path, WORLD, kernel_rule="off", **PEOPLE) as bot:
        bot.start()
        first = await started(bot)
        spoil(bot, "UPDATE campaign SET state = 'words'")
        second = await started(bot)
        assert await set_aside(bot) == [("campaign", first.id)]
        assert [c.id for c in await bot.store.campaigns.open()] == [second.id]


async def test_retention_deletes_old_campaigns_and_keeps_open_ones(tmp_path: Path) -> None:
    async with running_bot(tmp_path, WORLD, kernel_rule="off", **PEOPLE) as bot:
        bot.start()
        old = await started(bot)
        assert states(await steps(bot))[0] == "empty"
        await bot.service.campaigns.press(old.id, Press.STOP, ANNA)
        bot.pass_time(REST.total_seconds())
        young = await started(bot)
        await steps(bot)
        now = bot.clock() + timedelta(days=400)
        await bot.store.retention.forget_before(now - timedelta(days=90), now)
        await bot.store.retention.forget_before(now - timedelta(days=90), now)
        assert [c.id for c in await bot.store.campaigns.newest(9)] == [young.id]
        with closing(sqlite3.connect(bot.store.path)) as db:
            of_old = "SELECT count(*) FROM {} WHERE campaign_id = ?"
            counts = [
                db.execute(of_old.format(table), (old.id,)).fetchone()[0] for table in ("campaign_node", "exclusion")
            ]
        assert counts == [0, 0]
