"""Pictures in the chat: the cluster as it is, load over time, what a proposal changes; and links to proposals."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chat_fixture import ANNA, BORIS, GROUP, ChatFixture, running
from markupsafe import Markup

from bot.domain.vm_load import VMSample
from bot.telegram.deep_links import linked_proposal
from bot.telegram.views.pictures import illustrated
from bot.telegram.views.view import CAPTION, View
from sandbox.chat.model import Message

TWO: dict[str, Any] = {
    "clusters": [{"id": 1, "name": "Production"}, {"id": 2, "name": "Lab"}],
    "nodes": [
        {"id": 1, "name": "hot", "cluster": 1, "cpu_number": 8, "ram_mib": 65536},
        {"id": 2, "name": "cold", "cluster": 1, "cpu_number": 16, "ram_mib": 131072},
        {"id": 3, "name": "lab-1", "cluster": 2, "cpu_number": 16, "ram_mib": 131072},
    ],
    "vms": [{"id": 10 + i, "name": f"web-{i}", "node": 1, "cpu_number": 8, "ram_mib": 4096} for i in range(8)],
}


def said(fixture: ChatFixture, text: str, chat_id: int = GROUP) -> None:
    fixture.chat.state.write(chat_id, ANNA, text)


def picture(message: Message) -> bytes:
    """The PNG of a message that has one."""
    assert message.content.media is not None and message.content.media.kind == "photo"
    data = message.content.media.file.data
    assert data.startswith(b"\x89PNG")
    assert message.content.media.file.width == 780
    return data


async def test_status_of_a_cluster_is_a_picture_with_a_caption(tmp_path: Path) -> None:
    async with running(tmp_path, pictures=True) as fixture:
        await fixture.start()
        await fixture.message("small-a", buttons=True)
        said(fixture, "/status")
        status = await fixture.message("Production", "1 move waits", buttons=True)
        first = picture(status)
        await fixture.pressed(status, "Load")
        chart = await fixture.message("Production", "the last 1 h", "CPU: average")
        assert chart.message_id == status.message_id, "one picture takes the place of the other"
        assert picture(chart) != first
        await fixture.pressed(chart, "7\u00a0d")
        await fixture.until(lambda: "• 7\u00a0d" in [b["text"] for row in chart.content.keyboard or [] for b in row])
        await fixture.pressed(chart, "Status")
        await fixture.message("Production", "1 move waits")
        # A page of words replaces a picture as a new message: Telegram cannot edit one into the other.
        await fixture.pressed(status, "Nodes")
        nodes = await fixture.message("most loaded first", buttons=True)
        assert nodes.content.media is None
        await fixture.until(lambda: status.deleted)


async def test_several_clusters_share_one_picture_with_a_tab_for_each(tmp_path: Path) -> None:
    async with running(tmp_path, TWO, pictures=True) as fixture:
        await fixture.start()
        await fixture.message("web-", buttons=True)
        said(fixture, "/status")
        status = await fixture.message("VM Balancer", "Production", buttons=True)
        everything = picture(status)
        await fixture.pressed(status, "Lab")
        await fixture.until(lambda: picture(status) != everything, "the picture of the lab")
        await fixture.pressed(status, "All clusters")
        await fixture.until(lambda: picture(status) == everything, "the picture of both")


async def test_caption_of_many_clusters_is_short(tmp_path: Path) -> None:
    nodes = [
        {"id": i, "name": f"node-{i}", "cluster": 1 + i % 20, "cpu_number": 8, "ram_mib": 65536} for i in range(1, 61)
    ]
    vms = [{"id": 99 + i, "name": f"vm-{i}", "node": 7, "cpu_number": 8, "ram_mib": 1024} for i in range(9)]
    many = {"clusters": [{"id": i, "name": f"cluster-{i:02}"} for i in range(1, 21)], "nodes": nodes, "vms": vms}
    async with running(tmp_path, many, pictures=True) as fixture:
        await fixture.start()
        await fixture.message("cluster-08", buttons=True)
        said(fixture, "/status")
        status = await fixture.message("cluster-08: 1 of 3 nodes is overloaded", "1 move waits", buttons=True)
        picture(status)
        assert status.content.text.count("cluster-") == 1, "the words name what needs somebody"


async def test_chart_begins_with_first_data(tmp_path: Path) -> None:
    async with running(tmp_path, TWO) as fixture:
        await fixture.start()
        await fixture.message("web-", buttons=True)
        fixture.clock.now += timedelta(hours=2, minutes=10)
        said(fixture, "/balance")
        await fixture.until(lambda: fixture.texts("Checked") or fixture.texts("A check is running already"))
        said(fixture, "/chart Production 7d")
        chart = await fixture.message("Production", "the last 3 h", "CPU: average", buttons=True)
        assert "• 7\u00a0d" in [b["text"] for row in chart.content.keyboard or [] for b in row]


async def test_chart_command_finds_node_or_cluster_by_name(tmp_path: Path) -> None:
    async with running(tmp_path, TWO, pictures=True) as fixture:
        await fixture.start()
        report = await fixture.message("web-", buttons=True)
        await fixture.pressed(report, "Approve")
        await fixture.message("done in")
        await fixture.pass_time(timedelta(minutes=1))
        said(fixture, "/chart HOT 7d")
        chart = await fixture.message("hot", "the last 1 h", "1 migration")
        picture(chart)
        await fixture.pressed(chart, "Back")
        await fixture.message("hot", "QEMU")
        said(fixture, "/chart lab")
        picture(await fixture.message("Lab", "the last 1 h"))
        said(fixture, "/chart")
        choice = await fixture.message("Which cluster?", buttons=True)
        await fixture.pressed(choice, "Production")
        picture(await fixture.message("Production", "the last 1 h"))
        said(fixture, "/chart nowhere")
        await fixture.message("nowhere", "no node")
        await fixture.pass_time(timedelta(days=3))
        said(fixture, "/chart cold 24h")
        empty = await fixture.message("cold", "No data for this period")
        assert empty.content.media is None


async def test_chart_command_draws_the_load_of_a_vm(tmp_path: Path) -> None:
    async with running(tmp_path, TWO, pictures=True) as fixture:
        balancer = await fixture.start()
        await fixture.message("web-", buttons=True)
        said(fixture, "/chart web-3")
        nothing = await fixture.message("web-3", "was not measured in this period", buttons=True)
        assert nothing.content.media is None
        now = balancer.service.clock()
        samples = [VMSample(13, now - timedelta(minutes=10 * i), 600, 600 * (1 + i % 4)) for i in range(1, 12)]
        await balancer.store.vm_samples.record(samples)
        said(fixture, "/chart web-3 7d")
        chart = await fixture.message("web-3", "peak 4.0 of 8 vCPU", "No migration", buttons=True)
        picture(chart)
        await fixture.pressed(chart, "Back")
        await fixture.message("web-3", "(ID 13)")


async def test_a_proposal_shows_before_and_after_also_by_the_button_of_an_older_version(tmp_path: Path) -> None:
    async with running(tmp_path, pictures=True) as fixture:
        await fixture.start()
        report = await fixture.message("small-a", buttons=True)
        picture(report)
        old = [[{"text": "Picture", "callback_data": "d:picture:1:0:"}]]
        report.content = replace(report.content, keyboard=old)
        await fixture.pressed(report, "Picture")
        shown = await fixture.message("Production", "what 1 move changes", buttons=True)
        picture(shown)
        assert shown.reply_to is report
        await fixture.pressed(shown, "Close")
        await fixture.until(lambda: shown.deleted, "it goes")


async def test_text_is_sent_alone_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_args: object) -> bytes:
        raise ImportError("No module named 'matplotlib'")

    monkeypatch.setattr("bot.telegram.views.pictures.cluster_picture", missing)
    monkeypatch.setattr("bot.telegram.views.pictures.before_after_picture", missing)
    async with running(tmp_path, pictures=True) as fixture:
        await fixture.start()
        report = await fixture.message("small-a", buttons=True)
        assert report.content.media is None
        said(fixture, "/status")
        assert (await fixture.message("Production", "1 move waits", "hot")).content.media is None


async def test_text_too_long_for_a_caption_is_sent_without_drawing_a_picture() -> None:
    drawn = 0

    async def draw() -> bytes:
        nonlocal drawn
        drawn += 1
        return b"png"

    words = Markup("<b>{}</b>").format("<" * CAPTION)  # escaped, four times as long
    assert (await illustrated(View(words), draw)).photo == b"png" and drawn == 1
    assert (await illustrated(View(words + "x"), draw)).photo is None
    smiling = View(Markup("\U0001f600") * (CAPTION // 2 + 1))
    assert (await illustrated(smiling, draw)).photo is None, "counted as UTF-16"
    assert drawn == 1


# Links --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "p", "p0", "p-1", "12", "p12x", "p" + "9" * 40, "q12", "p١"])
def test_malformed_deep_links_are_ignored(text: str) -> None:
    assert linked_proposal(text) is None


async def test_link_of_a_digest_opens_the_waiting_proposal(tmp_path: Path) -> None:
    async with running(tmp_path, telegram_admin_ids=(ANNA,), telegram_viewer_ids=(BORIS,), pictures=True) as fixture:
        soon = fixture.clock.now + timedelta(minutes=10)
        await fixture.start(digest=f"{soon:%H:%M}", timezone="UTC", remind_after=0, proposal_ttl=86_400)
        await fixture.message("small-a", buttons=True)
        await fixture.summaries_begun()
        await fixture.pass_time(timedelta(minutes=11))
        summary = await fixture.message("The last day", buttons=True)
        picture(summary)
        [button] = (summary.content.keyboard or [[]])[0]
        assert "Production: 1 move waits" in button["text"].replace("\u00a0", " ")
        name, _, payload = button["url"].removeprefix("https://t.me/").partition("?start=")
        assert name == fixture.chat.state.bot.username and linked_proposal(payload) == 1
        # A person who follows the link is in a private chat with the bot; a viewer gets no buttons.
        fixture.chat.state.write(BORIS, BORIS, f"/start {payload}")
        assert (await fixture.message("small-a", chat_id=BORIS)).content.keyboard == [
            [{"text": "✖ Close", "callback_data": "d:close:0:0:"}]
        ]
        said(fixture, f"/start {payload}", ANNA)
        opened = await fixture.message("small-a", "hot", chat_id=ANNA, buttons=True)
        await fixture.pressed(opened, "Approve")
        await fixture.message("small-a", "done in")
        said(fixture, "/start p99", ANNA)
        await fixture.message("no longer exists", chat_id=ANNA)
