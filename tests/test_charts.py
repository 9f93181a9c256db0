"""Pictures in the chat: the cluster as it is, load over time, what a proposal changes; and links to proposals."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import until
from chat_rig import ANNA, BORIS, GROUP, Rig, running
from markupsafe import Markup

from bot.service.cycle import DIGEST_KEY
from bot.telegram.illustrating import CAPTION, illustrated
from bot.telegram.links import linked_proposal
from bot.telegram.views import View
from sandbox.chat_model import Message

TWO: dict[str, Any] = {
    "clusters": [{"id": 1, "name": "Production"}, {"id": 2, "name": "Lab"}],
    "nodes": [
        {"id": 1, "name": "hot", "cluster": 1, "cpu_number": 8, "ram_mib": 65536},
        {"id": 2, "name": "cold", "cluster": 1, "cpu_number": 16, "ram_mib": 131072},
        {"id": 3, "name": "lab-1", "cluster": 2, "cpu_number": 16, "ram_mib": 131072},
    ],
    "vms": [{"id": 10 + i, "name": f"web-{i}", "node": 1, "cpu_number": 8, "ram_mib": 4096} for i in range(8)],
}


def said(rig: Rig, text: str, chat_id: int = GROUP) -> None:
    rig.chat.state.write(chat_id, ANNA, text)


def picture(message: Message) -> bytes:
    """The PNG of a message that has one."""
    assert message.content.media is not None and message.content.media.kind == "photo"
    data = message.content.media.file.data
    assert data.startswith(b"\x89PNG")
    assert message.content.media.file.width == 780
    return data


async def test_the_status_of_a_cluster_is_a_picture_with_words(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        await rig.start()
        await rig.message("small-a", buttons=True)
        said(rig, "/status")
        status = await rig.message("Production", "1 move waits", buttons=True)
        first = picture(status)
        await rig.pressed(status, "Load")
        chart = await rig.message("Production", "the last 24 h", "vCPUs per CPU on average")
        assert chart.message_id == status.message_id, "one picture takes the place of the other"
        assert picture(chart) != first
        await rig.pressed(chart, "7\u00a0d")
        await rig.message("Production", "the last 7 d", "No migration")
        await rig.pressed(chart, "Status")
        await rig.message("Production", "1 move waits")
        # A page of words takes the place of a picture: Telegram cannot edit one into the other.
        await rig.pressed(status, "Nodes")
        nodes = await rig.message("worst first", buttons=True)
        assert nodes.content.media is None and status.deleted


async def test_several_clusters_are_words_with_a_picture_behind_each_tab(tmp_path: Path) -> None:
    async with running(tmp_path, TWO) as rig:
        await rig.start()
        await rig.message("web-", buttons=True)
        said(rig, "/status")
        status = await rig.message("Production", "Lab", buttons=True)
        assert status.content.media is None
        await rig.pressed(status, "Lab")
        await rig.until(lambda: status.content.media is not None, "the picture of the lab")
        picture(status)


async def test_charts_by_name(tmp_path: Path) -> None:
    async with running(tmp_path, TWO) as rig:
        await rig.start()
        report = await rig.message("web-", buttons=True)
        await rig.pressed(report, "Approve")
        await rig.message("done in")
        rig.clock.now += timedelta(minutes=1)
        said(rig, "/chart HOT 7d")
        chart = await rig.message("hot", "the last 7 d", "1 migration")
        picture(chart)
        await rig.pressed(chart, "Back")
        await rig.message("hot", "QEMU")
        said(rig, "/chart lab")
        picture(await rig.message("Lab", "the last 24 h"))
        said(rig, "/chart")
        choice = await rig.message("Which cluster?", buttons=True)
        await rig.pressed(choice, "Production")
        picture(await rig.message("Production", "the last 24 h"))
        said(rig, "/chart nowhere")
        await rig.message("nowhere", "no node")
        rig.clock.now += timedelta(days=3)
        said(rig, "/chart cold 24h")
        empty = await rig.message("cold", "Nothing is recorded")
        assert empty.content.media is None


async def test_a_proposal_shows_before_and_after(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        await rig.start()
        report = await rig.message("small-a", buttons=True)
        await rig.pressed(report, "Picture")
        shown = await rig.message("Production", "what 1 move changes", buttons=True)
        picture(shown)
        assert shown.reply_to is report
        await rig.pressed(shown, "Close")
        await rig.until(lambda: shown.deleted, "it goes")


async def test_without_matplotlib_words_go_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_args: object) -> bytes:
        raise ImportError("No module named 'matplotlib'")

    monkeypatch.setattr("bot.telegram.illustrating.cluster_picture", missing)
    monkeypatch.setattr("bot.telegram.illustrating.before_after_picture", missing)
    async with running(tmp_path) as rig:
        await rig.start()
        report = await rig.message("small-a", buttons=True)
        said(rig, "/status")
        assert (await rig.message("Production", "1 move waits", "hot")).content.media is None
        assert "No picture" in await rig.pressed(report, "Picture")


def test_long_words_go_without_their_picture() -> None:
    words = Markup("<b>{}</b>").format("<" * CAPTION)  # escaped, four times as long
    assert illustrated(View(words), b"png").photo == b"png"
    assert illustrated(View(words + "x"), b"png").photo is None
    assert illustrated(View(Markup("\U0001f600") * (CAPTION // 2 + 1)), b"png").photo is None, "counted as UTF-16"


# Links --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "p", "p0", "p-1", "12", "p12x", "p" + "9" * 40, "q12", "p١"])
def test_what_is_no_link(text: str) -> None:
    assert linked_proposal(text) is None


async def test_a_summary_leads_to_what_waits(tmp_path: Path) -> None:
    async with running(tmp_path, telegram_admin_ids=(ANNA,), telegram_viewer_ids=(BORIS,)) as rig:

        async def begun() -> bool:
            return await rig.store.setting(DIGEST_KEY) is not None

        soon = rig.clock.now + timedelta(minutes=10)
        await rig.start(digest=f"{soon:%H:%M}", timezone="UTC", remind_after=0, proposal_ttl=86_400)
        await rig.message("small-a", buttons=True)
        await until(begun, "summaries are due from now on")
        rig.clock.now += timedelta(minutes=11)
        summary = await rig.message("The last day", buttons=True)
        picture(summary)
        [button] = (summary.content.keyboard or [[]])[0]
        assert "Production: 1 move waits" in button["text"].replace("\u00a0", " ")
        name, _, payload = button["url"].removeprefix("https://t.me/").partition("?start=")
        assert name == rig.chat.state.bot.username and linked_proposal(payload) == 1
        # Whoever follows it is in their own chat with the bot; who only looks gets no buttons.
        rig.chat.state.write(BORIS, BORIS, f"/start {payload}")
        assert (await rig.message("small-a", chat_id=BORIS)).content.keyboard is None
        said(rig, f"/start {payload}", ANNA)
        opened = await rig.message("small-a", "hot", chat_id=ANNA, buttons=True)
        await rig.pressed(opened, "Approve")
        await rig.message("small-a", "done in")
        said(rig, "/start p99", ANNA)
        await rig.message("no longer kept", chat_id=ANNA)
