"""CHATS_FILE: several chats, each with its own clusters, people, language and topics; independent of each other."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import until
from bot_fixture import running_bot
from chat_fixture import ANNA, BORIS, GROUP, ChatFixture, running

from balancer.model import Reason
from bot.app.program import VMBalancer
from bot.config.chats_file import chats_of, check_chats_file
from bot.config.loading import find_settings
from bot.config.validation import check_chat
from bot.domain.chats import permissions_of
from bot.telegram.commands import COMMANDS
from sandbox.chat.model import Chat, Message, User

TOKEN = "12345:test-token-of-nobody-000000000000000"
NORTH, SOUTH = -1001000000077, -1001000000088
CARLA, DMITRI = 2003, 2004
NODE = {"cpu_number": 8, "ram_mib": 65536}
TWO: dict[str, Any] = {
    "clusters": [{"id": 1, "name": "North"}, {"id": 2, "name": "South"}],
    "nodes": [
        {"id": 1, "name": "n-hot", "cluster": 1, **NODE},
        {"id": 2, "name": "n-cold", "cluster": 1, **NODE},
        {"id": 3, "name": "s-hot", "cluster": 2, **NODE},
        {"id": 4, "name": "s-cold", "cluster": 2, **NODE},
    ],
    "vms": [
        *({"id": 10 + i, "name": f"n-web-{i}", "node": 1, "cpu_number": 8, "ram_mib": 4096} for i in range(8)),
        *({"id": 30 + i, "name": f"s-web-{i}", "node": 3, "cpu_number": 8, "ram_mib": 4096} for i in range(8)),
    ],
}
CHATS = {
    "chats": [
        {"id": NORTH, "clusters": ["north"], "admins": [CARLA], "language": "ru", "topics": {"NORTH": 7}},
        {"id": SOUTH, "clusters": [2], "admins": [DMITRI], "viewers": [CARLA]},
    ]
}


def written(folder: Path, document: Any = CHATS, name: str = "chats.json") -> Path:
    path = folder / name
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return path


def opened(fixture: ChatFixture) -> None:
    """The two groups, with the bot in them."""
    state = fixture.chat.state
    for user_id, name in ((CARLA, "Carla"), (DMITRI, "Dmitri")):
        state.add_user(User(user_id, name, language_code="en", started=True))
    for chat_id, title in ((NORTH, "North ops"), (SOUTH, "South ops")):
        chat = Chat(chat_id, "supergroup", title)
        chat.members.update({CARLA: "member", DMITRI: "member", ANNA: "member"})
        chat.bot_status = "administrator"
        state.add_chat(chat)
    state.chats[NORTH].is_forum = True
    state.chats[NORTH].topics[7] = "North"


async def started(fixture: ChatFixture, **more: Any) -> VMBalancer:
    opened(fixture)
    return await fixture.start(chats_file=written(fixture.path.parent), telegram_admin_ids=(ANNA,), **more)


def shown(fixture: ChatFixture, chat_id: int, *parts: str) -> list[Message]:
    return [m for m in fixture.messages(chat_id) if all(p in m.content.text for p in parts)]


# The file -----------------------------------------------------------------------------------------


def test_chats_come_from_the_file_and_the_settings(tmp_path: Path) -> None:
    given = {"telegram_chat_id": GROUP, "telegram_admin_ids": "1001", "chats_file": str(written(tmp_path))}
    main, north, south = chats_of(find_settings(given).settings)
    assert (main.chat_id, main.clusters, main.language) == (GROUP, None, "en")
    assert north.language == "ru" and north.shows(1, "North") and not north.shows(2, "South")
    assert south.shows(2, "whatever") and north.topic_of(1, "North") == 7 and south.topic_of(2, "South") is None
    chats = (main, north, south)
    carla_north, carla_south = permissions_of(chats, CARLA, NORTH), permissions_of(chats, CARLA, SOUTH)
    assert carla_north.administered == (north,) and permissions_of(chats, ANNA, NORTH).administered == (north,)
    assert carla_south.administered == () and carla_south.visible == (south,)
    carla_private = permissions_of(chats, CARLA, CARLA)
    assert carla_private.visible == (north, south), "in private what she may anywhere"
    assert permissions_of(chats, CARLA, GROUP).visible == ()
    assert not carla_private.global_admin and permissions_of(chats, ANNA, ANNA).global_admin


def test_file_alone_is_enough_and_admins_of_the_settings_are_global(tmp_path: Path) -> None:
    toml = f'[[chats]]\nid = {NORTH}\nclusters = ["North"]\nadmins = [5]\nthread = 3\n'
    given = {"telegram_admin_ids": "1001", "chats_file": str(written(tmp_path, toml, "chats.toml"))}
    settings = find_settings({**given, "telegram_bot_token": "1:" + "a" * 35}).settings
    north, nowhere = chats_of(settings)
    assert north.thread_id == 3 and nowhere.chat_id is None
    assert (
        permissions_of((north, nowhere), 1001, 1001).global_admin
        and not permissions_of((north, nowhere), 5, 5).global_admin
    )


def test_entry_of_the_file_overrides_the_chat_of_the_settings(tmp_path: Path) -> None:
    path = written(tmp_path, {"chats": [{"id": GROUP, "clusters": ["North"]}]})
    given = {"telegram_chat_id": GROUP, "telegram_admin_ids": "1001", "chats_file": str(path)}
    first, second = chats_of(find_settings(given).settings)
    assert first.clusters == frozenset({"north"}) and second.chat_id is None


def test_the_example_can_be_used() -> None:
    path = Path(__file__).resolve().parent.parent / "chats.example.toml"
    _, first, second = chats_of(find_settings({"telegram_chat_id": GROUP, "chats_file": str(path)}).settings)
    assert first.topic_of(3, "Lab") == 22 and first.topic_of(4, "Other") == 17 and second.clusters is None


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"chats": [{"id": 0, "admins": [5]}]}, "id 0 is no chat"),
        ({"chats": [{"id": NORTH, "admins": [5]}, {"id": NORTH, "admins": [6]}]}, "is in the file twice"),
        ({"chats": [{"id": NORTH}]}, "nobody may look"),
        ({"chats": [{"id": NORTH, "admins": [1087968824]}]}, "name people by their own ids"),
        ({"chats": [{"id": NORTH, "admins": [5], "clusters": []}]}, "clusters"),
        ({"chats": [{"id": NORTH, "admins": [5], "clusters": [True]}]}, "the id"),
        ({"chats": [{"id": NORTH, "admins": ["anna"]}]}, "admins"),
        ({"chats": [{"id": NORTH, "admins": [5], "langage": "ru"}]}, "language is probably meant"),
        ({"chats": [{"id": NORTH, "admins": [5], "topics": {"North": 0}}]}, "topics"),
        ("[]", "chats"),
    ],
)
def test_bad_chats_file_is_refused_with_a_remedy(tmp_path: Path, document: Any, words: str) -> None:
    path = written(tmp_path, document)
    [problem] = check_chats_file(find_settings({"chats_file": str(path), "telegram_bot_token": TOKEN}).settings)
    assert problem.text.startswith("CHATS_FILE: ") and str(path) in problem.text and words in problem.text


@pytest.mark.parametrize(
    ("document", "more", "words"),
    [
        ({"chats": []}, {}, "no chat is named there"),
        ({"chats": [{"id": NORTH, "viewers": [5]}]}, {}, "nobody may approve"),
        ({"chats": [{"id": NORTH, "viewers": [5]}]}, {"telegram_chat_id": -5}, "nobody may look at the chat -5"),
    ],
)
def test_chats_without_people_are_reported(tmp_path: Path, document: Any, more: dict[str, Any], words: str) -> None:
    given = {"chats_file": str(written(tmp_path, document)), "telegram_bot_token": TOKEN, **more}
    [problem] = check_chats_file(find_settings(given).settings)
    assert words in problem.text and "or set TELEGRAM_" in problem.text


def test_people_of_the_file_are_people_for_the_main_chat_too(tmp_path: Path) -> None:
    document = {"chats": [{"id": NORTH, "admins": [5]}, {"id": SOUTH, "viewers": [6]}]}
    given = {"chats_file": str(written(tmp_path, document)), "telegram_bot_token": TOKEN, "telegram_chat_id": NORTH}
    settings = find_settings(given).settings
    assert check_chats_file(settings) == [] and check_chat(settings) == []


# The program --------------------------------------------------------------------------------------


FOREIGN = re.compile(r"\bs-hot\b|\bs-cold\b|\bs-web-\d|\bSouth\b")
"""Names of the cluster that the people of the other chat must not learn."""


async def test_people_of_one_chat_learn_nothing_of_other_clusters(tmp_path: Path) -> None:
    """Sends every command with names of the other cluster, with similar names and without names; opens every page."""
    async with running(tmp_path, TWO) as fixture:
        opened(fixture)
        only_north = {"chats": [{**CHATS["chats"][0], "language": "en"}, {**CHATS["chats"][1], "viewers": []}]}
        chats_file = written(fixture.path.parent, only_north)
        await fixture.start(
            chats_file=chats_file, telegram_admin_ids=(ANNA,), exclude_source_nodes=("s-cold",), remind_after=0
        )
        await fixture.message("n-hot", chat_id=NORTH, buttons=True)
        south = await fixture.message("s-hot", chat_id=SOUTH, buttons=True)
        await fixture.pressed(south, "Approve 1", DMITRI)
        await fixture.message("done in", chat_id=SOUTH)
        near_misses = ("", "s-hott", "sout", "s-web", "s-col", "3", "2", "30")
        for command in COMMANDS:
            for name in near_misses:
                fixture.chat.state.write(CARLA, CARLA, f"/{command.name} {name}".strip())
        for payload in ("p1", "p2", "p3", "p99"):
            fixture.chat.state.write(CARLA, CARLA, f"/start {payload}")
        fixture.chat.state.write(CARLA, CARLA, "s-hott")
        fixture.chat.state.write(CARLA, CARLA, "/exclusions")
        await fixture.until(lambda: len(fixture.chat.state.updates.waiting) == 0, "every command is taken")
        await fixture.message("excluded", chat_id=CARLA)
        for message in list(fixture.messages(CARLA)):
            pages = [b["callback_data"] for row in message.content.keyboard or [] for b in row if "callback_data" in b]
            for data in pages:
                if data.startswith("g:") and data in str(message.content.keyboard):  # a page may have replaced it
                    press = fixture.press(message, data, CARLA)
                    await asyncio.wait_for(press.answered.wait(), 60)
        answers = [m.content.text + str(m.content.keyboard) for m in fixture.messages(CARLA)]
        assert len(answers) > 50 and [a for a in answers if FOREIGN.search(a)] == []


@pytest.mark.parametrize("shape", ["node_without_cluster", "vm_in_two_clusters", "vm_without_node"])
@pytest.mark.parametrize("differ", [True, False])
async def test_a_row_without_a_cluster_is_named_only_where_all_clusters_are_shown(
    tmp_path: Path, shape: str, differ: bool
) -> None:
    given = {"chats_file": written(tmp_path)} if differ else {}
    async with running_bot(tmp_path, TWO, **given) as fixture:
        fixture.panel.shapes.switch_on(shape)
        seen = await fixture.service.observer.observe()
        for plans in (await fixture.service.queries.plans(), await fixture.service.planning.observed_plans(seen)):
            cautions = [reason for plan in plans for reason in plan.cautions if reason.code.startswith("remark-")]
            assert cautions
            named = any(re.search("strange|new-", str(dict(reason.params))) for reason in cautions)
            assert named is not differ
            assert any(reason.code == "remark-unplaced" for reason in cautions) is differ


async def test_two_admins_of_the_chats_file_alone_approve_under_the_two_person_rule(tmp_path: Path) -> None:
    chats = {"chats": [{"id": SOUTH, "clusters": [2], "admins": [DMITRI, CARLA]}]}
    async with running(tmp_path, TWO, two_person_rule=True) as fixture:
        opened(fixture)
        await fixture.start(chats_file=written(tmp_path, chats), telegram_admin_ids=(ANNA,))
        report = await fixture.message("s-hot", chat_id=SOUTH, buttons=True)
        assert "another person" in await fixture.pressed(report, "Approve 1", DMITRI)
        assert "Approved" in await fixture.pressed(report, "Approve 1", CARLA)
        await fixture.message("done in", chat_id=SOUTH)


async def test_each_chat_sees_its_own_clusters(tmp_path: Path) -> None:
    async with running(tmp_path, TWO) as fixture:
        await started(fixture)
        north = await fixture.message("n-hot", chat_id=NORTH, buttons=True)
        south = await fixture.message("s-hot", chat_id=SOUTH, buttons=True)
        await fixture.message("n-hot", buttons=True)
        await fixture.message("s-hot", buttons=True)
        assert not shown(fixture, NORTH, "s-hot") and not shown(fixture, SOUTH, "n-hot")
        assert "перегружен" in north.content.text and "overloaded" in south.content.text
        assert north.thread_id == 7 and south.thread_id is None
        # People decide only on the clusters of their chat.
        assert "not" in (await fixture.pressed(south, "Approve", CARLA)).lower()
        await fixture.pressed(north, "Одобрить", DMITRI)
        assert len(await fixture.store.proposals.waiting()) == 2
        await fixture.pressed(north, "Одобрить", CARLA)
        done = await fixture.message("n-hot", "готово", chat_id=NORTH)
        assert done.message_id == north.message_id
        await fixture.message("n-hot", "done in")
        assert len(await fixture.store.proposals.waiting()) == 1
        # A command shows the clusters of its chat, and no name from another chat.
        fixture.chat.state.write(SOUTH, DMITRI, "/status")
        status = await fixture.message("VM Balancer", "s-hot", chat_id=SOUTH, buttons=True)
        assert "North" not in status.content.text
        fixture.chat.state.write(SOUTH, DMITRI, "/node n-hot")
        refused = await fixture.message("no node", chat_id=SOUTH)
        assert "n-cold" not in refused.content.text
        fixture.chat.state.write(SOUTH, DMITRI, "/proposals")
        await fixture.until(lambda: len(shown(fixture, SOUTH, "s-hot", "valid until")) >= 2, "posted again there")


async def test_a_restart_repeats_nothing_and_a_new_chat_gets_what_waits(tmp_path: Path) -> None:
    async with running(tmp_path, TWO) as fixture:
        await fixture.start(telegram_admin_ids=(ANNA,))
        await fixture.message("n-hot", buttons=True)
        await fixture.message("s-hot", buttons=True)
        await fixture.stop()
        await started(fixture)
        await fixture.message("n-hot", chat_id=NORTH, buttons=True)
        await fixture.message("s-hot", chat_id=SOUTH, buttons=True)
        await fixture.stop()
        counts = [len(fixture.messages(chat)) for chat in (GROUP, NORTH, SOUTH)]
        await fixture.start(chats_file=fixture.path.parent / "chats.json", telegram_admin_ids=(ANNA,))
        fixture.chat.state.write(SOUTH, DMITRI, "/help")
        await fixture.message("/status", chat_id=SOUTH)
        assert [len(fixture.messages(chat)) for chat in (GROUP, NORTH, SOUTH)] == [counts[0], counts[1], counts[2] + 1]


async def test_failing_chat_delays_no_other(tmp_path: Path) -> None:
    async with running(tmp_path, TWO) as fixture:
        opened(fixture)
        fixture.chat.state.chats[NORTH].bot_status = "kicked"
        path = written(tmp_path)
        await fixture.start(chats_file=path, telegram_admin_ids=(ANNA,), remind_after=30)
        south = await fixture.message("s-hot", chat_id=SOUTH, buttons=True)
        await fixture.message("n-hot", buttons=True)
        await fixture.pass_time(timedelta(minutes=31))
        await fixture.message("South", "has waited", chat_id=SOUTH)
        await fixture.pressed(south, "Approve", DMITRI)
        await fixture.message("s-hot", "done in", chat_id=SOUTH)
        assert fixture.messages(NORTH) == []
        assert fixture.balancer is not None and fixture.balancer.telegram is not None
        assert str(NORTH) in (fixture.balancer.telegram.health.problem or "")
        fixture.chat.state.chats[NORTH].bot_status = "administrator"
        fixture.balancer.telegram.chat_sync(NORTH).try_again()  # type: ignore[union-attr]
        await fixture.message("n-hot", chat_id=NORTH, buttons=True)
        assert len([m for m in fixture.messages(SOUTH) if "has waited" in m.content.text]) == 1


async def test_general_notices_go_to_chats_that_show_all_clusters(tmp_path: Path) -> None:
    async with running(tmp_path, TWO) as fixture:
        await started(fixture)
        await fixture.message("n-hot", chat_id=NORTH, buttons=True)
        await fixture.message("s-hot", chat_id=SOUTH, buttons=True)
        await fixture.message("n-hot", buttons=True)
        now = fixture.clock()
        await fixture.store.notices.note_outage("test", "x", Reason.of("outage", problem="the panel is away"), now)
        assert fixture.balancer is not None
        fixture.balancer.notifier.notices_waiting()
        await fixture.message("the panel is away")

        async def over() -> bool:
            return not await fixture.store.notices.unsent()

        await until(over, "every chat is through with it")
        assert not shown(fixture, NORTH, "panel is away") and not shown(fixture, SOUTH, "panel is away")


async def test_notice_about_a_cluster_goes_to_the_chats_that_show_it(tmp_path: Path) -> None:
    async with running(tmp_path, TWO) as fixture:
        await started(fixture)
        await fixture.message("s-hot", chat_id=SOUTH, buttons=True)
        await fixture.message("n-hot", chat_id=NORTH, buttons=True)
        body = Reason.of("foreign-moves", cluster="South", count=3)
        await fixture.store.notices.note_outage("test", "3", body, fixture.clock())
        assert fixture.balancer is not None
        fixture.balancer.notifier.notices_waiting()
        await fixture.message("South", "Somebody else", chat_id=SOUTH)  # named in the file by its id
        await fixture.message("South", "Somebody else")

        async def over() -> bool:
            return not await fixture.store.notices.unsent()

        await until(over, "every chat is through with it")
        assert not shown(fixture, NORTH, "South")


@pytest.mark.parametrize("quiet_days", [True, False])
async def test_digest_covers_the_clusters_of_the_chat(tmp_path: Path, quiet_days: bool) -> None:
    world = {**TWO, "vms": TWO["vms"][:8]}  # nothing happens in South
    async with running(tmp_path, world) as fixture:
        soon = fixture.clock.now + timedelta(minutes=10)
        given = {"digest": f"{soon:%H:%M}", "digest_quiet_days": quiet_days, "timezone": "UTC", "remind_after": 0}
        await started(fixture, **given)
        await fixture.message("n-hot", chat_id=NORTH, buttons=True)

        await fixture.summaries_begun()
        await fixture.pass_time(timedelta(minutes=5))
        assert fixture.balancer is not None
        await fixture.balancer.check_now()
        await fixture.stop()
        fixture.clock.now += timedelta(minutes=6)
        await started(fixture, **given)  # no cluster has been seen yet when the summary is due
        await fixture.message("The last day", "n-hot")
        await fixture.message("n-hot", "последний день", chat_id=NORTH)
        if quiet_days:
            assert "n-hot" not in (await fixture.message("The last day", chat_id=SOUTH)).content.text

        async def over() -> bool:
            return not await fixture.store.notices.unsent()

        await until(over, "every chat is through with it")
        assert len(shown(fixture, SOUTH)) == quiet_days
        own = await fixture.store.summaries.between(fixture.clock.now - timedelta(days=1), fixture.clock.now, [2])
        assert (own.waiting, own.overload_hours, own.quiet) == (0, 0, True)
        fixture.chat.state.write(DMITRI, DMITRI, "/digest")
        assert "n-hot" not in (await fixture.message("The last day", chat_id=DMITRI)).content.text


async def test_removed_chat_keeps_no_notice_unsent(tmp_path: Path) -> None:
    async with running(tmp_path, TWO) as fixture:
        opened(fixture)
        fixture.chat.state.chats[NORTH].bot_status = "kicked"
        await fixture.start(chats_file=written(tmp_path), telegram_admin_ids=(ANNA,), remind_after=30)
        await fixture.message("s-hot", chat_id=SOUTH, buttons=True)
        await fixture.message("n-hot", buttons=True)
        await fixture.pass_time(timedelta(minutes=31))
        await fixture.message("South", "has waited", chat_id=SOUTH)
        await fixture.message("South", "has waited")
        await fixture.message("North", "has waited")

        async def nothing_open() -> bool:
            return not await fixture.store.notices.unsent()

        assert not await nothing_open(), "one chat has not seen them"
        await fixture.stop()
        written(tmp_path, {"chats": [CHATS["chats"][1]]})
        await fixture.start(chats_file=tmp_path / "chats.json", telegram_admin_ids=(ANNA,), remind_after=30)
        await until(nothing_open, "the one that is left out is not waited for")


async def test_escalation_does_not_wait_for_a_failing_chat(tmp_path: Path) -> None:
    async with running(tmp_path, TWO) as fixture:
        fixture.chat.state.chats[GROUP].bot_status = "kicked"
        settings = {"escalation_chat_id": BORIS, "escalate_after": 45, "proposal_ttl": 86_400}
        await fixture.start(telegram_admin_ids=(ANNA,), **settings)

        async def proposed() -> bool:
            return len(await fixture.store.proposals.waiting()) == 2

        await until(proposed, "both proposals")
        await fixture.pass_time(timedelta(minutes=46))
        await fixture.message("North", chat_id=BORIS)
        await fixture.message("South", chat_id=BORIS)
        assert fixture.messages(GROUP) == []


async def test_group_of_the_file_that_becomes_a_supergroup_is_followed(tmp_path: Path) -> None:
    async with running(tmp_path, TWO) as fixture:
        await started(fixture)
        south = await fixture.message("s-hot", chat_id=SOUTH, buttons=True)
        await fixture.message("n-hot", chat_id=NORTH, buttons=True)
        new = fixture.chat.state.migrate(SOUTH, -1001000000099).id
        again = await fixture.message("s-hot", chat_id=new, buttons=True)
        assert south is not again
        await fixture.pressed(again, "Approve", DMITRI)
        await fixture.message("s-hot", "done in", chat_id=new)


async def test_chart_of_a_vm_is_only_for_people_who_see_its_cluster(tmp_path: Path) -> None:
    chats = {"chats": [{**CHATS["chats"][0], "language": "en"}, {**CHATS["chats"][1], "viewers": []}]}
    async with running(tmp_path, TWO) as fixture:
        opened(fixture)
        await fixture.start(chats_file=written(tmp_path, chats), telegram_admin_ids=(ANNA,))
        await fixture.message("n-hot", chat_id=NORTH, buttons=True)
        fixture.chat.state.write(NORTH, CARLA, "/chart s-web-0")
        refused = await fixture.message("s-web-0", "no node", chat_id=NORTH)
        assert refused.content.media is None and "was not measured" not in refused.content.text
        fixture.chat.state.write(NORTH, CARLA, "/chart n-web-0")
        own = await fixture.message("n-web-0", "was not measured in this period", chat_id=NORTH, buttons=True)
        own.content = replace(own.content, keyboard=[[{"text": "forged", "callback_data": "g:chart:30:2:7d"}]])
        assert await fixture.pressed(own, "forged", CARLA) != ""
        assert FOREIGN.search(own.content.text) is None and "n-web-0" in own.content.text
        fixture.chat.state.write(SOUTH, DMITRI, "/chart s-web-0")
        await fixture.message("s-web-0", "was not measured in this period", chat_id=SOUTH)
