"""Draining and filling a node in the chat: one line for each VM, remaining time, effect on other nodes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from core_builders import node, snapshot, vm
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from test_views import ANNA, HOSTILE, LANGUAGES, NOW, checked

from balancer.model import Purpose, Reason, Recent
from balancer.policy import Policy
from balancer.requests.drain import drain
from balancer.requests.fill import fill
from bot.domain.proposals import LastSeen, Migration, MigrationState, MoveState, Proposal, ProposedMove
from bot.rendering.catalog import texts_for
from bot.telegram.views.cards import request_lines
from bot.telegram.views.node_requests import plan_lines, time_left
from bot.telegram.views.proposals import CAPTION, proposal_view

PHONE_LINES = 26
"""The lines of a message that a phone shows above the buttons without scrolling."""


def drained(vms: int, name: str = "vm", purpose: Purpose = Purpose.DRAIN) -> Proposal:
    """Two nodes with room and one with so many VMs; every move waits for approval."""
    source = 1 if purpose is Purpose.DRAIN else 2
    nodes = [
        node(1, name=f"{name}-one", vcpus_allocated=vms if source == 1 else 0, vm_count=vms if source == 1 else 0),
        node(2, name=f"{name}-two", vcpus_allocated=vms if source == 2 else 0, vm_count=vms if source == 2 else 0),
        node(3, name=f"{name}-three", vcpus_allocated=0, vm_count=0),
    ]
    seen = snapshot(
        nodes, [vm(10 + i, name=f"{name}-{i}", node_id=source, vcpus=1, memory_mib=1024) for i in range(vms)]
    )
    make = drain if purpose is Purpose.DRAIN else fill
    result = make(seen, Policy(), Recent(), 1)
    moves = tuple(ProposedMove(100 + i, i, m, MoveState.PENDING) for i, m in enumerate(result.moves))
    return Proposal(5, 1, False, NOW, NOW + timedelta(hours=1), result, moves, asked_by=ANNA, node_id=1)


def with_states(base: Proposal, states: list[MigrationState | None]) -> Proposal:
    """The moves in these states of their migrations, in order; ``None``: still waits for approval."""
    moves = []
    for proposed, state in zip(base.moves, states, strict=False):
        if state is None:
            moves.append(proposed)
            continue
        started = None if state is MigrationState.QUEUED else NOW - timedelta(seconds=10)
        ended = NOW if state in (MigrationState.SUCCEEDED, MigrationState.FAILED) else None
        reason = Reason.of("task-failed") if state is MigrationState.FAILED else None
        seen = LastSeen(proposed.move.source_id, True) if state is MigrationState.FAILED else LastSeen()
        migration = Migration(
            *(proposed.id, proposed.id, base.id, 1, proposed.move, state, NOW, started, ended),
            reason=reason,
            last_seen=seen,
        )
        moves.append(replace(proposed, state=MoveState.APPROVED, decided_by=ANNA, decided_at=NOW, migration=migration))
    return replace(base, moves=(*moves, *base.moves[len(moves) :]))


@pytest.mark.parametrize("language", LANGUAGES)
@given(
    vms=st.integers(1, 40),
    states=st.lists(st.sampled_from([None, *MigrationState]), max_size=40),
    purpose=st.sampled_from([Purpose.DRAIN, Purpose.FILL]),
)
def test_progress_fits_a_phone(language: str, vms: int, states: list[MigrationState | None], purpose: Purpose) -> None:
    base = drained(vms, purpose=purpose)
    if not base.moves:
        return
    text = checked(proposal_view(texts_for(language), with_states(base, states), NOW))
    assert len(text) <= CAPTION and len(text.splitlines()) <= PHONE_LINES


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_names_stay_names_in_the_list(language: str) -> None:
    base = drained(3, HOSTILE)
    states: list[MigrationState | None] = [MigrationState.SUCCEEDED, MigrationState.RUNNING, MigrationState.FAILED]
    assert "名前" in checked(proposal_view(texts_for(language), with_states(base, states), NOW))


def test_the_headline_counts_vms_and_the_time_that_is_left() -> None:
    base = drained(4)
    seconds = base.moves[0].move.seconds or 0.0
    assert seconds > 10
    done: list[MigrationState | None] = [MigrationState.SUCCEEDED, MigrationState.RUNNING, MigrationState.QUEUED]
    running = with_states(base, done)
    assert time_left(running, NOW) == timedelta(seconds=3 * seconds - 10), "one runs since 10 s, two have not begun"
    text = checked(proposal_view(texts_for("en"), running, NOW)).replace("\u00a0", " ")
    assert text.startswith("🚰 vm-one: 1 of 4 · ≈ ") and " left\n" in text
    assert "✅ vm-" in text and "▶️ vm-" in text and "· vm-" in text and "⏳ vm-" in text
    ended = with_states(base, [MigrationState.SUCCEEDED] * 4)
    assert checked(proposal_view(texts_for("en"), ended, NOW)).startswith("✅ vm-one is empty: 4 VMs moved in")
    failed = with_states(base, [*[MigrationState.SUCCEEDED] * 3, MigrationState.FAILED])
    text = checked(proposal_view(texts_for("en"), failed, NOW)).replace("\u00a0", " ")
    assert text.startswith("🚰 vm-one: 3 of 4 moved away in 10 s") and " stays on vm-one: " in text


@pytest.mark.parametrize("purpose", [Purpose.DRAIN, Purpose.FILL])
def test_plan_shows_its_effect_on_every_changed_node(purpose: Purpose) -> None:
    plan = drained(8, purpose=purpose).plan
    assert plan.moves
    text = "\n".join(str(line) for line in plan_lines(texts_for("en"), plan)).replace("\u00a0", " ")
    changed = {m.target_name for m in plan.moves} if purpose is Purpose.DRAIN else {"vm-one", "vm-two"}
    for name in changed:
        own = [m for m in plan.moves if name in (m.target_name, m.source_name)]
        last = own[-1].target_after if own[-1].target_name == name else own[-1].source_after
        assert f"{name}: CPU" in text and f"→ {last.memory_percent:.0f} %" in text


def test_node_that_may_not_be_emptied_does_not_stay_it_has_a_reason() -> None:
    seen = snapshot([node(1, name="one", maintenance=True), node(2, name="two")], [vm(10, node_id=1)])
    plan = drain(seen, Policy(), Recent(), 1)
    lines, below = request_lines(texts_for("en"), plan, Markup("title"))
    assert not plan.moves and below and "🔒 The reason:" in lines and not any("stay" in line for line in lines)
