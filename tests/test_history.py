"""/history: one entry for an incident or a request, the VMs that matter first, older entries behind a button."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chat_fixture import running
from test_charts import said
from test_node_requests import drained, with_states
from test_views import ANNA, HOSTILE, LANGUAGES, NOW, checked, proposal

from balancer.model import Purpose, Reason
from bot.domain.proposals import MigrationState, MoveState, ProposedMove
from bot.rendering.catalog import texts_for
from bot.store.values import DecisionGroup
from bot.telegram.views.history import OUTCOMES, history_view, outcome

PAIRS: dict[str, Any] = {
    "clusters": [{"id": 1, "name": "Production"}, {"id": 2, "name": "Lab"}],
    "nodes": [
        {"id": i, "name": name, "cluster": cluster, "cpu_number": 16, "ram_mib": 131072}
        for i, name, cluster in ((1, "hot", 1), (2, "other", 1), (3, "cold", 2), (4, "another", 2))
    ],
    "vms": [
        {"id": 11, "name": "on-hot", "node": 1, "cpu_number": 2, "ram_mib": 2048},
        {"id": 12, "name": "on-cold", "node": 3, "cpu_number": 2, "ram_mib": 2048},
    ],
}


def group(moves: tuple[ProposedMove, ...], purpose: Purpose = Purpose.DRAIN, name: str = "meadow") -> DecisionGroup:
    return DecisionGroup(purpose, name, NOW, ANNA if purpose is not Purpose.BALANCE else None, moves)


def called_back(proposed: ProposedMove) -> ProposedMove:
    assert proposed.migration is not None
    migration = replace(
        proposed.migration, state=MigrationState.SKIPPED, reason=Reason.of("called-back", who="Anna"), started_at=None
    )
    return replace(proposed, migration=migration)


def test_a_stopped_drain_is_one_entry_with_its_counts() -> None:
    base = with_states(drained(11), [MigrationState.SUCCEEDED] * 2 + [MigrationState.QUEUED] * 9)
    moves = (*base.moves[:2], *(called_back(m) for m in base.moves[2:]))
    text = checked(history_view(texts_for("en"), [group(moves)], NOW, part=0, size=8, more=False))
    assert "🚰 meadow: 2 moved, 9 called back · " in text and text.count("called back") == 2, "the count, and one VM"
    assert "… 8 more" in text and len(text.splitlines()) <= 8


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", [*MoveState, *MigrationState])
def test_every_outcome_is_worded(language: str, state: MoveState | MigrationState) -> None:
    base = proposal(1, HOSTILE)
    moves = (replace(base.moves[0], state=state),)
    if isinstance(state, MigrationState):
        moves = with_states(drained(1, HOSTILE), [state]).moves
    text = checked(history_view(texts_for(language), [group(moves), group(moves * 2)], NOW, part=1, size=8, more=True))
    assert outcome(moves[0]) in OUTCOMES and "{" not in text


def test_failed_migrations_come_first() -> None:
    states: list[MigrationState | None] = [MigrationState.SUCCEEDED] * 5 + [MigrationState.FAILED]
    base = with_states(drained(6), states)
    text = checked(history_view(texts_for("en"), [group(base.moves)], NOW, part=0, size=8, more=False))
    assert text.index("❌") < text.index("✅")


async def test_older_entries_are_behind_a_button(tmp_path: Path) -> None:
    async with running(tmp_path, PAIRS) as fixture:
        await fixture.start()
        for name in ("hot", "cold"):
            said(fixture, f"/drain {name}")
            plan = await fixture.message("takes no VM", name, buttons=True)
            await fixture.pressed(plan, "Empty and exclude")
            await fixture.message(f"{name} is empty")
        said(fixture, "/history 1")
        newest = await fixture.message("Last decisions", "on-cold", buttons=True)
        assert "on-hot" not in newest.content.text
        await fixture.pressed(newest, "Older")
        await fixture.until(lambda: "on-hot" in newest.content.text and "on-cold" not in newest.content.text, "older")
        await fixture.pressed(newest, "Newer")
        await fixture.until(lambda: "on-cold" in newest.content.text, "back")
