"""Which messages make a sound, and when one is enough."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import NOW
from bot_fixture import HOT_WORLD, hot_clusters
from chat_fixture import BORIS, GROUP, ChatFixture, running
from test_incident_messages import MINUTE, REMINDER, checked, due, loud, quiet

from balancer.model import Purpose
from bot.domain.proposals import Actor, ActorKind
from bot.store.store import Store
from bot.store.values import SoundMade
from sandbox.chat.model import Message

CODE = Actor(ActorKind.CODE, "test")


def overload(fixture: ChatFixture, cluster: int, *, overloaded: bool = True) -> None:
    """Makes the hot node of a cluster of ``hot_clusters`` overloaded, or relieves it."""
    world = fixture.panel.world
    world.set_vm(world.vms[100 * cluster + 10], cpu_number=16 if overloaded else 1)


async def unanswered(fixture: ChatFixture) -> None:
    """Asks and reminds about cluster 1: the question and two reminders make a sound, the third reminder does not."""
    overload(fixture, 2, overloaded=False)
    await fixture.start(remind_after="10, 20, 30")
    await fixture.message("c1", buttons=True)
    for _ in range(3):
        await due(fixture, 10)
    assert len(fixture.texts(REMINDER)) == 3 and len(loud(fixture)) == 3


def latest(fixture: ChatFixture, words: str) -> Message:
    """The newest message with these words. Messages about a late check may come after it."""
    return [message for message in fixture.messages() if words in message.content.text][-1]


async def test_new_incident_of_a_cluster_is_silent_after_three_unanswered_sounds(tmp_path: Path) -> None:
    async with running(tmp_path, hot_clusters(2)) as fixture:
        await unanswered(fixture)
        overload(fixture, 1, overloaded=False)
        await checked(fixture)
        overload(fixture, 1)
        await checked(fixture, 70)
        again = fixture.messages()[-1]
        assert "c1" in again.content.text and again.silent and len(loud(fixture)) == 3


async def test_incident_of_another_cluster_makes_a_sound_after_three_unanswered_ones(tmp_path: Path) -> None:
    async with running(tmp_path, hot_clusters(2)) as fixture:
        await unanswered(fixture)
        overload(fixture, 2)
        await checked(fixture)
        other = fixture.messages()[-1]
        assert "c2" in other.content.text and not other.silent


@pytest.mark.parametrize("answer", ["Skip", "I’ll look"])
async def test_answer_lets_the_next_incident_make_a_sound(tmp_path: Path, answer: str) -> None:
    async with running(tmp_path, hot_clusters(2)) as fixture:
        await unanswered(fixture)
        report = await fixture.message("c1", buttons=True)
        fixture.clock.now += MINUTE
        await fixture.pressed(report, answer)
        overload(fixture, 1, overloaded=False)
        await checked(fixture)
        overload(fixture, 1)
        await checked(fixture, 25 * 60)
        assert not latest(fixture, "c1").silent


async def test_sounds_are_counted_over_24_hours(tmp_path: Path) -> None:
    async with running(tmp_path, hot_clusters(2)) as fixture:
        await unanswered(fixture)
        overload(fixture, 1, overloaded=False)
        await checked(fixture)
        overload(fixture, 1)
        await checked(fixture, 24 * 60)
        assert not latest(fixture, "c1").silent


async def test_quiet_hours_do_not_use_up_the_sounds_of_the_morning(tmp_path: Path) -> None:
    async with running(tmp_path, hot_clusters(4), timezone="UTC", quiet_hours="22:00-07:00") as fixture:
        fixture.clock.now = fixture.clock.now.replace(hour=23, minute=0)
        await fixture.start(remind_after="30", proposal_ttl=86_400)
        for cluster in range(1, 5):
            await fixture.message(f"c{cluster}", buttons=True)
        assert loud(fixture) == []
        await due(fixture, 8 * 60 + 1)
        assert len(fixture.texts(REMINDER)) == 4
        assert len(loud(fixture)) == 1, "four reminders at once make one sound"


async def test_drain_that_a_person_asked_for_makes_no_sound(tmp_path: Path) -> None:
    async with running(tmp_path, _calm()) as fixture:
        balancer = await fixture.start()
        node = (await balancer.service.observer.observe()).nodes[0]
        await balancer.service.requests.drain(node, CODE)
        await quiet(fixture)
        [drain] = fixture.messages()
        assert drain.silent and Purpose.DRAIN in [p.purpose for p in await fixture.store.proposals.waiting()]


async def test_drain_that_needs_a_second_person_makes_a_sound(tmp_path: Path) -> None:
    async with running(tmp_path, _calm()) as fixture:
        balancer = await fixture.start(two_person_rule=True)
        node = (await balancer.service.observer.observe()).nodes[0]
        await balancer.service.requests.drain(node, CODE)
        await quiet(fixture)
        [drain] = fixture.messages()
        assert not drain.silent


@pytest.mark.parametrize("outage_after", [2, 90])
async def test_late_check_makes_a_sound_only_if_no_outage_is_reported(tmp_path: Path, outage_after: int) -> None:
    async with running(tmp_path, outage_after=outage_after) as fixture:
        balancer = await fixture.start()
        await fixture.message("1. small-a", buttons=True)
        fixture.panel.faults.add("half_list", path="/vm/v3/host")
        for _ in range(4):
            fixture.clock.now += timedelta(hours=1, seconds=20)
            await balancer.check_now()
            await fixture.tick()
        await quiet(fixture)
        late = await fixture.message("No check has succeeded")
        outages = [message for message in fixture.messages() if "does not answer" in message.content.text]
        assert late.silent is bool(outages) and len(outages) == (outage_after == 2)
        assert not any(outage.silent for outage in outages)


async def test_escalation_makes_a_sound_however_many_went_unanswered(tmp_path: Path) -> None:
    given: dict[str, Any] = {"escalation_chat_id": BORIS, "escalate_after": 60}
    async with running(tmp_path, hot_clusters(2), **given) as fixture:
        await unanswered(fixture)
        await due(fixture, 30)
        [escalation] = fixture.messages(BORIS)
        assert not escalation.silent


def _calm() -> dict[str, Any]:
    """The hot node without two of its large VMs."""
    return {**HOT_WORLD, "vms": [vm for vm in HOT_WORLD["vms"] if vm["id"] not in (20, 21)]}


async def test_sounds_are_counted_across_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path, hot_clusters(2)) as fixture:
        await unanswered(fixture)
        await fixture.stop()
        await fixture.start(remind_after="10, 20, 30")
        overload(fixture, 1, overloaded=False)
        await checked(fixture)
        overload(fixture, 1)
        await checked(fixture, 70)
        again = fixture.messages()[-1]
        assert "c1" in again.content.text and again.silent and len(loud(fixture)) == 3


@pytest.mark.parametrize(
    "text", ["", "no json", "7", "[7]", "[[1, 2, 3]]", '[["proposal", 1e999, 1, "now"]]', "{}", '[["a", 1, 1, null]]']
)
async def test_stored_sounds_that_cannot_be_read_count_as_none(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path / "bot.db")
    await store.open()
    async with AsyncExitStack() as ends:
        ends.push_async_callback(store.close)
        made = SoundMade(("proposal", 7), 1, NOW)
        await store.messages.keep_sounds(GROUP, [made], NOW)
        assert await store.messages.sounds(GROUP) == [made]
        await store.messages.chat_moved(GROUP, GROUP - 1, NOW)
        assert await store.messages.sounds(GROUP - 1) == [made], "the same chat has another id"
        await store.settings.set(f"chat-sounds:{GROUP}", text, CODE, NOW)
        assert await store.messages.sounds(GROUP) == []
