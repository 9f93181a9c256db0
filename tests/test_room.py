"""Room for a lost node in the program: /survive, /status, the digest, the metrics, groups of nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chat_fixture import ChatFixture, running
from test_charts import TWO, said

from bot.domain.survival_summary import SURVIVES_KEY, SurvivalSummary, summaries_of
from sandbox.chat.model import Message

RACKS = """
[clusters.Production.node_groups]
"rack <a>" = ["hot", "cold"]
"""


async def answer(fixture: ChatFixture, text: str, *parts: str) -> Message:
    before = {id(m) for m in fixture.messages()}

    def new() -> list[Message]:
        return [m for m in fixture.messages() if id(m) not in before and all(part in plain(m) for part in parts)]

    said(fixture, text)
    await fixture.until(new, f"an answer to {text} with {parts}")
    return new()[0]


def plain(message: Message) -> str:
    return message.content.text.replace("\u00a0", " ").replace("\u202f", " ")


async def test_survive_names_the_nodes_that_cannot_be_lost(tmp_path: Path) -> None:
    async with running(tmp_path, TWO) as fixture:
        await fixture.start()
        await answer(fixture, "/survive", "Production", "Lab")
        await answer(fixture, "/survive production", "Production")
        both = await answer(fixture, "/survive hot,cold", "Production · hot, cold")
        assert "❌" in plain(both)
        await answer(fixture, "/survive production without cold", "Production · hot, cold")
        await answer(fixture, "/survive nowhere", "nowhere")
        status = await answer(fixture, "/status lab", "Lab")
        assert "nodes" in plain(status)


async def test_group_of_nodes_is_lost_together(tmp_path: Path) -> None:
    path = tmp_path / "clusters.toml"
    path.write_text(RACKS, "utf-8")
    async with running(tmp_path, TWO) as fixture:
        await fixture.start(clusters_file=path)
        await answer(fixture, "/survive RACK <a>", "Production · hot, cold")


async def test_place_lists_the_moves_that_make_room(tmp_path: Path) -> None:
    full = {
        "nodes": [{"id": i, "name": name, "cpu_number": 8, "ram_mib": 65536} for i, name in ((1, "birch"), (2, "oak"))],
        "vms": [
            *({"id": 10 + i, "name": f"web-{i}", "node": 1, "cpu_number": 8, "ram_mib": 1024} for i in range(6)),
            *({"id": 20 + i, "name": f"db-{i}", "node": 2, "cpu_number": 8, "ram_mib": 1024} for i in range(6)),
        ],
    }
    async with running(tmp_path, full) as fixture:
        await fixture.start()
        shown = plain(await answer(fixture, "/place 12 2", "no room for a VM"))
        assert "One move makes room on birch; no plan does with fewer:" in shown
        assert "web-0: birch → oak" in shown


async def test_check_stores_the_answer_for_status_summary_and_metrics(tmp_path: Path) -> None:
    async with running(tmp_path, TWO) as fixture:
        balancer = await fixture.start()
        store, survivals = balancer.store, balancer.service.survivals
        await balancer.service.cycle.run()
        summaries = await survivals.summaries()
        assert {s.cluster_name for s in summaries.values()} == {"Production", "Lab"}
        assert {i: SurvivalSummary.of(s) for i, s in survivals.known.items()} == summaries
        await answer(fixture, "/digest", summaries[1].cluster_name)
        assert len(await store.settings.with_prefix(SURVIVES_KEY)) == 2


@pytest.mark.parametrize("value", ["", "[]", "{}", '{"cluster_id": 1}', "null", "7"])
def test_summary_of_another_version_is_ignored(value: str) -> None:
    stored: dict[str, Any] = {f"{SURVIVES_KEY}1": value, "mode": "auto"}
    assert summaries_of(stored) == {}
